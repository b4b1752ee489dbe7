"""What a person names on the command line, taken apart."""

from __future__ import annotations


def split_target(target: str) -> tuple[str, str]:
    """The module or file, and the name in it (empty if none was given)."""
    head, colon, name = target.rpartition(":")
    # A drive letter (C:\\...) is not a name's colon.
    if not colon or len(head) == 1 or "/" in name or "\\" in name or name.endswith(".py"):
        return target, ""
    return head, name
