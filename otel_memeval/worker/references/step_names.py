"""Name steps of a reference path: keys of dicts that stand in the source, and local variables of suspended functions.

Any other key stays hidden: it may be a prompt, a session id or a password.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Collection, Iterator
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from typing import cast

from .referents import Link, dict_of_module, dict_of_type

MAX_KEY_CHARACTERS = 32
"""Length of a key above which it is hidden: names are shorter, tokens and texts are longer."""

MAX_KEY_WITH_DIGITS = 16
"""The same for a key with a digit: an access key has digits."""

_FRAMES = {types.GeneratorType: "gi_frame", types.CoroutineType: "cr_frame", types.AsyncGeneratorType: "ag_frame"}


class StepNames:
    """Names steps; reads the compiled source of each module once. ``scenario_module``: the name of the scenario's module."""

    def __init__(self, scenario_module: str) -> None:
        self._scenario_module = scenario_module
        self._constants: dict[str, frozenset[str]] = {}

    def name_steps(self, links: list[Link], first: str) -> list[str]:
        """Return the texts of the links behind the first one.

        ``first``: the text at which the path begins. A key is shown if it is a constant of the scenario, of the module at
        which the path begins, or of a module to which a class on the path belongs.
        """
        objects = [obj for _, obj in links]
        return [self._name(label, parent, obj, objects, first) for parent, (label, obj) in zip(objects, links[1:])]

    def _name(self, label: str, parent: object, obj: object, objects: list[object], first: str) -> str:
        if label == "[*]" and issubclass(type(parent), dict):
            table = cast("dict[object, object]", parent)
            keys = [key for key, value in dict.items(table) if value is obj and type(key) is str and is_name(key)]
            if keys and ("__builtins__" in table or self._is_constant(keys[0], objects, first)):
                return f'["{keys[0]}"]'
        if type(parent) in _FRAMES:
            frame = getattr(parent, _FRAMES[type(parent)])
            names = [name for name, value in frame.f_locals.items() if value is obj] if frame is not None else []
            return f" -> {parent.__qualname__}.{names[0]}" if names else label  # type: ignore[attr-defined]
        return label

    def _is_constant(self, key: str, objects: Collection[object], first: str) -> bool:
        return any(key in self._of_module(name) for name in self._modules(objects, first))

    def _modules(self, objects: Collection[object], first: str) -> Iterator[str]:
        yield self._scenario_module
        while first:
            yield first
            first = first.rpartition(".")[0]
        for obj in objects:
            module = dict_of_type(type(obj)).get("__module__")
            if type(module) is str:
                yield module

    def _of_module(self, name: str) -> frozenset[str]:
        if name not in self._constants:
            code = _code_of(sys.modules.get(name))
            self._constants[name] = frozenset(_names_in(code)) if code is not None else frozenset()
        return self._constants[name]


def is_name(key: str) -> bool:
    """Return whether a key reads like a name in a program: short, of ASCII letters, digits, ``_``, ``-`` and ``.``."""
    if not key.isascii() or len(key) > MAX_KEY_CHARACTERS or not key.replace("-", "_").replace(".", "_").isidentifier():
        return False
    return len(key) <= MAX_KEY_WITH_DIGITS or not any(map(str.isdigit, key))


def _code_of(module: object) -> types.CodeType | None:
    """Return the compiled source of a module; None if it was not imported from a file. Runs no loader of the scenario."""
    spec = dict_of_module(module).get("__spec__") if issubclass(type(module), types.ModuleType) else None
    loader = getattr(spec, "loader", None) if type(spec) is type(types.__spec__) else None
    if type(loader) is not SourceFileLoader and type(loader) is not SourcelessFileLoader:
        return None
    try:
        return loader.get_code(loader.name)
    except Exception:  # the file is gone, or no Python by now
        return None


def _names_in(code: types.CodeType) -> Iterator[str]:
    """Yield the constants of a module and its functions that read like names, and the names that its code uses."""
    queue: list[object] = [code]
    while queue:
        part = queue.pop()
        if type(part) is types.CodeType:
            queue.extend((part.co_consts, part.co_names))
        elif type(part) in (tuple, frozenset):
            queue.extend(cast("tuple[object, ...]", part))
        elif type(part) is str and is_name(part):
            yield part
