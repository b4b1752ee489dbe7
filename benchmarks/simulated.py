"""Count wrong verdicts on simulated series: ``python -m benchmarks.simulated [--series N] [--only PATTERN]``.

Each family of ``benchmarks/simulation`` makes series at random, as the readings of a run (bytes of a line, items of a
container with their bytes, the C heap, the process, the peak), and the complete analysis judges them. Harmless families
should never be leaking, native-leak or creeping (the goal is 1 in 10,000), leaks always. Nothing runs and nothing is
measured, so ten thousand series of each family take seconds.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from itertools import repeat

from benchmarks.simulation import harmless, harmless_untraced, leaks
from benchmarks.simulation.series import Family
from benchmarks.tool_runs import ALARMS

HARMLESS = (*harmless.FAMILIES, *harmless_untraced.FAMILIES)
LEAKS = leaks.FAMILIES
_CHUNK = 500


def states(family: Family, seeds: range, iterations: int, warmup: int) -> Counter[str]:
    """Return the number of series with each verdict, one series for each seed."""
    return Counter(family.judged(seed, iterations, warmup).state for seed in seeds)


def _states(index: int, first: int, iterations: int, warmup: int, last: int) -> Counter[str]:
    return states((*HARMLESS, *LEAKS)[index], range(first, min(first + _CHUNK, last)), iterations, warmup)


def main() -> None:
    """Judge the series and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulated", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=2_000, metavar="N", help="of each family (default 2000)")
    parser.add_argument("--first-seed", type=int, default=0, metavar="N")
    parser.add_argument("--iterations", type=int, default=20, metavar="N")
    parser.add_argument("--warmup", type=int, default=3, metavar="N")
    parser.add_argument("--only", default="", metavar="PATTERN", help="families in whose name this is found")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="processes at a time (default 2)")
    arguments = parser.parse_args()
    first, last = arguments.first_seed, arguments.first_seed + arguments.series
    print("| family                        | should be | alarms  | part     | verdicts |")
    print("|-------------------------------|-----------|---------|----------|----------|")
    start = time.perf_counter()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for index, family in enumerate((*HARMLESS, *LEAKS)):
            if not re.search(arguments.only, family.name):
                continue
            firsts = range(first, last, _CHUNK)
            found = sum(
                pool.map(
                    _states, repeat(index), firsts, repeat(arguments.iterations), repeat(arguments.warmup), repeat(last)
                ),
                Counter(),
            )
            alarms = sum(found[state] for state in ALARMS)
            verdicts = ", ".join(f"{state} {count}" for state, count in found.most_common())
            should = "harmless" if family in HARMLESS else "a leak"
            line = f"{family.name:29} | {should:9} | {alarms:7} | {alarms / arguments.series:8.3%}"
            print(f"| {line} | {verdicts} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} seconds")


if __name__ == "__main__":
    main()
