"""Record the series of scenarios, to judge them again without a new measurement.

``python -m benchmarks.record --json FILE [--only PATTERN] [--seeds N] [--first-seed N]`` runs the scenarios under this tool
and writes every series: retained memory, peak, C heap, process, and each line and container that changed.
``python -m benchmarks.record --show FILE [--only PATTERN]`` prints them.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.corpus.ground import SEED_VARIABLE, Scenario
from benchmarks.recording import Recording, read, recording, show
from benchmarks.registry import scenarios, target
from otel_memeval.config import from_process
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_eval
from otel_memeval.targets import split_target


@dataclass(frozen=True)
class _Sizes:
    iterations: int
    warmup: int


def record(scenario: Scenario, seed: int, sizes: _Sizes) -> Recording:
    """Run one scenario in a worker and return all of its series."""
    os.environ[SEED_VARIABLE] = str(seed)
    source, name = split_target(target(scenario))
    options = Options(iterations=sizes.iterations, warmup=sizes.warmup, follow_up=False, describe_all=True)
    session = run_eval(source, name, options, Observer(), from_process())
    result = session.result()
    return recording(scenario, seed, result.verdict.state, session.assessment().evidence)


def main() -> None:
    """Record or print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--show", metavar="FILE", type=Path)
    parser.add_argument("--only", metavar="PATTERN", default="")
    parser.add_argument("--seeds", metavar="N", type=int, default=1, help="number of seeds (default 1)")
    parser.add_argument("--first-seed", metavar="N", type=int, default=1)
    parser.add_argument("--iterations", metavar="N", type=int, default=20)
    parser.add_argument("--warmup", metavar="N", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.show is not None:
        for recorded in read(arguments.show):
            if re.search(arguments.only, recorded.target):
                show(recorded)
        return
    lines = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for scenario in scenarios(arguments.only):
            recorded = record(scenario, seed, _Sizes(arguments.iterations, arguments.warmup))
            print(f"{recorded.state:14}{scenario.kind:9}{recorded.target} seed {seed}", file=sys.stderr, flush=True)
            lines.append(msgspec.json.encode(recorded).decode())
            if arguments.json is not None:
                arguments.json.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
