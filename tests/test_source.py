"""From a file and a line to a function, a signature and a path that people read."""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.run.locations import SourceLookup, display_path
from otel_memeval.source import function_at, parse, signature

SOURCE = """\
import functools
TOP = []

@functools.cache
def decorated():
    return 1

class Agent:
    log = []

    @property
    def name(self):
        return "x"

    async def arun(self):
        def inner():
            kept = [lambda: 5]
            return kept
        return inner()

    class Inner:
        def deep(self): return 1

@functools.total_ordering
class Decorated:
    pass

try:
    if TOP:
        with open("f"):
            def guarded():
                return 1
except OSError:
    def handler(): return 1

match TOP:
    case []:
        def matched():
            return 1
    case _:
        def otherwise():
            return 2
"""


def line_of(text: str) -> int:
    """Return the number of the first line of SOURCE that holds ``text``."""
    return next(number for number, line in enumerate(SOURCE.split("\n"), 1) if text in line)


def function_in(source: str, line: int) -> str:
    """Return the function around a line of a source text that is Python."""
    tree = parse(source)
    assert tree is not None
    return function_at(tree, line)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("TOP = []", "<module>"),
        ("@functools.cache", "decorated"),
        ("def decorated", "decorated"),
        ("return 1", "decorated"),
        ("log = []", "Agent"),
        ("@property", "Agent.name"),
        ('return "x"', "Agent.name"),
        ("async def arun", "Agent.arun"),
        ("lambda: 5", "Agent.arun.inner"),
        ("return inner()", "Agent.arun"),
        ("def deep", "Agent.Inner.deep"),
        ("@functools.total_ordering", "Decorated"),
        ("def guarded", "guarded"),
        ("def handler", "handler"),
        ("def matched", "matched"),
        ("return 2", "otherwise"),
        ("match TOP", "<module>"),
    ],
)
def test_a_line_stands_in_its_innermost_function(text: str, function: str) -> None:
    """Nested, decorated and async functions, classes, lambdas, and blocks of every kind give the qualified name."""
    assert function_in(SOURCE, line_of(text)) == function


@pytest.mark.parametrize("line", [0, -1, 10_000])
def test_a_line_outside_of_the_source_is_the_modules(line: int) -> None:
    """A number that is no line of the text is answered, not raised."""
    assert function_in(SOURCE, line) == "<module>"


@pytest.mark.parametrize("source", ["def broken(:\n", "x = '\0'", "(" * 5000, "x = " + "-" * 200_000 + "1", "print 'two'"])
def test_what_is_not_python_has_no_function(source: str) -> None:
    """Broken, binary and absurdly nested text has no syntax tree instead of an error."""
    assert parse(source) is None


def test_a_doubtful_string_literal_gives_no_warning() -> None:
    """Reading a scenario's source shows none of Python's warnings about it (here they would be errors)."""
    assert function_in("def run():\n    return '\\d'\n", 2) == "run"


@given(st.text(max_size=60), st.integers(-2, 10))
@settings(deadline=None, max_examples=150)
def test_any_text_is_answered(source: str, line: int) -> None:
    """No text and no line number raises."""
    tree = parse(source)
    assert tree is None or function_at(tree, line)


def record_at(folder: Path, source: str, line: int) -> tuple[str, str, str]:
    """Path, function and signature that are reported for a line of this source."""
    (folder / "m.py").write_text(source, encoding="utf-8")
    site = GrowingSite(key=(str(folder / "m.py"), line), retained_bytes=1, blocks=1, bytes_per_iteration=1.0)
    record = SourceLookup(str(folder)).record(site)
    return record.file, record.function, record.signature


def test_the_signature_outlives_edits_above_the_line(tmp_path: Path) -> None:
    """Lines inserted above, indentation and another folder change nothing; the line, its function or file do."""
    source = "def run():\n    KEPT.append(1)\n"
    before = record_at(tmp_path, source, 2)
    assert before[:2] == ("m.py", "run")
    assert record_at(tmp_path, "import os\n\n\n" + source, 5) == before
    assert record_at(tmp_path, textwrap.indent("if True:\n" + textwrap.indent(source, "    "), ""), 3) == before
    (tmp_path / "elsewhere").mkdir()
    assert record_at(tmp_path / "elsewhere", source, 2) == before
    assert record_at(tmp_path, source.replace("1", "2"), 2)[2] != before[2]
    assert record_at(tmp_path, source.replace("run", "walk"), 2)[2] != before[2]
    assert signature("other.py", "run", "KEPT.append(1)") != signature("m.py", "run", "KEPT.append(1)") == before[2]


def test_the_signature_is_the_same_on_windows() -> None:
    """The separator of a path does not matter."""
    assert signature("a\\b.py", "run", "x") == signature("a/b.py", "run", "x")


def test_lines_are_counted_as_python_counts_them(tmp_path: Path) -> None:
    """Form feeds, Unicode line separators and a byte order mark do not move the line that is read."""
    source = "\ufeffimport os\n\x0c\ntext = '\u2028\x1c'\ndef run():\n    KEPT.append(1)\n"
    compile(source[1:], "m.py", "exec")
    plain = "def run():\n    KEPT.append(1)\n"
    assert record_at(tmp_path, source, 5) == record_at(tmp_path, plain, 2)


@pytest.mark.parametrize("file", ["<string>", "<frozen importlib._bootstrap>", "gone.py", "nul\0.py"])
def test_a_site_without_a_source_is_still_reported(file: str, tmp_path: Path) -> None:
    """A file that is gone keeps its name and line, generated code has neither; the signature tells lines apart."""
    sites = [GrowingSite(key=(file, line), retained_bytes=1, blocks=1, bytes_per_iteration=1.0) for line in (1, 2)]
    first, second = (SourceLookup(str(tmp_path)).record(site) for site in sites)
    expected = ("generated code", 0) if file.startswith("<") else (file, 1)
    assert (first.file, first.line, first.function) == (*expected, "")
    assert first.signature != second.signature


def test_paths_are_shown_from_where_people_work() -> None:
    """Below the folder: relative; installed elsewhere: from site-packages on; anything else, and no path, as it is."""
    folder = os.path.join(os.sep, "project")
    installed = os.path.join(os.sep, "venv", "lib", "site-packages", "openai", "client.py")
    assert display_path(os.path.join(folder, "agents", "a.py"), folder) == os.path.join("agents", "a.py")
    assert display_path(os.path.join(folder, "..a.py"), folder) == "..a.py"
    assert display_path(installed, folder) == os.path.join("openai", "client.py")
    assert display_path(installed.replace("site-", "dist-"), folder) == os.path.join("openai", "client.py")
    outside = os.path.join(os.sep, "projects", "a.py")
    assert display_path(outside, folder) == outside
    assert display_path("<string>", folder) == "generated code"
    assert display_path("relative.py", folder) == "relative.py"
