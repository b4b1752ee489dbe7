"""A small agent runtime on the OpenAI client and PostgreSQL, made to be read and copied.

``Agent`` answers with tools, ``Team`` is an agent whose tool is to ask its members, ``Storage`` keeps sessions, runs
and user memories. One run is an async stream of events (``events``).
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
