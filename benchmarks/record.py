"""Records the series of scenarios: what the analysis is judged on, without measuring anew.

``python -m benchmarks.record --json FILE [--only PATTERN] [--seeds N] [--first-seed N]`` runs the scenarios under this tool
and writes every series that it took: retained, peak, C heap, process, every line and container that changed.
``python -m benchmarks.record --show FILE [--only PATTERN]`` prints them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec

from benchmarks.corpus.ground import SEED_VARIABLE, Scenario
from benchmarks.registry import scenarios, target, target_name
from otel_memeval.analysis.evidence import Evidence, HolderSeries, IterationWork, SiteKey
from otel_memeval.config import from_process
from otel_memeval.run.observer import Observer
from otel_memeval.run.plan import Options
from otel_memeval.run.worker_run import run_eval
from otel_memeval.targets import split_target

NOT_DESCRIBED = "?"
"""The type of a container that was gone at the end, or holds nothing itself."""


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """One run's series. ``sites``: file, line, series, blocks. ``holders``: path, type, bound, series."""

    target: str
    seed: int
    lines: list[int]
    """The true lines when this was recorded."""
    state: str
    warmup: int
    failed: int
    retained: tuple[int, ...]
    peak: tuple[int, ...]
    native: tuple[int, ...]
    process: tuple[int, ...]
    sites: list[tuple[str, int, tuple[int, ...], int]]
    holders: list[tuple[int, str, str, int | None, tuple[int, ...]]]
    work: tuple[IterationWork, ...]
    awaits_nothing: bool
    noop_peak_bytes: int = 0
    only_misses: list[int] = []
    """Ids of caches that never found what they were asked for."""

    def evidence(self) -> Evidence:
        """As the analysis takes it."""
        return Evidence(
            warmup=self.warmup,
            failed=self.failed,
            retained=self.retained,
            peak=self.peak,
            native=self.native,
            process=self.process,
            sites={(file, line): values for file, line, values, _ in self.sites},
            blocks={(file, line): blocks for file, line, _, blocks in self.sites},
            holders=tuple(
                HolderSeries(id=key, lengths=lengths, bound=bound, type=kind, only_misses=key in self.only_misses)
                for key, _, kind, bound, lengths in self.holders
                if kind != NOT_DESCRIBED
            ),
            work=self.work,
            awaits_nothing=self.awaits_nothing,
            noop_peak_bytes=self.noop_peak_bytes,
        )


@dataclass(frozen=True)
class _Sizes:
    iterations: int
    warmup: int


def record(scenario: Scenario, seed: int, sizes: _Sizes) -> Recording:
    """Run one scenario in a worker and keep all of its series."""
    os.environ[SEED_VARIABLE] = str(seed)
    source, name = split_target(target(scenario))
    options = Options(iterations=sizes.iterations, warmup=sizes.warmup, follow_up=False, describe_all=True)
    session = run_eval(source, name, options, Observer(), from_process())
    result = session.result()
    evidence = session.assessment().evidence
    return Recording(
        target=target_name(scenario),
        seed=seed,
        lines=sorted(scenario.lines()),
        state=result.verdict.state,
        warmup=evidence.warmup,
        failed=evidence.failed,
        retained=evidence.retained,
        peak=evidence.peak,
        native=evidence.native,
        process=evidence.process,
        sites=[(*_shortened(key), values, evidence.blocks.get(key, 0)) for key, values in evidence.sites.items()],
        only_misses=[holder.id for holder in evidence.holders if holder.only_misses],
        holders=[
            (
                holder.id,
                holder.path if holder.type else NOT_DESCRIBED,
                holder.type or NOT_DESCRIBED,
                holder.bound,
                holder.lengths,
            )
            for holder in evidence.holders
        ],
        work=evidence.work,
        awaits_nothing=evidence.awaits_nothing,
        noop_peak_bytes=evidence.noop_peak_bytes,
    )


def _shortened(key: SiteKey) -> SiteKey:
    """The file without the folder of this checkout or of the interpreter, so that recordings compare."""
    return "/".join(key[0].split("/")[-2:]), key[1]


def steps(values: tuple[int, ...]) -> str:
    """A series as its first value and its steps; equal steps are folded."""
    if not values:
        return "-"
    parts: list[tuple[int, int]] = []
    for before, after in pairwise(values):
        step = after - before
        if parts and parts[-1][0] == step:
            parts[-1] = (step, parts[-1][1] + 1)
        else:
            parts.append((step, 1))
    return f"{values[0]} | " + " ".join(f"{step:+d}" + (f"x{times}" if times > 1 else "") for step, times in parts)


def show(recording: Recording) -> None:
    """Print the series of one run."""
    print(f"{recording.target} seed {recording.seed}: {recording.state}")
    print(f"  retained {steps(recording.retained)}\n  peak     {steps(recording.peak)}")
    print(f"  native   {steps(recording.native)}\n  process  {steps(recording.process)}")
    for file, line, values, blocks in sorted(recording.sites, key=lambda site: site[2][0] - site[2][-1]):
        if len(set(values)) > 1:
            print(f"  {file}:{line} ({blocks} blocks) {steps(values)}")
    for _, path, kind, bound, lengths in recording.holders:
        if lengths[-1] - lengths[0] >= 2 or max(lengths) - min(lengths) > 3:
            print(f"  holder {path} ({kind}, bound {bound}) {steps(lengths)}")


def main() -> None:
    """Run or show."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--show", metavar="FILE", type=Path)
    parser.add_argument("--only", metavar="PATTERN", default="")
    parser.add_argument("--seeds", metavar="N", type=int, default=1, help="how many seeds (default 1)")
    parser.add_argument("--first-seed", metavar="N", type=int, default=1)
    parser.add_argument("--iterations", metavar="N", type=int, default=20)
    parser.add_argument("--warmup", metavar="N", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.show is not None:
        for recording in read(arguments.show):
            if re.search(arguments.only, recording.target):
                show(recording)
        return
    lines = []
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for scenario in scenarios(arguments.only):
            recording = record(scenario, seed, _Sizes(arguments.iterations, arguments.warmup))
            print(f"{recording.state:14}{scenario.kind:9}{recording.target} seed {seed}", file=sys.stderr, flush=True)
            lines.append(msgspec.json.encode(recording).decode())
            if arguments.json is not None:
                arguments.json.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> list[Recording]:
    """All recordings of a file."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [msgspec.convert(json.loads(line), Recording) for line in lines]


if __name__ == "__main__":
    main()
