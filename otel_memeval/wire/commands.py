"""The commands to the worker, one line each, which ``worker.serve`` reads."""

from __future__ import annotations

import json

from otel_memeval.wire.messages import ContentCapture


def trace_command(run_id: str, trace_id: str, *, sampled: bool, contents: ContentCapture) -> str:
    """Before ``load``: send the scenario's spans, as children of this run's."""
    wanted = ["sampled"] if sampled else []
    wanted += ["span-contents"] if contents in ("spans", "both") else []
    wanted += ["event-contents"] if contents in ("events", "both") else []
    return f"trace {run_id} {trace_id} {','.join(wanted) or '-'}"


def load_command(source: str, name: str) -> str:
    """Import the module or file and find the eval."""
    return f"load {json.dumps({'source': source, 'name': name})}"


SET_UP_COMMAND = "set_up"


def iterate_command(phase: str, first: int, count: int, *, keep_going: bool) -> str:
    """``count`` iterations, numbered from ``first``."""
    return f"iterate {phase} {first} {count} {int(keep_going)}"


def describe_command(holders: list[int], grown: list[tuple[int, int]]) -> str:
    """Say where these containers are, and what bounds them; ``grown``: lines that rose (number of the file, line)."""
    return " ".join(["describe", *map(str, holders), *(f"{number}:{line}" for number, line in grown)])


def widen_command(readings: int, calls: int, seconds: float) -> str:
    """``readings`` readings with ``calls`` iterations before each, for ``seconds`` at most."""
    return f"widen {readings} {calls} {seconds}"


def look_command(frames: int, count: int, sites: list[tuple[int, int]], *, explain: bool) -> str:
    """``count`` iterations with ``frames`` frames a block, to see who calls these lines (number of the file, line); with
    ``explain`` also which objects are kept, and by what.
    """
    numbers = (str(frames), str(count), str(int(explain)))
    return " ".join(["look", *numbers, *(f"{number}:{line}" for number, line in sites)])


def record_command(count: int, path: str, *, peak: bool) -> str:
    """``count`` iterations under memray, which writes to ``path``; of what is alive at the ``peak`` or left at the end."""
    return f"record {count} {int(peak)} {json.dumps(path)}"


FINISH_COMMAND = "finish"
"""Tear down, end."""
