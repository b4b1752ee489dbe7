"""How long a container may become, where it or its owner says so: a bounded cache that still fills is not a leak."""

from __future__ import annotations

import contextlib
import re
import types
import weakref

from .containers import LruCache, bound, length
from .paths import dict_of_type, mro_of_type, own_dict

_NAMES = frozenset(
    ("maxsize", "max_size", "maxlen", "max_len", "max_length", "max_entries", "max_items", "max_count", "capacity", "limit")
)
"""What attributes that bound a container are called, by the standard library, cachetools and people."""

_PLAIN_MODULES = (None, "builtins", "collections")
"""Classes of these have no attributes of a person's."""

_WEAK = (weakref.WeakValueDictionary, weakref.WeakKeyDictionary, weakref.WeakSet)


def holds_weakly(owner: object) -> bool:
    """Whether the container is the inside of a weak collection: it grows with what others keep alive."""
    return issubclass(type(owner), _WEAK)


def bound_of(container: object, owner: object) -> int | None:
    """The length that the container will not exceed: its own word for it, else an attribute of the object it belongs to.

    An owner's number counts only while the container keeps to it.
    """
    own = bound(container)
    if own is not None or type(container) is LruCache:
        return own
    if any(container is vars(re).get(name) for name in ("_cache", "_cache2")):
        return _whole(getattr(re, "_MAXCACHE", None))
    items = length(container)
    for candidate in (container, owner):
        for name, value in _attributes(candidate):
            if _plain(name) in _NAMES and (most := _whole(value)) is not None and most >= items:
                return most
    return None


def _whole(value: object) -> int | None:
    return value if type(value) is int and value > 0 else None


def _plain(name: str) -> str:
    """An attribute's name without underscores before it, and without the class of a private one (``_Cache__maxsize``)."""
    return name.rpartition("__")[2].lstrip("_").lower()


def _attributes(obj: object) -> list[tuple[str, object]]:
    """Names and values of an instance's attributes and its classes' constants; no code of the object's is run."""
    kinds = [kind for kind in mro_of_type(type(obj)) if dict_of_type(kind).get("__module__") not in _PLAIN_MODULES]
    if not kinds or issubclass(type(obj), (type, types.ModuleType)):
        return []
    found = list(own_dict(obj).items())
    for kind in kinds:
        for name, member in tuple(dict_of_type(kind).items()):
            if type(member) is types.MemberDescriptorType:
                with contextlib.suppress(Exception):  # an empty slot
                    found.append((name, member.__get__(obj, kind)))
            else:
                found.append((name, member))
    return found
