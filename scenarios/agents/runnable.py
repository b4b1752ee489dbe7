"""Run an agent or a team, from the user's message to the stored conversation."""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from opentelemetry.context import Context

from scenarios.agents import telemetry
from scenarios.agents.conversation import FinalAnswer, converse
from scenarios.agents.events import ContentDelta, Event, MemoryUpdated, RunCompleted, RunStarted
from scenarios.agents.memory import MemoryManager, render_memories
from scenarios.agents.messages import Message
from scenarios.agents.model import ChatModel
from scenarios.agents.storage import Storage
from scenarios.agents.tools import Tool


@dataclass(frozen=True, slots=True)
class RunContext:
    """Session, user and event settings of a run, which a team passes on to its members."""

    session_id: str
    user_id: str
    stream_events: bool


@dataclass(kw_only=True)
class Runnable(ABC):
    """Base of agents and teams, with their settings. Without a ``database`` there is neither history nor memory."""

    name: str
    model: ChatModel
    description: str = ""
    instructions: str = ""
    database: Storage | None = None
    update_memory_on_run: bool = False
    """Whether the model updates the memories of the user after every run."""
    add_history_to_context: bool = False
    """Whether the model receives the last ``num_history_runs`` runs of the session."""
    num_history_runs: int = 3
    stream_events: bool = False
    """Whether to yield events of tools and memories as well as text and the end; ``arun`` can override it."""

    @abstractmethod
    def offered_tools(self, run: RunContext) -> Sequence[Tool]:
        """Return the tools of a run."""

    @abstractmethod
    def about(self) -> str:
        """Return the part of the system message about the agent, without description and instructions."""

    async def arun(
        self,
        message: str,
        *,
        session_id: str,
        user_id: str,
        stream: bool = True,
        stream_events: bool | None = None,
        parent: Context | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Answer a message and yield the events of the run, which starts when the first event is requested.

        With ``stream=False`` only the ``RunCompleted`` is yielded. ``parent`` is the parent of the span, None the current
        span. Raises ``AgentError``, and the errors of the clients of model and database.
        """
        run = RunContext(session_id, user_id, self.stream_events if stream_events is None else stream_events)
        async with aclosing(self._events(message, run, parent)) as events:
            async for event in events:
                detail = isinstance(event, (ContentDelta, RunCompleted)) or run.stream_events
                is_end = isinstance(event, RunCompleted) and event.agent == self.name
                if is_end or (stream and detail):
                    yield event

    async def _events(self, message: str, run: RunContext, parent: Context | None) -> AsyncGenerator[Event, None]:
        run_id = uuid.uuid4().hex
        question = Message("user", message)
        answer: FinalAnswer | None = None
        with telemetry.agent_span(
            self.name, model=self.model.name, provider=self.model.provider, session_id=run.session_id, parent=parent
        ) as (_, context):
            yield RunStarted(self.name, run_id, run.session_id)
            prompt = [Message("system", await self._system_text(run)), *await self._history(run), question]
            tools = self.offered_tools(run)
            async with aclosing(converse(self.name, self.model, prompt, tools, context)) as events:
                async for event in events:
                    if isinstance(event, FinalAnswer):
                        answer = event
                    else:
                        yield event
            assert answer is not None, "converse ends with a FinalAnswer"
            if self.database is not None:
                messages = (question, *answer.messages)
                await self.database.save_run(
                    run_id, session_id=run.session_id, agent=self.name, user_id=run.user_id, messages=messages
                )
                if self.update_memory_on_run:
                    changes = await MemoryManager(self.model, self.database).update(run.user_id, message, context)
                    yield MemoryUpdated(self.name, run.user_id, changes)
            yield RunCompleted(self.name, run_id, answer.text, answer.usage)

    async def _system_text(self, run: RunContext) -> str:
        parts = [self.description, self.about(), self.instructions]
        if self.database is not None and self.update_memory_on_run:
            memories = render_memories(await self.database.memories(run.user_id))
            parts.append(f"What you remember about the user:\n{memories}" if memories else "")
        return "\n\n".join(part for part in parts if part)

    async def _history(self, run: RunContext) -> list[Message]:
        if self.database is None or not self.add_history_to_context:
            return []
        return await self.database.history(run.session_id, self.name, self.num_history_runs)
