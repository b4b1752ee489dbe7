"""Collect the mutations of one container in the code: additions and removals, and the branches they stand in."""

from __future__ import annotations

import ast

from ..memory.container_lengths import length
from .conditions import Bound, ConditionReader


class Branch:
    """One branch of a condition; ``test`` is None if nothing is known about the condition, as in an ``except``."""

    __slots__ = ("key", "reader", "taken", "test")

    def __init__(self, reader: ConditionReader, node: ast.AST, test: ast.expr | None, taken: bool) -> None:
        self.reader = reader
        self.test = test
        self.taken = taken
        self.key = (id(node), taken)

    def bound_above(self) -> Bound | None:
        """Return the bound above which the branch is certainly taken."""
        return None if self.test is None else self.reader.bound_above(self.test, self.taken)

    def bound_below(self) -> Bound | None:
        """Return the bound below which alone the branch is taken."""
        return None if self.test is None else self.reader.bound_below(self.test, self.taken)

    def is_always_taken(self) -> bool:
        """Return whether the branch is taken regardless of the container's size."""
        return self.test is not None and self.reader.is_always_taken(self.test, self.taken)


Branches = tuple[Branch, ...]
"""The branches that a statement stands in, the outermost first."""


class Addition:
    """A statement that adds to the container; ``bound``: the bound below which alone it adds, if there is one."""

    __slots__ = ("bound", "branches", "file", "last_line", "line")

    def __init__(self, branches: Branches, file: str, node: ast.AST, bound: Bound | None) -> None:
        self.branches = branches
        self.file = file
        self.line: int = getattr(node, "lineno", 0)
        self.last_line: int = getattr(node, "end_lineno", None) or self.line
        self.bound = bound


class Mutations:
    """Mutations of the container by one function and the functions that it calls."""

    def __init__(self, container: object) -> None:
        self.additions: list[Addition] = []
        self._removals: list[tuple[Branches, Bound]] = []
        self._container = container

    def bound_of(self, addition: Addition) -> Bound | None:
        """Return the bound that an addition respects; None if it adds without end."""
        if addition.bound is not None:
            return addition.bound
        keys = {branch.key for branch in addition.branches}
        for branches, bound in self._removals:
            if all(branch.key in keys or branch.is_always_taken() or _is_implied(branch, bound) for branch in branches):
                return bound
        return None

    def note_addition(self, node: ast.AST, branches: Branches, file: str) -> None:
        """Note that the container grows at this node."""
        bounds = (branch.bound_below() for branch in reversed(branches))
        self.additions.append(Addition(branches, file, node, next((bound for bound in bounds if bound is not None), None)))

    def note_removal(self, branches: Branches) -> None:
        """Note that the container shrinks here: above a bound, if the innermost branch that is not always taken sets one."""
        for place in range(len(branches) - 1, -1, -1):
            bound = branches[place].bound_above()
            if bound is not None:
                self._removals.append((branches[:place], bound))
                return
            if not branches[place].is_always_taken():
                return

    def note_slice(
        self, reader: ConditionReader, kept: ast.Slice, branches: Branches, node: ast.expr, *, removes: bool
    ) -> bool:
        """Note a slice that keeps a fixed number of items at one end; with ``removes`` it leaves them in the container.

        Returns whether it is such a slice.
        """
        first, last = (kept.upper, kept.lower) if removes else (kept.lower, kept.upper)
        if kept.step is not None or (first is None) is (last is None):
            return False
        value = reader.names.value(first if first is not None else last)  # type: ignore[arg-type]
        if type(value) is not int or (value < 0) is (first is None):
            return False
        max_items = abs(value)
        if max_items < 1 or length(self._container) > max_items + 1:
            return False
        file = reader.names.function.__code__.co_filename
        self.note_removal(branches)  # a bound that is compared first goes before the length of the slice
        self._removals.append((branches, Bound(max_items, ast.unparse(node), file, node.lineno)))
        return True


def _is_implied(branch: Branch, bound: Bound) -> bool:
    """Return whether the branch is taken above a bound of its own that is no larger than ``bound``."""
    own = branch.bound_above()
    return own is not None and own.max_items is not None and bound.max_items is not None and own.max_items <= bound.max_items
