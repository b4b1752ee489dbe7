"""Split a target as it is named on the command line."""

from __future__ import annotations


def split_target(target: str) -> tuple[str, str]:
    """Return the module or file, and the name in it (empty if none was given); ``::`` as in pytest is a colon too."""
    head, colons, name = target.rpartition("::")
    if colons and head and name:
        return head, name
    head, colon, name = target.rpartition(":")
    # A drive letter (C:\\...) is not a name's colon.
    if not colon or len(head) == 1 or "/" in name or "\\" in name or name.endswith(".py"):
        return target, ""
    return head, name
