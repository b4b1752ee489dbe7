"""Define the events of a run. ``agent`` is the name of the agent or team that causes an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Usage:
    """Numbers of tokens as counted by the model."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens)


@dataclass(frozen=True, slots=True)
class RunStarted:
    """An agent or team began to answer."""

    agent: str
    run_id: str
    session_id: str


@dataclass(frozen=True, slots=True)
class ContentDelta:
    """The next piece of an answer."""

    agent: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    """The model called a tool; ``arguments`` is JSON text."""

    agent: str
    call_id: str
    tool: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolCallCompleted:
    """A tool returned its result; if it ``failed``, the result is the text of the error, which the model receives."""

    agent: str
    call_id: str
    tool: str
    result: str
    failed: bool


@dataclass(frozen=True, slots=True)
class MemoryUpdated:
    """The memories of a user were reviewed; ``changes`` is the number of memories added, replaced or removed."""

    agent: str
    user_id: str
    changes: int


@dataclass(frozen=True, slots=True)
class RunCompleted:
    """The last event of a run: the complete answer, and the tokens of its model requests without those of members."""

    agent: str
    run_id: str
    content: str
    usage: Usage


Event: TypeAlias = RunStarted | ContentDelta | ToolCallStarted | ToolCallCompleted | MemoryUpdated | RunCompleted
