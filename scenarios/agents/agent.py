"""An agent: a model with a role and tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scenarios.agents.runnable import RunContext, Runnable
from scenarios.agents.tools import FunctionTool, Tool


@dataclass(kw_only=True)
class Agent(Runnable):
    """``tools`` are plain functions, sync or async; ``TypeError`` is raised for one that has no JSON schema."""

    role: str = ""
    """What the agent is good for, in a few words; a team's leader chooses by it."""
    tools: Sequence[Callable[..., object]] = ()

    def __post_init__(self) -> None:
        self._tools = tuple(FunctionTool.from_function(function) for function in self.tools)

    def offered_tools(self, run: RunContext) -> Sequence[Tool]:
        """The same tools in every run."""
        return self._tools

    def about(self) -> str:
        """Name and role."""
        return f"You are {self.name}. Your role: {self.role}" if self.role else f"You are {self.name}."
