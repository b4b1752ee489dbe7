"""Try faults one after the other or side by side, each in a folder of its own."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .fault import Fault, FaultFailure, Trial

GROUPS = (
    "scenarios",
    "interruptions",
    "receivers",
    "replay",
    "disks",
    "http_server",
    "credentials",
    "state_files",
    "secrets",
    "injection",
)
"""Modules of ``benchmarks.faults.groups``."""


@dataclass(frozen=True)
class Outcome:
    """Result of one fault; ``failure`` is empty if the tool survived, and None if the time was over before."""

    group: str
    name: str
    failure: str | None
    seconds: float


def faults_of(group: str) -> Sequence[Fault]:
    """Return the faults of a group. Raises ``ValueError`` if two have the same name."""
    module = importlib.import_module(f"benchmarks.faults.groups.{group}")
    find: Callable[[], Sequence[Fault]] = module.faults
    found = find()
    names = [fault.name for fault in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two faults of the group {group} have the same name: {', '.join(twice)}")
    return found


def attempt(group: str, fault: Fault, seed: int) -> Outcome:
    """Return the outcome of one fault. What still runs afterwards is a failure too, and is ended."""
    start = time.monotonic()
    failure = ""
    with tempfile.TemporaryDirectory(prefix="memeval-fault-", ignore_cleanup_errors=True) as folder:
        trial = Trial(Path(os.path.realpath(folder)), f"{seed} {group} {fault.name}")
        try:
            fault.attempt(trial)
            left = trial.left_behind()
            if left:
                failure = f"left {len(left)} processes behind"
        except FaultFailure as error:
            failure = str(error)
        except Exception as error:  # noqa: BLE001 - an attempt that cannot be made is no success
            failure = f"could not be tried: {type(error).__name__}: {error}"
        finally:
            trial.end_processes()
    return Outcome(group, fault.name, failure, time.monotonic() - start)


def attempt_all(chosen: Sequence[tuple[str, Fault]], seed: int, jobs: int, seconds: float) -> Iterator[Outcome]:
    """Yield the outcome of each fault in order; no fault is begun after ``seconds``."""
    end = time.monotonic() + seconds

    def outcome(group: str, fault: Fault) -> Outcome:
        return Outcome(group, fault.name, None, 0.0) if time.monotonic() > end else attempt(group, fault, seed)

    with ThreadPoolExecutor(jobs) as executor:
        yield from executor.map(outcome, *zip(*chosen)) if chosen else ()
