"""Update user memories: after a run, the model selects the facts to remember by calling tools."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Annotated

from opentelemetry.context import Context

from scenarios.agents.conversation import converse
from scenarios.agents.events import ToolCallCompleted
from scenarios.agents.messages import Message
from scenarios.agents.model import ChatModel
from scenarios.agents.storage import Storage, UserMemory
from scenarios.agents.tools import FunctionTool

_INSTRUCTIONS = """You manage what is remembered about a user.
Read the user's message. Keep lasting facts only (name, place, likes, habits), one fact a memory.
Replace a memory that the message changes, remove one that it makes wrong, do nothing if nothing is new.
"""


def render_memories(memories: Sequence[UserMemory]) -> str:
    """Return the memories as text, one line each: ``- [id] text``."""
    return "\n".join(f"- [{memory.memory_id}] {memory.text}" for memory in memories)


@dataclass(frozen=True)
class MemoryManager:
    """Updates the memories of users in ``database`` with the help of ``model``."""

    model: ChatModel
    database: Storage

    async def update(self, user_id: str, message: str, parent: Context) -> int:
        """Show the model a user's message, let it change the user's memories, and return the number of changes."""
        known = render_memories(await self.database.memories(user_id)) or "(none)"
        messages = [Message("system", f"{_INSTRUCTIONS}\nMemories so far:\n{known}"), Message("user", message)]
        tools = _MemoryTools(self.database, user_id)
        offered = [FunctionTool.from_function(f) for f in (tools.add_memory, tools.update_memory, tools.delete_memory)]
        changes = 0
        async with aclosing(converse("Memory Manager", self.model, messages, offered, parent)) as events:
            async for event in events:
                changes += isinstance(event, ToolCallCompleted) and not event.failed
        return changes


@dataclass(frozen=True)
class _MemoryTools:
    """The three tools for one user, so that the model cannot change the memories of others."""

    database: Storage = field(repr=False)
    user_id: str

    async def add_memory(self, memory: Annotated[str, "The fact, in one sentence."]) -> str:
        """Remember a new fact about the user."""
        memory_id = await self.database.add_memory(self.user_id, memory)
        return f"Added memory {memory_id}."

    async def update_memory(
        self,
        memory_id: Annotated[str, "The number in brackets."],
        memory: Annotated[str, "The fact, in one sentence."],
    ) -> str:
        """Replace a memory by a newer fact."""
        await self.database.update_memory(self.user_id, memory_id, memory)
        return f"Updated memory {memory_id}."

    async def delete_memory(self, memory_id: Annotated[str, "The number in brackets."]) -> str:
        """Remove a memory that is wrong now."""
        await self.database.delete_memory(self.user_id, memory_id)
        return f"Deleted memory {memory_id}."
