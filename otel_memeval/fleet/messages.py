"""Requests of the driver to a node, and the answers, as JSON. Pure."""

from __future__ import annotations

import msgspec

from otel_memeval.fleet.events import AnyEvent
from otel_memeval.records import Eval, Git, Record, Result
from otel_memeval.run.plan import Options
from otel_memeval.tracing.ids import Parent
from otel_memeval.version import __version__
from otel_memeval.wire import ContentCapture


class FleetRequest(Record, frozen=True):
    """Targets and settings of the driver; everything else of the settings is the node's own."""

    target: str
    options: Options
    ignore: list[dict[str, str]]
    """Rules of the project for growth that is not judged."""
    folder: str | None
    """Folder that the driver runs in, if the node has it; None: the folder that Ray made of the driver's files."""
    environment: dict[str, str]
    """Variables that are set in the scenario's process beside the node's."""
    git: Git | None
    parent: Parent | None
    content_capture: ContentCapture
    sampled: bool | None
    """Whether the trace is kept; None if nothing is sent."""
    version: str = __version__


class Node(Record, frozen=True):
    """The machine that measured an eval."""

    host: str
    process_id: int
    container: str = ""
    """Identifier of its container, as far as it is known."""


class EvalMeasured(Record, frozen=True, tag=True):
    """Answer: the eval was measured."""

    node: Node
    events: list[AnyEvent]
    result: Result


class FoundEval(Record, frozen=True):
    """An eval of a target."""

    target: str
    """Names this eval alone."""
    eval: Eval


class Found(Record, frozen=True, tag=True):
    """Answer: the evals of a target."""

    evals: list[FoundEval]


class Refused(Record, frozen=True, tag=True):
    """Answer: there is nothing to measure; ``problem`` and ``remedy`` as in ``MemevalError``."""

    node: Node
    problem: str
    remedy: str


Answer = EvalMeasured | Found | Refused


def encode(message: FleetRequest | Answer) -> bytes:
    """Return the JSON of a message."""
    return msgspec.json.encode(message)


def decode_request(data: bytes) -> FleetRequest:
    """Return the request. Raises ``msgspec.DecodeError`` for another version's."""
    return msgspec.json.decode(data, type=FleetRequest)


def decode_answer(data: bytes) -> Answer:
    """Return the answer. Raises ``msgspec.DecodeError`` for another version's."""
    return _ANSWER.decode(data)


_ANSWER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
