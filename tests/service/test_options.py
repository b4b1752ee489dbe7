"""The targets file of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from otel_memeval.errors import UsageError
from otel_memeval.service.options import _targets_in


def test_byte_order_mark_is_no_part_of_a_target(tmp_path: Path) -> None:
    """Editors on Windows write one; comments and empty lines are left out."""
    path = tmp_path / "targets.txt"
    path.write_bytes(b"\xef\xbb\xbf# agents\r\none.py\r\n\r\n two.py:run \r\n")
    assert _targets_in(str(path)) == ["one.py", "two.py:run"]
    path.write_bytes(b"\xef\xbb\xbfone.py")
    assert _targets_in(str(path)) == ["one.py"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"one.py\n" + b"x" * 10_000_000, "line 2 has 10,000,000 characters"),
        (b"\xff\xfeo\0n\0e\0", "not UTF-8"),
        (b"\xef\xbb\xbf", "no target in it"),
    ],
)
def test_file_without_usable_targets_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """The error names the file and the line, and does not repeat the line."""
    path = tmp_path / "targets.txt"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=problem) as error:
        _targets_in(str(path))
    assert len(str(error.value)) < 500
