"""``otel-memeval report``: reports of result files, again and in other formats."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from otel_memeval.cli import main
from otel_memeval.records import to_json
from tests.exporters.html.results import full_result


@pytest.fixture
def result_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a result file in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "result.json").write_bytes(to_json([full_result()]))
    return "result.json"


def test_report_prints_again(result_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the course of retained memory; two results have a closing summary. The status does not follow the verdict."""
    assert main.run(["report", result_file]) == 0
    printed = capsys.readouterr().out
    assert "Ask the agent: leaking: keeps 20.0 KiB more every iteration" in printed
    assert "\nretained  _.-=+*%##  977 KiB to 1.11 MiB\n" in printed
    assert main.run(["report", "-q", result_file, result_file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Ask the agent: leaking: ")
    assert lines[-1] == "2 of 2 fail: Ask the agent (leaking), Ask the agent (leaking)"


def test_report_writes_files_and_prints_nothing(
    result_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each format has an option."""
    formats = ("html", "pprof", "markdown", "junit", "sarif", "code-quality")
    arguments = [argument for name in formats for argument in (f"--{name}", f"out.{name}")]
    assert main.run(["report", result_file, *arguments]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "out.html").read_bytes().startswith(b"<!DOCTYPE html>")
    assert b"Client.send" in gzip.decompress((tmp_path / "out.pprof").read_bytes())
    assert all((tmp_path / f"out.{name}").is_file() for name in formats)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "other.json: No such file or directory; name a file that --json wrote"),
        (b"{", "other.json is no result file: Input data was truncated; name a file that --json wrote"),
        (
            b'{"schema": 1, "runs": [{}]}',
            "other.json is no result file: Object missing required field `run` - at `$.runs[0]`",
        ),
    ],
)
def test_file_that_is_no_result_is_named(
    content: bytes | None, problem: str, result_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The status is 2, and no report is printed."""
    if content is not None:
        (tmp_path / "other.json").write_bytes(content)
    assert main.run(["report", result_file, "other.json"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"otel-memeval: {problem}")


def test_file_that_cannot_be_written_is_status_4(result_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is one line."""
    assert main.run(["report", result_file, "--html", "/dev/full"]) == 4
    assert capsys.readouterr().err == "otel-memeval: --html /dev/full was not written: No space left on device\n"
