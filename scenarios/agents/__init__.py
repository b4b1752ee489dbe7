"""A small agent runtime on the OpenAI client and PostgreSQL, intended to be read and copied.

An ``Agent`` answers with the help of tools; a ``Team`` is an agent whose only tool delegates to its members; ``Storage``
keeps sessions, runs and user memories. A run is an async stream of events (``events``).
"""

from scenarios.agents.agent import Agent
from scenarios.agents.errors import AgentError, ModelError, StorageError, ToolError
from scenarios.agents.events import (
    ContentDelta,
    Event,
    MemoryUpdated,
    RunCompleted,
    RunStarted,
    ToolCallCompleted,
    ToolCallStarted,
)
from scenarios.agents.memory import MemoryManager
from scenarios.agents.model import ChatModel
from scenarios.agents.storage import Storage
from scenarios.agents.team import Team
from scenarios.agents.tools import FunctionTool

__all__ = [
    "Agent",
    "AgentError",
    "ChatModel",
    "ContentDelta",
    "Event",
    "FunctionTool",
    "MemoryManager",
    "MemoryUpdated",
    "ModelError",
    "RunCompleted",
    "RunStarted",
    "Storage",
    "StorageError",
    "Team",
    "ToolCallCompleted",
    "ToolCallStarted",
    "ToolError",
]
