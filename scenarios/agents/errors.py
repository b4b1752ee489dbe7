"""What can go wrong in a run: each message says what, where, and what to do."""

from __future__ import annotations


class AgentError(Exception):
    """The base of all errors here; raised itself when an agent asks for tools without end."""


class ModelError(AgentError):
    """The model's answer cannot be used: a stream without an end, or a tool call without a name."""


class ToolError(AgentError):
    """A tool cannot be called as the model asked; its text is given back to the model."""


class StorageError(AgentError):
    """The database does not hold what it should."""
