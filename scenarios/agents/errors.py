"""Errors of a run. Each message says what happened, where, and what to do."""

from __future__ import annotations


class AgentError(Exception):
    """The base class of all errors of the runtime; raised itself if an agent calls tools without end."""


class ModelError(AgentError):
    """The answer of the model cannot be used: its stream has no end, or a tool call has no name."""


class ToolError(AgentError):
    """A tool cannot be called as the model requested; the model receives the text of the error."""


class StorageError(AgentError):
    """The database contains data that the runtime cannot read."""
