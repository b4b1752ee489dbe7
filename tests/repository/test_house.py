"""Rules for all files of this repository."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.repository.files import ROOT, files

LONGEST_FILE = 350


def test_no_python_file_has_more_than_350_lines() -> None:
    """A file has one idea."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files() if path.suffix == ".py"}
    assert len(lengths) > 40
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def imported(file: Path, package: Path | None = None) -> set[str]:
    """Return the top-level packages that a file imports, also inside functions.

    A relative import that stays inside the folder ``package`` is left out; one that leaves it is returned as its dots.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            start = file.parents[node.level - 1]
            if package is None or (start != package and package not in start.parents):
                names.add("." * node.level)
    return names


def test_worker_imports_only_the_standard_library() -> None:
    """The worker runs in other interpreters: every import, also inside a function, is of the standard library or its own."""
    worker = ROOT / "otel_memeval" / "worker"
    modules = [path for path in files() if worker in path.parents and path.suffix == ".py"]
    assert len(modules) >= 30
    foreign = {path.name: imported(path, worker) - sys.stdlib_module_names - {"_memeval_worker"} for path in modules}
    assert {name: packages for name, packages in foreign.items() if packages} == {}


def test_import_out_of_the_worker_is_found(tmp_path: Path) -> None:
    """A relative import is allowed up to the worker's own folder, and not above it."""
    module = tmp_path / "worker" / "memory" / "module.py"
    module.parent.mkdir(parents=True)
    module.write_text("from ..iterate import call\nfrom . import heap\n", encoding="utf-8")
    assert imported(module, tmp_path / "worker") == set()
    module.write_text("from ...records import Result\n", encoding="utf-8")
    assert imported(module, tmp_path / "worker") == {"..."}


def test_tool_does_not_import_the_scenarios() -> None:
    """Workloads use the tool, not the other way round."""
    tool = [path for path in files() if (ROOT / "otel_memeval") in path.parents and path.suffix == ".py"]
    assert [path.name for path in tool if "scenarios" in imported(path)] == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    """Both are the same lines, to the letter."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    command = blocks[-1]
    assert "sh .ci/checks" in command
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").endswith("\n" + command)


ELSEWHERE = {
    "a registry's host": r"pypi\.{}org|pythonhosted\.{}org|registry\.{}npmjs|npmjs\.{}org|crates\.{}io|rubygems\.{}org|"
    r"debian\.{}org|proxy\.{}golang|ghcr\.{}io|docker\.{}io|quay\.{}io",
    "a home or work folder": r"(?<![\w.])/{}(?:root|work|home|Users)/\w|C:\\{}Users",
}
"""With empty braces inside, so that this file does not hold what it looks for."""


@pytest.mark.parametrize("what", ELSEWHERE)
def test_no_file_names_a_registry_or_a_path_of_a_machine(what: str) -> None:
    """No file has the host of a registry or an absolute path in somebody's folder."""
    pattern = re.compile(ELSEWHERE[what].replace("{}", ""))
    found = {}
    for path in files():
        text = path.read_bytes().decode("utf-8", "replace")
        if match := pattern.search(text):
            found[f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"] = match.group()
    assert found == {}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_registries_and_paths_of_a_machine_are_found(what: str) -> None:
    """The patterns find such names and leave ordinary text alone."""
    pattern = re.compile(ELSEWHERE[what].replace("{}", ""))
    samples = {
        "a registry's host": ["https://pypi{}.org/simple", "registry{}.npmjs{}.org", "deb.debian{}.org"],
        "a home or work folder": ["/{}root/x", " /{}home/me/x", '"/{}work/main', "/{}Users/me", "C:\\{}Users"],
    }
    for sample in samples[what]:
        assert pattern.search(sample.replace("{}", ""))
    for harmless in ("scenarios/work/x", "https://example.org/home/x", "the root / of it", "work/home", "api.openai.com"):
        assert not pattern.search(harmless)
