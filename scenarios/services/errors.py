"""The error of services that are not available."""

from __future__ import annotations


class ServiceError(Exception):
    """A service cannot be started or reached. The message is one line (what, where, what to do) without secrets."""
