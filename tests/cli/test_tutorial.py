"""The code of the tutorial: its text is that of the examples, and the leak is found and mended."""

from __future__ import annotations

import re
import shutil

from tests.cli.conftest import ROOT, Tool

EXAMPLES = ROOT / "examples"
PAGE = ROOT / "docs" / "tutorial.md"


def test_tutorial_shows_the_code_of_the_examples() -> None:
    """Each block of Python stands in one of the two files, letter by letter."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    sources = [path.read_text(encoding="utf-8") for path in sorted(EXAMPLES.glob("support_desk*.py"))]
    assert (len(blocks), len(sources)) == (5, 2)
    assert [block for block in blocks if not any(block in source for source in sources)] == []


def test_leak_of_the_tutorial_is_found_and_mended(tool: Tool) -> None:
    """Both files run as they are: the first leaks at the line and into the container of the page, the second is stable."""
    shutil.copytree(EXAMPLES, tool.folder / "examples")
    done = tool.run("examples/support_desk.py", "examples/support_desk_mended.py")
    leaking, mended = done.runs
    assert (done.status, leaking.verdict.state, mended.verdict.state) == (1, "leaking", "stable"), done.text
    shown = re.findall(r"^Support desk: (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    sentence = next(line for line in shown if line.startswith("leaking: "))
    assert f"allocated at {leaking.sites[0].file}:{leaking.sites[0].line}, held by {leaking.holders[0].path} (" in sentence
    assert f"stable: {mended.verdict.summary}" in shown
