"""The packages that a scenario uses are those that Python's own metadata names."""

from __future__ import annotations

import sys
from pathlib import Path

import importlib_metadata as metadata  # that of Python 3.10 leaves out packages that declare no modules
import pytest

from otel_memeval.worker.packages import packages_in_use


def test_packages_are_those_of_the_table_of_importlib_metadata() -> None:
    """Name and version agree with ``importlib_metadata`` for every module of this process."""
    owners = metadata.packages_distributions()
    names = {owner for module in list(sys.modules) for owner in owners.get(module, ())}
    assert {"pytest", "msgspec"} <= names
    assert packages_in_use() == {name: metadata.version(name) for name in sorted(names)}


def installed(folder: Path, name: str, files: dict[str, str]) -> None:
    """Write the metadata of a package."""
    info = folder / f"{name}-1.dist-info"
    info.mkdir()
    for file, content in {"METADATA": f"Name: {name}\nVersion: 1\n", **files}.items():
        (info / file).write_text(content)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"top_level.txt": "odd_module\n"}, True),
        ({"top_level.txt": "other_module\n", "RECORD": "odd_module.py,,\n"}, False),
        ({"RECORD": "odd_module.py,sha256=x,1\nodd_package-1.dist-info/RECORD,,\n"}, True),
        ({"RECORD": "odd_module/__init__.py,,\n"}, True),
        ({"RECORD": "odd_module.cpython-311-x86_64-linux-gnu.so,,\n"}, True),
        ({"RECORD": "other_module.py,,\n../../bin/odd_module,,\n"}, False),
        ({}, False),
    ],
)
def test_package_owns_the_modules_of_its_record(
    files: dict[str, str], found: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Declared modules go before those that the list of files shows."""
    installed(tmp_path, "odd_package", files)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "odd_module", sys)
    assert packages_in_use().get("odd_package") == ("1" if found else None)


def test_broken_package_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without a name, a version or a readable file is left out, and the others are not."""
    before = packages_in_use()
    installed(tmp_path, "nameless", {"top_level.txt": "sys", "METADATA": "\n"})
    installed(tmp_path, "unreadable", {"top_level.txt": ""})
    (tmp_path / "unreadable-1.dist-info" / "RECORD").write_bytes(b"\xff\xfe")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert packages_in_use() == before != {}
