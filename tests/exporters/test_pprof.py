"""Growth as a pprof profile: the totals are those of the result, and Go's own reader opens it."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from otel_memeval.exporters.pprof import pprof_profile
from otel_memeval.records import GrowthStack, Result
from tests.exporters.html.results import OWN, full_result


def read(data: bytes, folder: Path, *options: str) -> str:
    """Return the output of ``go tool pprof``."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed")
    path = folder / "profile.pb.gz"
    path.write_bytes(data)
    command = [go, "tool", "pprof", *options, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.process
def test_reader_of_go_finds_the_stacks_of_the_explanation(tmp_path: Path) -> None:
    """Growth per iteration, bytes kept in the four explained iterations, innermost frame first, the eval as a label."""
    raw = read(pprof_profile([full_result()]), tmp_path, "-raw")
    lines = [" ".join(line.split()) for line in raw.splitlines()]
    assert "growth/bytes[dflt] retained/bytes peak/bytes" in lines
    assert {"20000 80000 0: 1 2", "480 1922 0: 3 2", "eval:[Ask the agent]"} <= set(lines)
    assert "1: 0x0 M=1 Client.send library/client.py:7:0 s=0" in lines
    assert "Duration: 3.5" in raw


def test_lines_are_samples_without_an_explanation(make_result: Callable[..., Result]) -> None:
    """Equal results are equal bytes; names are in the table of texts."""
    data = pprof_profile([make_result()])
    assert data == pprof_profile([make_result()])
    content = gzip.decompress(data)
    for text in (b"m.py", b"run", b"An eval", b"growth", b"An eval: leaking: keeps 4.00 KiB more every iteration"):
        assert text in content
    assert gzip.decompress(pprof_profile([]))


def test_peak_is_shown_first_where_nothing_is_kept() -> None:
    """The stacks of a creeping peak have no growth."""
    result = full_result()
    assert result.explanation is not None
    stacks = [GrowthStack(frames=[OWN], peak_bytes=5000)]
    creeping = msgspec.structs.replace(result, explanation=msgspec.structs.replace(result.explanation, stacks=stacks))
    kept, peak = (gzip.decompress(pprof_profile([each])) for each in (result, creeping))
    texts = kept.index(b"growth"), peak.index(b"growth")
    assert min(texts) > 0
    assert kept[-2:] != peak[-2:]  # the last field is the number of the first sample type's name


@settings(deadline=None, max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_result_has_a_profile(data: st.DataObject, hostile_result: st.SearchStrategy[Result]) -> None:
    """Numbers of any size  and names with what a terminal obeys."""
    assert gzip.decompress(pprof_profile([data.draw(hostile_result)]))
