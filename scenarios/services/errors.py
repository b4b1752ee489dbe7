"""Why there are no services."""

from __future__ import annotations


class ServiceError(Exception):
    """A service cannot be started or reached. One line: what, where, what to do; never a password or a key."""
