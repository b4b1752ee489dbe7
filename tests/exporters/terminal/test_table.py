"""Tables at 40, 80 and 200 columns, and in a pipe."""

from __future__ import annotations

import msgspec
import pytest
from rich.cells import cell_len
from rich.text import Text

from otel_memeval.exporters.terminal.report import Report
from otel_memeval.exporters.terminal.table import Table
from otel_memeval.records import Holder, Resource, Resources, Site
from tests.exporters.terminal.test_report import COLOUR, MakeResult, pipe, shown, terminal, text_of

PATH = "folder/" * 9 + "module.py:1234 in function"


def lines_of(table: Table, width: int | None) -> list[str]:
    """Return the lines of a table on a terminal of this width; None: in a pipe."""
    console = pipe() if width is None else terminal(width)
    table.print(console)
    return COLOUR.sub("", text_of(console)).split("\n")[:-2]


def sites(*paths: str) -> Table:
    """Return a table with two columns of numbers and one of text."""
    table = Table("Lines", numbers=["per iteration", "alive"], texts=["line"], optional=["alive"])
    for path in paths:
        table.add_row("+4.00 KiB", "1023 KiB", Text(path))
    return table


@pytest.mark.parametrize("width", [200, None])
def test_wide_table_has_every_column_on_one_line(width: int | None) -> None:
    """Numbers stand at the right edge, texts at the left one, and no line ends with blanks."""
    assert lines_of(sites(PATH, "m.py:3"), width) == [
        "Lines",
        "per iteration     alive  line",
        f"    +4.00 KiB  1023 KiB  {PATH}",
        "    +4.00 KiB  1023 KiB  m.py:3",
    ]


def test_text_is_folded_before_a_column_is_left_out() -> None:
    """At 80 columns the path has more lines, and the numbers stand beside its first one."""
    lines = lines_of(sites(PATH, "m.py:3"), 80)
    assert lines[1] == "per iteration     alive  line"
    assert lines[2].startswith("    +4.00 KiB  1023 KiB  folder/folder/")
    assert "".join(line[25:] for line in lines[2:-1]).replace(" ", "") == PATH.replace(" ", "")
    assert [line[:25].strip() for line in lines[3:-1]] == [""] * len(lines[3:-1])
    assert lines[-1] == "    +4.00 KiB  1023 KiB  m.py:3"
    assert max(map(cell_len, lines)) <= 80


def test_narrow_terminal_leaves_out_the_least_important_column() -> None:
    """At 40 columns the optional column is gone, and the text has the room; a short text leaves room for it."""
    lines = lines_of(sites(PATH), 40)
    assert lines[1] == "per iteration  line"
    assert "".join(line[15:] for line in lines[2:]).replace(" ", "") == PATH.replace(" ", "")
    assert max(map(cell_len, lines)) <= 40
    assert lines_of(sites("m.py:3"), 40)[1] == "per iteration     alive  line"


def test_wide_letters_are_counted_as_two_columns() -> None:
    """Columns stay aligned beside letters of double width."""
    table = Table("", texts=["name", "value"])
    table.add_row("木木", "1")
    table.add_row("abcd", "2")
    assert lines_of(table, 40) == ["name  value", "木木  1", "abcd  2"]


def test_several_texts_share_the_width() -> None:
    """The widest text is folded first; none gets less than it needs."""
    table = Table("", texts=["target", "name", "limits"], optional=["name"])
    table.add_row("folder/" * 8, "short", "x" * 30)
    for width in (40, 80, 200):
        lines = lines_of(table, width)
        assert max(map(cell_len, lines)) <= width
        assert ("name" in lines[0]) == (width > 40)
        assert sum(line.count("x") for line in lines) == 30


@pytest.mark.parametrize("width", [5, 12])
def test_number_that_fits_no_line_is_printed_completely(width: int) -> None:
    """No digit is lost where the terminal is narrower than a number."""
    table = Table("", numbers=["bytes"])
    table.add_row("+12345678901234567890 GiB")
    assert "".join(lines_of(table, width)).replace(" ", "") == "bytes+12345678901234567890GiB"


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (40, ["#", "retained", "change", "C heap"]),
        (60, ["#", "retained", "change", "peak", "C heap", "process"]),
        (80, ["#", "duration", "retained", "change", "peak", "C heap", "process"]),
        (200, ["#", "duration", "retained", "change", "peak", "C heap", "process"]),
    ],
)
def test_iterations_keep_their_figures_at_every_width(width: int, columns: list[str], make_result: MakeResult) -> None:
    """Columns are left out as a whole; the change of the retained memory is always there, and every figure complete."""
    default = make_result()
    iterations = [msgspec.structs.replace(each, native_heap_bytes=70_000_000) for each in default.iterations]
    verdict = msgspec.structs.replace(default.verdict, channels=["native"])
    result = make_result(iterations=iterations, verdict=verdict)
    lines = COLOUR.sub("", shown(terminal(width), result, Report(statistics=False, growth=False))).split("\n")
    head = next(number for number, line in enumerate(lines) if line.startswith("#"))
    assert lines[head].replace("C heap", "C-heap").split() == [name.replace(" ", "-") for name in columns]
    figures = {"#": "1", "duration": "500 ms", "retained": "981 KiB", "change": "+4.00 KiB", "peak": "1.91 MiB",
               "C heap": "66.8 MiB", "process": "47.7 MiB"}  # fmt: skip
    assert lines[head + 1].split() == " ".join(figures[name] for name in columns).split()


def test_growth_is_readable_at_40_columns(make_result: MakeResult) -> None:
    """Each growing line, container and resource keeps its number per iteration and its name."""
    site = Site(file="agents/tools/weather.py", line=1234, function="Weather.forecast", retained_bytes=1 << 20, blocks=9,
                bytes_per_iteration=1023.0, signature="x")  # fmt: skip
    holder = Holder(path="agents.tools.CACHE", type="dict", length=900, items_per_iteration=12.5, bytes_per_iteration=9e9)
    threads = Resource(before=1, after=900, per_iteration=3.0, growing=True, examples=["worker-1", "worker-2"])
    result = make_result(sites=[site], holders=[holder], resources=Resources(threads=threads))
    lines = COLOUR.sub("", shown(terminal(40), result)).split("\n")
    assert max(map(cell_len, lines)) <= 40
    for start in ("      +1023 B  agents/tools", "        +12.5  agents.tools.CACHE", "           +3  threads:"):
        assert any(line.startswith(start) for line in lines), start
