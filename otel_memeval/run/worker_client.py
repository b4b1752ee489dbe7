"""Conversation with the worker of one run: commands, and answers within the time limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from otel_memeval import wire
from otel_memeval.run.scenario_spans import ScenarioSpans

_Message = TypeVar("_Message", bound=wire.Message)


class Worker(Protocol):
    """A worker as the run sees it: a process, or the recorded answers of a run in the calling process."""

    @property
    def hello(self) -> wire.Hello:
        """The worker's first message."""

    @property
    def changed_variables(self) -> list[str]:
        """Variables of the caller's environment that the worker does not have, or has with another value."""

    def send(self, command: str) -> None:
        """Send the line of one command."""

    def receive(self, timeout_seconds: float | None) -> wire.AnyMessage:
        """Return the next message. Raises ``WorkerEnded`` when none will come."""


class WorkerClient:
    """Sends commands to a worker and returns its answers; messages about spans of the scenario go to ``spans``.

    Every method that receives raises ``WorkerEnded`` when the worker ends or does not answer within the time limit, and
    ``WorkerError`` for a message of another type than expected.
    """

    def __init__(self, worker: Worker, timeout_seconds: float, spans: ScenarioSpans) -> None:
        self._worker = worker
        self._timeout_seconds = timeout_seconds
        self.spans = spans
        self.hello = worker.hello
        self.changed_variables = worker.changed_variables

    def send(self, command: wire.AnyCommand) -> None:
        """Send one command."""
        self._worker.send(wire.encode_command(command))

    def receive(self) -> wire.AnyMessage:
        """Return the next message that is not about a span."""
        while self.spans.take(message := self._worker.receive(self._timeout_seconds)):
            pass
        return message

    def receive_as(self, kind: type[_Message]) -> _Message:
        """Return the next message, which has to be of type ``kind``."""
        return wire.expect(self.receive(), kind)

    def until(self, kind: type[_Message], on_other: Callable[[wire.AnyMessage], object]) -> _Message:
        """Return the next message of type ``kind``; call ``on_other`` with each message before it."""
        while not isinstance(message := self.receive(), kind):
            on_other(message)
        return message
