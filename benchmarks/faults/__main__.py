"""Try faults and print the table: ``python -m benchmarks.faults [--group NAME ...] [--seed N] [--minutes M] [--jobs N]``.

``--name TEXT`` tries those whose names contain the text, ``--ci`` those that the tests try. Every failure is a line.
"""

from __future__ import annotations

import argparse
import platform
import signal
import sys
from collections import defaultdict

from .campaign import GROUPS, Outcome, attempt_all, faults_of


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description="Try faults on the tool.")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only this group; may be repeated")
    parser.add_argument("--name", default="", help="only faults whose name contains this text")
    parser.add_argument("--ci", action="store_true", help="only the faults that the tests try")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments and texts (default: 1)")
    parser.add_argument("--minutes", type=float, default=60.0, help="no fault is begun after this time (default: 60)")
    parser.add_argument("--jobs", type=int, default=2, help="faults that are tried side by side (default: 2)")
    return parser.parse_args()


def print_table(outcomes: list[Outcome]) -> None:
    """Print a row a group, and a line a failure."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.group].append(outcome)
    print("| group         | faults | held | failed | not tried | seconds |")
    print("|---------------|--------|------|--------|-----------|---------|")
    for name, found in [*groups.items(), ("all", outcomes)]:
        held = sum(outcome.failure == "" for outcome in found)
        left = sum(outcome.failure is None for outcome in found)
        failed = len(found) - held - left
        seconds = sum(outcome.seconds for outcome in found)
        print(f"| {name:13} | {len(found):6} | {held:4} | {failed:6} | {left:9} | {seconds:7.0f} |")
    for outcome in outcomes:
        if outcome.failure:
            print(f"FAILED {outcome.group}: {outcome.name}: {outcome.failure}")


def main() -> int:
    """Try the chosen faults; the status is 1 if one failed or was not tried."""
    arguments = _arguments()
    # Signals that are ignored, as in a background job of a shell, stay ignored in every process that is started from here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    chosen = [
        (group, fault)
        for group in arguments.group or GROUPS
        for fault in faults_of(group)
        if arguments.name in fault.name and (fault.in_ci or not arguments.ci)
    ]
    print(f"Python {platform.python_version()}, {platform.platform()}, seed {arguments.seed}\n", flush=True)
    outcomes = []
    for outcome in attempt_all(chosen, arguments.seed, arguments.jobs, arguments.minutes * 60):
        outcomes.append(outcome)
        if outcome.failure:
            print(f"{outcome.group}: {outcome.name}: {outcome.failure}", file=sys.stderr, flush=True)
    print_table(outcomes)
    return int(any(outcome.failure != "" for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
