"""The reference pages below docs/ are those that the code gives."""

from __future__ import annotations

import pytest

from docs.build import FOLDER, pages


@pytest.mark.parametrize("name", ["reference/command-line.md", "reference/python-api.md", "reference/result.md",
                                  "reference/telemetry.md", "metrics.md"])  # fmt: skip
def test_generated_page_follows_the_code(name: str) -> None:
    """The committed page is the one that ``python -m docs.build`` would write."""
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run: python -m docs.build"


def test_every_generated_page_is_compared() -> None:
    """No page below ``docs/reference/`` is written by hand."""
    written = {f"reference/{path.name}" for path in (FOLDER / "reference").glob("*.md")}
    assert written | {"metrics.md"} == pages().keys()
