"""Messages of the worker about stacks and types of what grew, one JSON line each."""

from __future__ import annotations

import msgspec

from otel_memeval.wire.messages import FailureInfo, Message


class StackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Live memory of one stack after a caller attribution.

    ``frames``: file and line, the innermost first, without those of the tool. ``complete``: no frame of the scenario is
    missing at the outer end. ``alive_bytes`` and ``blocks``: alive at the end; ``added_bytes``: added since half time.
    """

    frames: tuple[tuple[str, int], ...]
    complete: bool
    alive_bytes: int
    added_bytes: int
    blocks: int


class Stacks(Message, frozen=True, tag="stacks"):
    """Stacks that lead to the sites of a caller attribution; none, and the ``failure``, if an iteration raised."""

    stacks: list[StackInfo]
    failure: FailureInfo | None


class GrownTypes(Message, frozen=True, tag="grown_types"):
    """Types of the objects that a caller attribution added since half time: name, number of objects, bytes.

    ``chain``: the references from a module to one of these objects, as the text of each step and the type that it leads to.
    """

    types: list[tuple[str, int, int]]
    chain: list[tuple[str, str]]


class MemrayStackInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Memory of one stack that memray recorded. ``frames``: function, file and line, the innermost first."""

    frames: list[tuple[str, str, int]]
    bytes: int
    blocks: int


class MemrayStacks(Message, frozen=True, tag="memray_stacks"):
    """Stacks that memray recorded; none, and the ``failure``, if memray is not installed or an iteration raised."""

    stacks: list[MemrayStackInfo]
    failure: FailureInfo | None
