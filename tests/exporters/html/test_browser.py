"""The page in a real browser, which is left out where Chromium is not installed: ``benchmarks.page`` has the other sizes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.browser import chromium, picture, probe
from benchmarks.faults.groups.injection import NAMES
from otel_memeval.exporters.html.page import html_page
from tests.exporters.html.results import full_result, with_every_text

KINDS = ("HTML", "HTML attribute", "half a character", "stacked accents")


@pytest.mark.process
@pytest.mark.skipif(chromium() is None, reason="Chromium is not installed")
def test_page_with_hostile_names_opens_without_a_word(tmp_path: Path) -> None:
    """On a phone, without a network: the console is silent, no script of a name runs, nothing is cut off."""
    page = tmp_path / "page.html"
    results = [full_result(), *(with_every_text(full_result(), NAMES[kind]) for kind in KINDS)]
    long_run = full_result(300)
    results.append(msgspec.structs.replace(long_run, run=msgspec.structs.replace(long_run.run, target="long.py")))
    page.write_bytes(html_page(results, ("leaking",)))
    assert picture(page, tmp_path / "page.png", 375, 1200, "dark") == []
    assert (tmp_path / "page.png").stat().st_size > 10_000
    found = probe(page, 375, 1200, "dark")
    assert found.violations == []
    assert found.overflow_pixels <= 0
    assert (found.alerts, found.positive_tabindexes) == (0, 0)
    assert len(found.charts) == 8 * len(results)
    assert set(found.charts) == {1}
