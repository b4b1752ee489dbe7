"""Write ``benchmarks/results/README.md`` from the results of the benchmarks: ``python -m benchmarks.report``.

``accuracy.json`` and ``packages.json`` are written by ``benchmarks.accuracy`` and ``benchmarks.packages`` with ``--json``;
the texts are the printed tables of the other benchmarks, with their command as the first line.
"""

from __future__ import annotations

import json
from pathlib import Path

import msgspec

from benchmarks.packages.cases import read_cases
from benchmarks.packages.package_verdict import PackageVerdict
from benchmarks.packages.table import summary as packages_summary
from benchmarks.packages.table import table as packages_table
from benchmarks.scoring import Case, row, table, wrong

FOLDER = Path(__file__).parent / "results"

INTRODUCTION = """# Results

Written by `python -m benchmarks.report`; do not edit. The command of each table stands above it. Times depend on the
machine, ratios and counts hardly do.
"""

ACCURACY = """
## Accuracy

Each scenario of `benchmarks/corpus` in a fresh process for each seed. A leak is found if it is leaking or native-leak, creep
if it is creeping; a clean or bounded scenario that is leaking, native-leak, creeping or idle is a false alarm. The rule by
which the answer of another tool is read is the docstring of its file in `benchmarks/tools`. "Line first" and "holder first"
count only found leaks; "bytes right" is within the tolerance of the scenario, mostly 5%.
"""


BOUNDS = """
The second row is measured with `MEMEVAL_NO_CODE_BOUNDS=1`: bounds come only from the container itself and from attributes
with a usual name ([bounds](../../docs/bounds.md)).
"""

FRAMEWORKS = """
Growth that is real: an agent of strands keeps the traces and durations of all its calls (`event_loop_metrics`); pydantic-ai
asks for a meter in every run, and without a meter provider OpenTelemetry's API keeps all of them
(`_ProxyMeterProvider._meters`). Growth that ends: pydantic-core keeps up to 16,384 short strings that it read from JSON,
about 1.2 MB; a run of pydantic-ai is called leaking meanwhile.
"""

READING = """
Most of a reading of a large heap is `_get_traces`, which makes a tuple for each block and is the only way of the standard
library to get the traces. With blocks of many sizes that lie far apart in memory (`random-sizes`) it alone costs more than a
tenth of the standard comparison: no reading with the standard library can be ten times cheaper.
"""


def accuracy(path: Path) -> str:
    """Return the table of a result file with all of our wrong answers."""
    content = json.loads(path.read_text(encoding="utf-8"))
    cases = [Case(**case) for case in content["cases"]]
    tools = list(dict.fromkeys(case.tool for case in cases))
    tools.sort(key=lambda tool: tool != "ours")
    by_tool = {tool: [case for case in cases if case.tool == tool] for tool in tools}
    commands = "\n".join(f"{tool}: {content['commands'][tool]}" for tool in tools)
    parts = [ACCURACY, f"```\n{commands}\n```\n", table([row(tool, by_tool[tool]) for tool in tools]), ""]
    parts += [f"{tool}: {why}\n" for tool, why in content["unavailable"].items()]
    faults = wrong(by_tool.get("ours", []))
    parts.append(f"Our wrong answers, {len(faults)} in all:\n" if faults else "We have no wrong answers.\n")
    parts += [f"- {fault}" for fault in faults]
    parts.append(f"\nPython {content['python']}, {content['platform']}.")
    return "\n".join(parts)


PACKAGES = """
## Real leaks in published packages

Each case of `benchmarks/packages/cases.json` twice, with exactly the pinned versions in an environment of its own, through
`--python`: a version that leaks as its issue describes, and a version in which the leak is fixed. 60 iterations after 3. A
leak is found if it is leaking or native-leak. A fixed version that is leaking, native-leak, creeping, idle or failed is a
false alarm. Wrong verdicts are in bold. The table below confirms without this tool that one version leaks and the other does
not.
"""


def packages(path: Path) -> str:
    """Return the table of all cases with a summary."""
    content = json.loads(path.read_text(encoding="utf-8"))
    verdicts = msgspec.convert(content["verdicts"], list[PackageVerdict])
    measured = {verdict.case for verdict in verdicts}
    cases = [case for case in read_cases() if case.name in measured]
    parts = [PACKAGES, f"```\n{content['command']}\n```\n", packages_table(cases, verdicts)]
    parts += ["", packages_summary(cases, verdicts)]
    parts.append(f"\nThe tool under Python {content['python']}, {content['platform']}.")
    return "\n".join(parts)


REGRESSION = """
Each level is 1 MB, and each history has 30 runs, compared with up to ten before. "Found" is the smallest change that is
called regressed in nine of ten runs, against one, three and ten runs. A second mode and an unusual run look like a change
when they come for the first time.
"""


def plain(title: str, path: Path, remark: str = "") -> str:
    """Return a printed table below its command."""
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
        ("packages-confirmed", "The same leaks without the tool", ""),
        ("frameworks", "One team on nine agent frameworks", FRAMEWORKS),
        ("bounds", "Accuracy with and without bounds that are read from code", BOUNDS),
        ("simulated", "Simulated series", ""),
        ("detection", "Iterations that leaks need", ""),
        ("reading", "The cost of a reading", READING),
        ("follow_up", "The cost of the search after the last iteration", ""),
        ("resources", "The cost of reading resources beside memory", ""),
        ("cost", "The cost of measuring", ""),
        ("many-iterations", "A run of a thousand short iterations", ""),
        ("export", "The cost of exporting, and lost spans", ""),
        ("service", "Memory and files of the exporter service after thousands of runs", ""),
        ("faults", "Faults that the tool is to survive", ""),
        ("scrape", "The time of a scrape of 300 evals", ""),
        ("history", "The history of runs: large, and killed", ""),
        ("regression", "The commit that brought a leak", REGRESSION),
    ):
        if (FOLDER / f"{name}.txt").exists():
            parts.append(plain(title, FOLDER / f"{name}.txt", remark))
    (FOLDER / "README.md").write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
