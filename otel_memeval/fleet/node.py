"""Answer requests of the driver on a node; Ray calls these functions in a process of its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from otel_memeval.config import Settings, from_process
from otel_memeval.errors import MemevalError
from otel_memeval.fleet.events import EventRecorder, TurnRecorder
from otel_memeval.fleet.messages import (
    Answer,
    EvalMeasured,
    FleetRequest,
    Found,
    FoundEval,
    Node,
    Refused,
    decode_request,
    encode,
)
from otel_memeval.redact import longest_first, secrets_in
from otel_memeval.run.worker_run import evals_of, run_eval
from otel_memeval.targets import split_target
from otel_memeval.version import __version__

_OF_RAY = ("RAY_", "OMP_NUM_THREADS")
"""Beginnings of variables that Ray sets in its processes; a scenario does not get them."""


def measure(data: bytes) -> bytes:
    """Measure the eval that a request names, and return the answer."""
    return _answered(data, lambda request, settings: _measure(request, settings, EventRecorder(request.sampled)))


def measure_in_turn(data: bytes, wait: Callable[[], None]) -> bytes:
    """Measure as ``measure``; ``wait`` returns when the next iteration may begin."""
    return _answered(data, lambda request, settings: _measure(request, settings, TurnRecorder(request.sampled, wait)))


def find_evals(data: bytes) -> bytes:
    """Load the target that a request names, and return its evals."""
    return _answered(data, _find)


def _answered(data: bytes, answer: Callable[[FleetRequest, Settings], Answer]) -> bytes:
    try:
        request = decode_request(data)
    except msgspec.DecodeError:
        return encode(_of_other_version("another"))
    if request.version != __version__:
        return encode(_of_other_version(request.version))
    try:
        return encode(answer(request, _settings(request)))
    except MemevalError as error:
        return encode(_refused(error.problem, error.remedy))


def _of_other_version(version: str) -> Refused:
    problem = f"the node has otel-memeval {__version__}, and the command {version}"
    return _refused(problem, "install the same version on all nodes")


def _refused(problem: str, remedy: str) -> Refused:
    return Refused(node=_node(), problem=problem, remedy=remedy)


def _settings(request: FleetRequest) -> Settings:
    """Return the settings of a run on this node."""
    if request.folder is not None:
        os.chdir(request.folder)
    own = from_process()
    inherited = {name: value for name, value in own.environment.items() if not name.startswith(_OF_RAY)}
    return msgspec.structs.replace(
        own,
        environment={**inherited, **request.environment},
        secrets=longest_first((*own.secrets, *secrets_in(request.environment))),
        git=request.git,
        parent=request.parent,
        content_capture=request.content_capture,
        project=msgspec.structs.replace(own.project, ignore=request.ignore),
    )


def _measure(request: FleetRequest, settings: Settings, recorder: EventRecorder) -> EvalMeasured:
    source, name = split_target(request.target)
    result = run_eval(source, name, request.options, recorder, settings).result()
    return EvalMeasured(node=_node(), events=recorder.events, result=result)


def _find(request: FleetRequest, settings: Settings) -> Found:
    found = evals_of(request.target, request.options, settings)
    return Found(evals=[FoundEval(target=target, eval=eval_) for target, eval_ in found])


def _node() -> Node:
    return Node(host=socket.gethostname(), process_id=os.getpid(), container=_container())


def _container() -> str:
    """Return the identifier of the container; empty outside of one, or where the kernel does not tell."""
    try:
        text = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    parts = text.replace("/", " ").replace("-", " ").replace(".", " ").split()
    return next((part for part in parts if len(part) == 64 and all(digit in "0123456789abcdef" for digit in part)), "")
