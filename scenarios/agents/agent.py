"""Define an agent: a model with a role and tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenarios.agents.runnable import RunContext, Runnable
from scenarios.agents.tools import FunctionTool, Tool


@dataclass(kw_only=True)
class Agent(Runnable):
    """An agent whose ``tools`` are plain functions, sync or async. Raises ``TypeError`` for a tool without a JSON schema."""

    role: str = ""
    """The task of the agent in a few words; a team's leader chooses members by it."""
    tools: Sequence[Callable[..., object]] = ()

    def __post_init__(self) -> None:
        self._tools = tuple(FunctionTool.from_function(function) for function in self.tools)

    def offered_tools(self, run: RunContext) -> Sequence[Tool]:
        """Return the agent's tools, the same in every run."""
        return self._tools

    def about(self) -> str:
        """Return name and role."""
        return f"You are {self.name}. Your role: {self.role}" if self.role else f"You are {self.name}."
