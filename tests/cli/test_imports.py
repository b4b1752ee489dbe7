"""A scenario that imports inside of its function, with and without a warm-up."""

from __future__ import annotations

from tests.cli.conftest import Call, Tool

SOURCE = """
    CALLS = iter(range(100))

    def run():
        number = next(CALLS)
        if not number:
            import unittest.mock, xml.dom.minidom, xmlrpc.client
        elif number == 3:
            import sqlite3, tarfile, zipfile
        return len(bytearray(10_000))
"""


def test_first_iteration_that_imports_is_left_out_without_a_warm_up(tool: Tool, call: Call) -> None:
    """Statistics and verdict are without it, the list of iterations has it; after a warm-up a later import is a note."""
    tool.write("scenario.py", SOURCE)
    result = call("scenario.py", "--iterations", "8", "--warmup", "0").result
    first, *others = result.iterations
    assert len(others) == 7
    assert first.imported_modules > 20
    assert [iteration.imported_modules > 2 for iteration in others] == [False, False, True, False, False, False, False]
    assert result.statistics.without_first
    assert result.statistics.peak_bytes is not None
    assert first.peak_bytes is not None
    assert result.statistics.peak_bytes.max < first.peak_bytes
    assert result.statistics.runtime_seconds is not None
    assert result.statistics.runtime_seconds.max < first.duration_seconds
    sentence, later = [reason for reason in result.verdict.reasons if reason.startswith("imported ")]
    assert sentence.startswith(f"imported {first.imported_modules} modules in the first iteration, which kept ")
    assert sentence.endswith("import them at module level, or use a warm-up (--warmup 1)")
    assert later.startswith(f"imported {others[2].imported_modules} modules in iteration 4, which kept ")

    done = call("scenario.py", "--iterations", "8", "--warmup", "1")
    assert not done.result.statistics.without_first
    assert done.result.iterations[0].imported_modules == first.imported_modules
    (note,) = [reason for reason in done.result.verdict.reasons if reason.startswith("imported ")]
    assert " modules in iteration 3, which kept " in note
    assert note in done.text
