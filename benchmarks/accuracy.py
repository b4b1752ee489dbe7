"""Measure how often verdicts are right, beside other tools: ``python -m benchmarks.accuracy --help``.

Each scenario of the corpus runs in a fresh process for each seed under each tool. The rule by which the answer of a tool is
read is in its file in ``benchmarks/tools``. This tool has found a leak if its verdict is leaking or native-leak, and creep
if it is creeping. A clean or bounded scenario with the verdict leaking, native-leak, creeping or idle is a false alarm,
except that a scenario that does nothing may be idle. ``--tools ours,ours-without-code-bounds`` shows the effect of the
bounds that are read from code.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from benchmarks.registry import scenarios
from benchmarks.scoring import Case, row, score, table, wrong
from benchmarks.tool_runs import TOOLS, WITHOUT_CODE_BOUNDS, Settings, ask, missing


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="number of seeds (default 1)")
    parser.add_argument("--first-seed", type=int, default=1, metavar="N", help="the first seed (default 1)")
    parser.add_argument("--iterations", type=int, default=20, metavar="N")
    parser.add_argument("--warmup", type=int, default=3, metavar="N")
    parser.add_argument("--only", default="", metavar="PATTERN", help="a regular expression for module:name")
    parser.add_argument("--tools", default=",".join(TOOLS), metavar="LIST", help="default: %(default)s")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time (default 2)")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="interpreter with the compared tools")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write every case")
    return parser.parse_args()


def main() -> None:
    """Run the tools, print the table and write the cases."""
    arguments = _arguments()
    settings = Settings(arguments.iterations, arguments.warmup, arguments.python)
    tools = []
    unavailable = {}
    for tool in arguments.tools.split(","):
        if tool not in (*TOOLS, WITHOUT_CODE_BOUNDS):
            sys.exit(f"no tool is named {tool}; the tools are {', '.join((*TOOLS, WITHOUT_CODE_BOUNDS))}")
        if lacking := missing(tool, settings.python):
            unavailable[tool] = f"not available: {', '.join(lacking)} not installed for {Path(settings.python).name}"
        else:
            tools.append(tool)
    jobs = [
        (tool, scenario, seed)
        for tool in tools
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        for scenario in scenarios(arguments.only)
    ]
    done = 0

    def run(index: int) -> Case:
        nonlocal done
        tool, scenario, seed = jobs[index]
        answer = ask(tool, scenario, seed, settings)
        done += 1
        print(f"\r{done} of {len(jobs)}  {tool} {scenario.name:40}", end="", file=sys.stderr, flush=True)
        return score(tool, scenario, seed, answer, settings.iterations)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        cases = list(pool.map(run, range(len(jobs))))
    print(file=sys.stderr)
    _report(tools, unavailable, cases)
    if arguments.json is not None:
        _write(arguments.json, tools, unavailable, cases)


def _report(tools: list[str], unavailable: dict[str, str], cases: list[Case]) -> None:
    by_tool = {tool: [case for case in cases if case.tool == tool] for tool in tools}
    print(table([row(tool, by_tool[tool]) for tool in tools]))
    for tool, why in unavailable.items():
        print(f"{tool}: {why}")
    for tool in tools:
        faults = wrong(by_tool[tool])
        print(f"\n{tool}: {len(faults)} wrong answers")
        for fault in faults:
            print(f"  {fault}")


def _write(path: Path, tools: list[str], unavailable: dict[str, str], cases: list[Case]) -> None:
    """Write each case on a line; cases of tools that did not run this time stay in the file."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"commands": {}, "cases": []}
    arguments = [argument for argument in sys.argv[1:] if "/" not in argument and argument not in ("--python", "--json")]
    head = {
        "commands": {**before["commands"], **dict.fromkeys(tools, " ".join(["python -m benchmarks.accuracy", *arguments]))},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "unavailable": unavailable,
    }
    others = [case for case in before["cases"] if case["tool"] not in tools]
    lines = ",\n".join(f"  {json.dumps(case)}" for case in [*map(asdict, cases), *others])
    path.write_text(json.dumps(head, indent=1)[:-2] + f',\n "cases": [\n{lines}\n ]\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
