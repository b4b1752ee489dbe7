"""Writes ``benchmarks/results/README.md`` from what the benchmarks left there: ``python -m benchmarks.report``.

``accuracy.json`` and ``packages.json`` are written by ``benchmarks.accuracy`` and ``benchmarks.packages`` with ``--json``;
the texts are the printed tables of the other benchmarks, each with the command that made it as its first line.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from benchmarks.packages.cases import read_cases
from benchmarks.packages.measuring import Said
from benchmarks.packages.table import summary as packages_summary
from benchmarks.packages.table import table as packages_table
from benchmarks.scoring import Case, row, table, wrong

FOLDER = Path(__file__).parent / "results"

INTRODUCTION = """# Results

Written by `python -m benchmarks.report`; do not edit. Every table stands under the command that made it. Times depend on the
machine, ratios and counts hardly do.
"""

ACCURACY = """
## Accuracy

Each scenario of `benchmarks/corpus` in a fresh process for each seed. Found: leaking or native-leak for a leak, creeping for
creep; a clean or bounded scenario that is called leaking, native-leak, creeping or idle is a false alarm. The rule by which
another tool's answer is read is the docstring of its file in `benchmarks/tools`. "Line first" and "holder first" count only
the leaks that were found; "bytes right" is within the tolerance that the scenario states, mostly 5%.
"""


READING = """
Most of a reading of a large heap is `_get_traces`, which makes a tuple a block and is the only way that the standard
library has to hand out the traces. Where the blocks are of many sizes and lie far apart in memory (`random-sizes`), that
alone costs more than a tenth of the standard comparison: no reading with the standard library can be ten times cheaper.
"""


def accuracy(path: Path) -> str:
    """The table of a result file, with everything that we got wrong."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cases = [Case(**case) for case in content["cases"]]
    tools = list(dict.fromkeys(case.tool for case in cases))
    tools.sort(key=lambda tool: tool != "ours")
    by_tool = {tool: [case for case in cases if case.tool == tool] for tool in tools}
    commands = "\n".join(f"{tool}: {content['commands'][tool]}" for tool in tools)
    parts = [ACCURACY, f"```\n{commands}\n```\n", table([row(tool, by_tool[tool]) for tool in tools]), ""]
    parts += [f"{tool}: {why}\n" for tool, why in content["unavailable"].items()]
    faults = wrong(by_tool.get("ours", []))
    parts.append(f"What we get wrong, {len(faults)} in all:\n" if faults else "We get nothing wrong.\n")
    parts += [f"- {fault}" for fault in faults]
    parts.append(f"\nPython {content['python']}, {content['platform']}.")
    return "\n".join(parts)


PACKAGES = """
## Real leaks in published packages

Each case of `benchmarks/packages/cases.json` twice, with exactly the pinned versions in an environment of its own, through
`--python`: a version that leaks as its issue says, and one that no longer does. 60 iterations after 3. Found: leaking or
native-leak. A fixed version that is called leaking, native-leak, creeping, idle or failed is a false alarm. What is not
right is in bold. That the one version leaks and the other does not was confirmed without this tool, see below.
"""


def packages(path: Path) -> str:
    """The table of all cases, and what is wrong."""
    content = json.loads(path.read_text(encoding="utf-8"))
    said = msgspec.convert(content["said"], list[Said])
    cases = [case for case in read_cases() if any(one.case == case.name for one in said)]
    parts = [PACKAGES, f"```\n{content['command']}\n```\n", packages_table(cases, said), "", packages_summary(cases, said)]
    parts.append(f"\nThe tool under Python {content['python']}, {content['platform']}.")
    return "\n".join(parts)


def plain(title: str, path: Path, remark: str = "") -> str:
    """A printed table under its command."""
    command, _, text = path.read_text(encoding="utf-8").partition("\n")
    return f"\n## {title}\n\n```\n{command}\n```\n\n{text.strip()}\n{remark}"


def main() -> None:
    """Write the file."""
    parts = [INTRODUCTION]
    if (FOLDER / "accuracy.json").exists():
        parts.append(accuracy(FOLDER / "accuracy.json"))
    if (FOLDER / "packages.json").exists():
        parts.append(packages(FOLDER / "packages.json"))
    for name, title, remark in (
        ("packages-confirmed", "The same, without the tool", ""),
        ("simulated", "Simulated series", ""),
        ("detection", "Iterations that leaks need", ""),
        ("reading", "The price of a reading", READING),
        ("cost", "What measuring costs", ""),
        ("export", "What exporting costs, and that nothing is lost", ""),
        ("standing", "What thousands of runs leave behind in a standing exporter", ""),
        ("scrape", "How long a scrape of 300 evals takes", ""),
    ):
        if (FOLDER / f"{name}.txt").exists():
            parts.append(plain(title, FOLDER / f"{name}.txt", remark))
    (FOLDER / "README.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
