"""Find the Python objects that own descriptors and child processes, and the lines that made an object."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator

from ..references.items import stack_of

Frames = tuple[tuple[str, int], ...]
"""File and line of each frame, the innermost first."""

_OWNERS = (("_socket", "socket"), ("_io", "FileIO"), ("select", "epoll"))
"""Module and name of the types that own a descriptor; subclasses too."""


def frames_of(owner: object, is_own: Callable[[str], bool]) -> Frames:
    """Return the frames that made an object, as far as they are traced; none for an object from before the tracing."""
    frames = () if owner is None else stack_of(owner)
    outer = next((place for place, (file, _) in enumerate(frames) if is_own(file)), len(frames))
    return frames[:outer]


def descriptor_owners() -> dict[int, object]:
    """Return the objects that own open descriptors, by the number of the descriptor. Runs no code of a subclass."""
    kinds = tuple(vars(sys.modules[module])[name] for module, name in _OWNERS if module in sys.modules)
    found: dict[int, object] = {}
    for owner in _instances(kinds):
        kind = next(kind for kind in kinds if isinstance(owner, kind))
        try:
            found[kind.fileno(owner)] = owner
        except (OSError, ValueError):  # closed
            continue
    return found


def process_owners() -> dict[int, object]:
    """Return the objects of ``subprocess`` and ``multiprocessing`` that started child processes, by process id."""
    popen = getattr(sys.modules.get("subprocess"), "Popen", None)
    base = getattr(sys.modules.get("multiprocessing.process"), "BaseProcess", None)
    found: dict[int, object] = {}
    for owner in _instances(tuple(kind for kind in (popen, base) if kind is not None)):
        attributes = vars(owner)
        process = attributes.get("pid") or getattr(attributes.get("_popen"), "pid", None)
        if isinstance(process, int):
            found[process] = owner
    return found


def _instances(kinds: tuple[type, ...]) -> Iterator[object]:
    """Yield the objects of these types; the type itself is asked, since a proxy says what it likes."""
    for found in gc.get_objects() if kinds else ():
        if issubclass(type(found), kinds):
            yield found
