"""List the frameworks with the packages of their environments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
PYTHON = "3.12"
"""Version of the interpreter of all environments: the newest for which all frameworks have wheels."""

_TRACING = ("opentelemetry-sdk==1.45.2",)


@dataclass(frozen=True)
class Framework:
    """A framework. ``pins`` are the packages that are asked for, the framework first; a resolver finds the others."""

    name: str
    scenario: str
    """File in ``scenarios/``."""
    storage: str
    """Place of sessions and memories; with ``PostgreSQL`` the scenario gets an address."""
    pins: tuple[str, ...]

    def path(self) -> Path:
        """Return the path of the scenario."""
        return SCENARIOS / self.scenario


_AGNO = (
    "agno==3.1.10", "openai==3.57.0", "sqlalchemy==2.1.9", "greenlet", "psycopg[binary]",
    "openinference-instrumentation-agno==1.0.15", *_TRACING,
)  # fmt: skip

FRAMEWORKS = (
    Framework("agno", "agno_team.py", "PostgreSQL", _AGNO),
    Framework("agno-sqlite", "agno_team.py", "SQLite", _AGNO),
    Framework(
        "langgraph", "langgraph_team.py", "SQLite",
        ("langgraph==1.2.24", "langchain==1.5.2", "langchain-openai==1.7.4", "langgraph-checkpoint-sqlite==3.1.2",
         "openinference-instrumentation-langchain==0.1.80", *_TRACING),
    ),
    Framework("pydantic-ai", "pydantic_ai_team.py", "SQLite", ("pydantic-ai-slim[openai]==2.68.0", *_TRACING)),
    Framework(
        "openai-agents", "openai_agents_team.py", "SQLite",
        ("openai-agents==0.24.0", "openinference-instrumentation-openai-agents==2.6.0", *_TRACING),
    ),
    Framework(
        "crewai", "crewai_team.py", "SQLite",
        ("crewai==1.15.30", "openinference-instrumentation-crewai==1.1.21", "openinference-instrumentation-openai==0.1.66"),
    ),
    Framework(
        "llama-index", "llama_index_team.py", "SQLite",
        ("llama-index-core==0.14.25", "llama-index-llms-openai-like==0.8.1", "aiosqlite", "greenlet",
         "openinference-instrumentation-llama-index==4.6.1", *_TRACING),
    ),
    Framework("strands", "strands_team.py", "files", ("strands-agents[openai]==1.62.0",)),
    Framework(
        "agent-framework", "agent_framework_team.py", "files",
        ("agent-framework-core==1.23.0", "agent-framework-openai==1.17.0", *_TRACING),
    ),
    Framework(
        "autogen", "autogen_team.py", "SQLite",
        ("autogen-agentchat==0.7.5", "autogen-ext[openai]==0.7.5",
         "openinference-instrumentation-autogen-agentchat==0.1.22", *_TRACING),
    ),
)  # fmt: skip

FOLLOWED_UP = (
    Framework("agno", "agno_storage.py", "SQLite", _AGNO),
    next(framework for framework in FRAMEWORKS if framework.name == "crewai"),
    Framework("dspy", "dspy_program.py", "none", ("dspy==3.4.1",)),
    Framework("mem0", "mem0_memory.py", "qdrant", ("mem0ai==2.2.1",)),
    Framework("gradio", "gradio_chat.py", "none", ("gradio==6.31.0",)),
)
"""Scenarios with large heaps, for ``benchmarks.follow_up``."""
