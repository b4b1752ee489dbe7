"""What a condition of the scenario's code says about how much a container may hold."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable
from math import floor

from ..memory.container_lengths import length
from ..references.paths import dict_of_type, mro_of_type
from .names import UNKNOWN, Scope, is_number

MOST_TIMES = 50_000
"""A number that stands below its limit by this factor after some twenty iterations would take a million to reach it."""

_BUILTINS = (dict, list, set, frozenset, tuple, deque)
_PLAIN = (bool, int, float, str, bytes, type(None))
_TRUE_ABOVE = (ast.Gt, ast.GtE, ast.Eq)
_TRUE_BELOW = (ast.Lt, ast.LtE, ast.NotEq)
_ONE_MORE = (ast.Gt, ast.LtE)
"""What is added while these do not hold, or hold, goes one past their number."""

_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Lt: ast.Gt, ast.LtE: ast.GtE}


class Limit:
    """What keeps a container from growing: at most ``most`` items (None where it is not counted in items), and the code
    that says so, with its file and line.
    """

    __slots__ = ("file", "line", "most", "text")

    def __init__(self, most: int | None, text: str, file: str, line: int) -> None:
        self.most = most
        self.text = text
        self.file = file
        self.line = line


class Measure:
    """``times * len(container) + rest``; ``varies`` if the rest is a number that the code changes, ``of`` its container."""

    __slots__ = ("of", "rest", "times", "varies")

    def __init__(self, times: float, rest: float, *, varies: bool = False, of: object = None) -> None:
        self.times = times
        self.rest = rest
        self.varies = varies
        self.of = of


Inline = Callable[[Scope, ast.expr], "tuple[Scope, ast.expr] | None"]
"""The one expression that a call or a property returns, with the scope to read it in."""


class Conditions:
    """Reads the conditions of one function, for one container. ``changing`` are names of numbers that code adds to."""

    def __init__(self, scope: Scope, container: object, changing: frozenset[str], inline: Inline) -> None:
        self.scope = scope
        self.container = container
        self._changing = changing
        self._inline = inline
        self._file = scope.function.__code__.co_filename

    def is_container(self, expression: ast.expr) -> bool:
        """Whether the expression stands for the container itself."""
        return self.scope.value(expression) is self.container

    def over(self, test: ast.expr, taken: bool) -> Limit | None:
        """The limit, if this way is certainly taken whenever the container is past it."""
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            limits = [(one, self.over(one, way)) for one, way in parts]
            found = [limit for _, limit in limits if limit is not None]
            if all_hold and not all(limit is not None or self.passes(one, taken) for one, limit in limits):
                return None
            return found[0] if found else None
        return self._limit(test, taken, above=True)

    def under(self, test: ast.expr, taken: bool) -> Limit | None:
        """The limit, if this way is taken only while the container is below it."""
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            limits = [self.under(one, way) for one, way in parts]
            found = [limit for limit in limits if limit is not None]
            return found[0] if found and (all_hold or len(found) == len(limits)) else None
        return self._limit(test, taken, above=False)

    def passes(self, test: ast.expr, taken: bool) -> bool:
        """Whether this way is certainly taken when it matters: it is now, or it asks for what does not bear on the limit."""
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            return (all if all_hold else any)(self.passes(one, way) for one, way in parts)
        test, taken = self._plain(test, taken)
        inner = self._inline(self.scope, test)
        if inner is not None:
            return self._of(inner[0]).passes(inner[1], taken)
        if isinstance(test, ast.Compare):
            left, operator, right = test.left, test.ops[0], test.comparators[0]
            if isinstance(operator, (ast.In, ast.NotIn)):
                return self.is_container(right)
            if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod):
                return True  # every n-th time
            said = self._compared(test)
            if said is None:
                said = self._same(left, operator, right)
            return said is taken if isinstance(said, bool) else False
        value = self.scope.value(test)
        if value is self.container:
            return bool(length(value)) is taken
        if value is UNKNOWN:
            return False
        if type(value) in _PLAIN or type(value) in _BUILTINS:
            return bool(value) is taken
        asked = any("__bool__" in dict_of_type(kind) or "__len__" in dict_of_type(kind) for kind in mro_of_type(type(value)))
        return taken and not asked  # an object that does not say is true

    def _of(self, scope: Scope) -> Conditions:
        return Conditions(scope, self.container, self._changing, self._inline)

    def _plain(self, test: ast.expr, taken: bool) -> tuple[ast.expr, bool]:
        """Without ``not``, and for a local name what it was assigned."""
        test = self.scope.meaning(test)
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, taken = self.scope.meaning(test.operand), not taken
        return test, taken

    def _parts(self, test: ast.expr, taken: bool) -> tuple[list[tuple[ast.expr, bool]], bool]:
        """The parts of ``and``, ``or`` and ``a < b < c``, and whether all of them hold on this way, or any may."""
        test, taken = self._plain(test, taken)
        if isinstance(test, ast.BoolOp):
            return [(one, taken) for one in test.values], isinstance(test.op, ast.And) is taken
        if isinstance(test, ast.Compare) and len(test.ops) > 1:
            pairs: list[tuple[ast.expr, bool]] = []
            lefts = [test.left, *test.comparators]
            for left, operator, right in zip(lefts, test.ops, test.comparators):
                pair = ast.Compare(left=left, ops=[operator], comparators=[right])
                pairs.append((ast.copy_location(pair, test), taken))
            return pairs, taken
        return [(test, taken)], True

    def _limit(self, test: ast.expr, taken: bool, *, above: bool) -> Limit | None:
        test, taken = self._plain(test, taken)
        if isinstance(test, ast.Compare):
            said = self._compared(test)
            if not isinstance(said, tuple) or said[0] is not (taken is above):
                return None
            if not above and said[1].most is not None and isinstance(test.ops[0], _ONE_MORE):
                said[1].most += 1
            return said[1]
        inner = self._inline(self.scope, test)
        if inner is None:
            return None
        read = self._of(inner[0])
        return read.over(inner[1], taken) if above else read.under(inner[1], taken)

    def _compared(self, test: ast.Compare) -> bool | tuple[bool, Limit] | None:
        """What a comparison of numbers says: for a limit, whether it is true above it; else whether it is true now."""
        left, right = self._measure(test.left), self._measure(test.comparators[0])
        operator = type(test.ops[0])
        if left is None or right is None or not issubclass(operator, (*_TRUE_ABOVE, *_TRUE_BELOW)):
            return None
        times, rest = left.times - right.times, right.rest - left.rest
        varying = left if left.varies else right if right.varies else None
        if times == 0:
            if varying is None or (left.varies and right.varies):
                return _holds(operator, 0, rest)
            return self._by_number(test, left, right)
        if varying is not None:
            return None
        if times < 0:
            operator = _MIRRORED.get(operator, operator)
        most = floor(rest / times)
        now = length(self.container)
        if most < 1 or now > most + 1:
            return _holds(operator, now, rest / times)
        return issubclass(operator, _TRUE_ABOVE), self._made(most, test)

    def _by_number(self, test: ast.Compare, left: Measure, right: Measure) -> bool | tuple[bool, Limit] | None:
        """A comparison of another number that the code adds to, such as the bytes in use, with one that stays."""
        operator = type(test.ops[0])
        moving, fixed, text = (left, right, test) if left.varies else (right, left, test)
        true_above = issubclass(_MIRRORED.get(operator, operator) if right.varies else operator, _TRUE_ABOVE)
        if not (0 < moving.rest <= fixed.rest):
            return _holds(operator, left.rest, right.rest)
        if fixed.rest > MOST_TIMES * moving.rest:
            return None
        limit = self._made(None, text)
        if moving.of is not None and length(self.container) <= moving.rest + 1:
            limit.most = floor(fixed.rest)
        else:
            limit.text += f" ({moving.rest:,} of {fixed.rest:,})"
        return true_above, limit

    def _made(self, most: int | None, test: ast.expr) -> Limit:
        return Limit(most, ast.unparse(test), self._file, test.lineno)

    def _measure(self, expression: ast.expr, steps: int = 0) -> Measure | None:
        if steps > 4:
            return None
        varies = self._changes(expression)
        expression = self.scope.meaning(expression)
        varies = varies or self._changes(expression)
        measured = self._measured(expression)
        if measured is not None:
            if measured is self.container:
                return Measure(1, 0)
            return (
                Measure(0, length(measured), varies=True, of=measured)
                if type(measured) in (dict, list, set, deque)
                else None
            )
        if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Sub)):
            left, right = self._measure(expression.left, steps + 1), self._measure(expression.right, steps + 1)
            if left is None or right is None:
                return None
            sign = 1 if isinstance(expression.op, ast.Add) else -1
            varies = left.varies or right.varies
            return Measure(left.times + sign * right.times, left.rest + sign * right.rest, varies=varies)
        value = self.scope.value(expression)
        if is_number(value):
            return Measure(0, value, varies=varies)  # type: ignore[arg-type]
        inner = self._inline(self.scope, expression)
        return None if inner is None else self._of(inner[0])._measure(inner[1], steps + 1)

    def _changes(self, expression: ast.expr) -> bool:
        name = getattr(expression, "attr", None) or getattr(expression, "id", None)
        return name in self._changing

    def _measured(self, expression: ast.expr) -> object:
        """What ``len()`` is taken of; None where it is not."""
        if not isinstance(expression, ast.Call) or expression.keywords:
            return None
        called = expression.func
        if len(expression.args) == 1 and isinstance(called, ast.Name) and self.scope.value(called) is len:
            return self.scope.value(expression.args[0])
        if not expression.args and isinstance(called, ast.Attribute) and called.attr == "__len__":
            return self.scope.value(called.value)
        return None

    def _same(self, left: ast.expr, operator: ast.cmpop, right: ast.expr) -> bool | None:
        one, other = self.scope.value(left), self.scope.value(right)
        if one is UNKNOWN or other is UNKNOWN:
            return None
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return (one is other) is isinstance(operator, ast.Is)
        if isinstance(operator, (ast.Eq, ast.NotEq)) and type(one) in _PLAIN and type(other) in _PLAIN:
            return (one == other) is isinstance(operator, ast.Eq)
        return None


def _holds(operator: type[ast.cmpop], left: float, right: float) -> bool:
    if operator is ast.Eq or operator is ast.NotEq:
        return (left == right) is (operator is ast.Eq)
    if operator is ast.Gt or operator is ast.GtE:
        return left > right or (operator is ast.GtE and left == right)
    return left < right or (operator is ast.LtE and left == right)
