"""What code does to one container: where it adds, where it removes, and under which conditions."""

from __future__ import annotations

import ast

from ..memory.container_lengths import length
from .conditions import Conditions, Limit


class Condition:
    """One way at a fork of the code; ``test`` is None where nothing is known about it, as in an ``except``."""

    __slots__ = ("conditions", "key", "taken", "test")

    def __init__(self, conditions: Conditions, node: ast.AST, test: ast.expr | None, taken: bool) -> None:
        self.conditions = conditions
        self.test = test
        self.taken = taken
        self.key = (id(node), taken)

    def over(self) -> Limit | None:
        """The limit, if this way is certainly taken past it."""
        return None if self.test is None else self.conditions.over(self.test, self.taken)

    def under(self) -> Limit | None:
        """The limit, if this way is only taken below it."""
        return None if self.test is None else self.conditions.under(self.test, self.taken)

    def passes(self) -> bool:
        """Whether this way is taken when it matters."""
        return self.test is not None and self.conditions.passes(self.test, self.taken)


Chain = tuple[Condition, ...]


class Add:
    """A place that adds to the container; ``guard`` if only below a limit."""

    __slots__ = ("chain", "file", "guard", "last_line", "line")

    def __init__(self, chain: Chain, file: str, node: ast.AST, guard: Limit | None) -> None:
        self.chain = chain
        self.file = file
        self.line: int = getattr(node, "lineno", 0)
        self.last_line: int = getattr(node, "end_lineno", None) or self.line
        self.guard = guard


class Changes:
    """All that one function, and what it calls on the same objects, does to the container."""

    def __init__(self, container: object) -> None:
        self.adds: list[Add] = []
        self._prunes: list[tuple[Chain, Limit]] = []
        self._container = container

    def limit_of(self, add: Add) -> Limit | None:
        """What keeps this place from adding without end."""
        if add.guard is not None:
            return add.guard
        keys = {condition.key for condition in add.chain}
        for chain, limit in self._prunes:
            if all(one.key in keys or one.passes() or _implied(one, limit) for one in chain):
                return limit
        return None

    def added(self, node: ast.AST, chain: Chain, file: str) -> None:
        """The container grows here."""
        guard = next((limit for limit in (one.under() for one in reversed(chain)) if limit is not None), None)
        self.adds.append(Add(chain, file, node, guard))

    def removed(self, chain: Chain) -> None:
        """The container shrinks here: under a limit, if the nearest condition that matters is one."""
        for place in range(len(chain) - 1, -1, -1):
            limit = chain[place].over()
            if limit is not None:
                self._prunes.append((chain[:place], limit))
                return
            if not chain[place].passes():
                return

    def cut(self, conditions: Conditions, slice_: ast.Slice, chain: Chain, node: ast.expr, *, removes: bool) -> bool:
        """Whether a slice keeps at most so many items at one end (or, where it is deleted, leaves them)."""
        first, last = (slice_.upper, slice_.lower) if removes else (slice_.lower, slice_.upper)
        if slice_.step is not None or (first is None) is (last is None):
            return False
        value = conditions.scope.value(first if first is not None else last)  # type: ignore[arg-type]
        if type(value) is not int or (value < 0) is (first is None):
            return False
        most = abs(value)
        if most < 1 or length(self._container) > most + 1:
            return False
        file = conditions.scope.function.__code__.co_filename
        self.removed(chain)  # a limit that is asked about before goes before what is left of it
        self._prunes.append((chain, Limit(most, ast.unparse(node), file, node.lineno)))
        return True


def _implied(condition: Condition, limit: Limit) -> bool:
    """Whether past ``limit`` this condition's own, lower limit is passed as well."""
    lower = condition.over()
    return lower is not None and lower.most is not None and limit.most is not None and lower.most <= limit.most
