"""Count the iterations that find a leak: ``python -m benchmarks.detection [--series N]``.

Simulated leaks that are hard to see: at random into a list or a dict, beside jitter of the C heap, under noise of the peak.
Prints the part of the series that is called a leak (or creeping) after each number of iterations, with three warm-ups.
"""

from __future__ import annotations

import argparse

from benchmarks.simulated import states
from benchmarks.simulation.leaks import beside_jitter, by_chance
from benchmarks.simulation.series import Family
from benchmarks.tool_runs import ALARMS

ITERATIONS = (10, 20, 40, 80)
WARMUP = 3

FAMILIES = (
    *(Family(by_chance(often), "list") for often in (0.1, 0.2, 0.34, 0.5, 0.75)),
    *(Family(by_chance(often), "dict") for often in (0.34, 0.5, 0.75, 0.95)),
    *(Family(beside_jitter(part), "native") for part in (0.1, 0.25, 0.5, 1.0, 2.0)),
    *(Family(beside_jitter(part), "peak") for part in (0.1, 0.25, 0.5, 1.0, 2.0)),
)


def main() -> None:
    """Judge the series and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detection", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--series", type=int, default=200, metavar="N", help="of each kind (default 200)")
    series: int = parser.parse_args().series
    print("| leak                            |" + "".join(f"{iterations:>5} |" for iterations in ITERATIONS))
    print("|---------------------------------|" + "------|" * len(ITERATIONS))
    for family in FAMILIES:
        cells = []
        for iterations in ITERATIONS:
            found = states(family, range(series), iterations, WARMUP)
            cells.append(f"{sum(found[state] for state in ALARMS) / series:5.0%} |")
        print(f"| {family.name:31} |{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
