"""Define a team: a leader whose only tool delegates a task to a member."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from opentelemetry.context import Context

from scenarios.agents.agent import Agent
from scenarios.agents.errors import ToolError
from scenarios.agents.events import Event, RunCompleted
from scenarios.agents.jsontypes import JsonObject, parse_object, text_field
from scenarios.agents.runnable import RunContext, Runnable
from scenarios.agents.tools import Tool, ToolResult

_LEADING = """You lead a team. Hand the task to the member who can do it by calling delegate_task_to_member,
then conclude from what the member answered. Members:
"""


@dataclass(kw_only=True)
class Team(Runnable):
    """A team of ``members`` with different names. Raises ``ValueError`` without members, or if two have the same name."""

    members: Sequence[Agent] = ()

    def __post_init__(self) -> None:
        names = [member.name for member in self.members]
        if not names or len({*names, self.name}) != len(names) + 1:
            raise ValueError(f"team {self.name!r} needs members with different names; it has {names}")

    def offered_tools(self, run: RunContext) -> Sequence[Tool]:
        """Return the tool of delegation for the run's session and user."""
        return (DelegateTool(self.members, run),)

    def about(self) -> str:
        """Return the instructions of the leader, and the members with their roles."""
        return _LEADING + "\n".join(f"- {member.name}: {member.role}" for member in self.members)


@dataclass(frozen=True)
class DelegateTool:
    """A tool that runs a member within the leader's run, passes its events on, and returns its answer."""

    members: Sequence[Agent]
    context: RunContext
    name: str = "delegate_task_to_member"
    description: str = "Hand a task to a member of the team and get the member's answer."

    @property
    def parameters(self) -> JsonObject:
        """The JSON schema; the members' names are an enum, so that the model cannot invent one."""
        names = [member.name for member in self.members]
        return {
            "type": "object",
            "properties": {
                "member": {"type": "string", "enum": names},
                "task": {"type": "string", "description": "The whole task, with all that the member needs to know."},
            },
            "required": ["member", "task"],
            "additionalProperties": False,
        }

    async def run(self, arguments: str, parent: Context) -> AsyncGenerator[Event | ToolResult, None]:
        """Run the member as described in ``Tool.run``. Raises ``ToolError`` for an unknown member or an empty task."""
        member, task = self._read(arguments)
        answer = ""
        async with aclosing(
            member.arun(
                task,
                session_id=self.context.session_id,
                user_id=self.context.user_id,
                stream_events=self.context.stream_events,
                parent=parent,
            )
        ) as events:
            async for event in events:
                if isinstance(event, RunCompleted):
                    answer = event.content
                yield event
        yield ToolResult(answer)

    def _read(self, arguments: str) -> tuple[Agent, str]:
        try:
            given = parse_object(arguments)
            name, task = text_field(given, "member"), text_field(given, "task")
        except ValueError as error:
            raise ToolError(f"{self.name}: {error}; see its schema") from error
        for member in self.members:
            if member.name == name and task:
                return member, task
        raise ToolError(f"{self.name}: needs a task and one of the members {[member.name for member in self.members]}")
