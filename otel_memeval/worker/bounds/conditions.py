"""Read the bound of a container off the conditions of the scenario's code."""

from __future__ import annotations

import ast
from collections.abc import Callable
from math import floor

from ..memory.container_lengths import CONTAINER_TYPES, length
from ..references.referents import dict_of_type, mro_of_type
from .names import UNKNOWN, NameLookup, is_number

MAX_RATIO = 50_000
"""Ratio of a limit to the present number above which the limit is out of reach: from 20 iterations, a million away."""

_MAX_NESTING = 4
"""Sums, local names and inlined calls inside each other that are read as a length."""

_BUILTINS = (*CONTAINER_TYPES, frozenset, tuple)
_PLAIN = (bool, int, float, str, bytes, type(None))
_TRUE_ABOVE = (ast.Gt, ast.GtE, ast.Eq)
_TRUE_BELOW = (ast.Lt, ast.LtE, ast.NotEq)
_ALLOWS_ITS_NUMBER = (ast.Gt, ast.LtE)
"""Comparisons that still allow an addition at their number, so that the length exceeds the number by one."""

_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Lt: ast.Gt, ast.LtE: ast.GtE}


class Bound:
    """The largest number of items that a container reaches, None if it is not counted in items, and the source of it.

    ``text``: the code or attribute that sets the bound; ``file`` and ``line``: its place, empty and 0 if it is no code.
    """

    __slots__ = ("file", "line", "max_items", "text")

    def __init__(self, max_items: int | None, text: str, file: str = "", line: int = 0) -> None:
        self.max_items = max_items
        self.text = text
        self.file = file
        self.line = line


class _LinearLength:
    """The value ``factor * len(container) + constant``.

    ``varies``: the constant is a number that the code changes; ``counted`` is the other container if it is a length.
    """

    __slots__ = ("constant", "counted", "factor", "varies")

    def __init__(self, factor: float, constant: float, *, varies: bool = False, counted: object = None) -> None:
        self.factor = factor
        self.constant = constant
        self.varies = varies
        self.counted = counted


Inliner = Callable[[NameLookup, ast.expr], "tuple[NameLookup, ast.expr] | None"]
"""Returns the only expression that a call or a property returns, with its names."""


class ConditionReader:
    """Reads conditions of one function, for one container.

    ``is_changing`` returns whether code adds to a number of this name. ``taken`` in the methods: whether the branch for a
    true or the branch for a false condition is meant.
    """

    def __init__(self, names: NameLookup, container: object, is_changing: Callable[[str], bool], inline: Inliner) -> None:
        self.names = names
        self.container = container
        self._is_changing = is_changing
        self._inline = inline
        self._file = names.function.__code__.co_filename

    def is_container(self, expression: ast.expr) -> bool:
        """Return whether the expression stands for the container."""
        return self.names.value(expression) is self.container

    def bound_above(self, test: ast.expr, taken: bool) -> Bound | None:
        """Return the bound above which the branch is certainly taken; None if there is no such bound."""
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            bounds = [(part, self.bound_above(part, way)) for part, way in parts]
            found = [bound for _, bound in bounds if bound is not None]
            if all_hold and not all(bound is not None or self.is_always_taken(part, taken) for part, bound in bounds):
                return None
            return found[0] if found else None
        return self._bound(test, taken, above=True)

    def bound_below(self, test: ast.expr, taken: bool) -> Bound | None:
        """Return the bound below which alone the branch is taken; None if there is no such bound."""
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            bounds = [self.bound_below(part, way) for part, way in parts]
            found = [bound for bound in bounds if bound is not None]
            return found[0] if found and (all_hold or len(found) == len(bounds)) else None
        return self._bound(test, taken, above=False)

    def is_always_taken(self, test: ast.expr, taken: bool) -> bool:
        """Return whether the branch is taken regardless of the container's size.

        It is if it would be taken now, asks whether a key is in the container, or is taken every n-th time.
        """
        parts, all_hold = self._parts(test, taken)
        if len(parts) > 1:
            return (all if all_hold else any)(self.is_always_taken(part, way) for part, way in parts)
        test, taken = self._simplify(test, taken)
        inner = self._inline(self.names, test)
        if inner is not None:
            return self._with_names(inner[0]).is_always_taken(inner[1], taken)
        if isinstance(test, ast.Compare):
            left, operator, right = test.left, test.ops[0], test.comparators[0]
            if isinstance(operator, (ast.In, ast.NotIn)):
                return self.is_container(right)
            if isinstance(left, ast.BinOp) and isinstance(left.op, ast.Mod):
                return True  # every n-th time
            outcome = self._compare(test)
            if outcome is None:
                outcome = self._is_same(left, operator, right)
            return outcome is taken if isinstance(outcome, bool) else False
        value = self.names.value(test)
        if value is self.container:
            return bool(length(value)) is taken
        if value is UNKNOWN:
            return False
        if type(value) in _PLAIN or type(value) in _BUILTINS:
            return bool(value) is taken
        defines = (dict_of_type(kind) for kind in mro_of_type(type(value)))
        has_size = any("__bool__" in members or "__len__" in members for members in defines)
        return taken and not has_size  # any other object counts as true

    def _with_names(self, names: NameLookup) -> ConditionReader:
        return ConditionReader(names, self.container, self._is_changing, self._inline)

    def _simplify(self, test: ast.expr, taken: bool) -> tuple[ast.expr, bool]:
        """Remove every ``not``, and replace a local name by the expression that was assigned to it."""
        test = self.names.resolve_local(test)
        while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            test, taken = self.names.resolve_local(test.operand), not taken
        return test, taken

    def _parts(self, test: ast.expr, taken: bool) -> tuple[list[tuple[ast.expr, bool]], bool]:
        """Return the parts of ``and``, ``or`` and ``a < b < c``, and whether all of them hold in this branch, or any may."""
        test, taken = self._simplify(test, taken)
        if isinstance(test, ast.BoolOp):
            return [(part, taken) for part in test.values], isinstance(test.op, ast.And) is taken
        if isinstance(test, ast.Compare) and len(test.ops) > 1:
            pairs: list[tuple[ast.expr, bool]] = []
            lefts = [test.left, *test.comparators]
            for left, operator, right in zip(lefts, test.ops, test.comparators):
                pair = ast.Compare(left=left, ops=[operator], comparators=[right])
                pairs.append((ast.copy_location(pair, test), taken))
            return pairs, taken
        return [(test, taken)], True

    def _bound(self, test: ast.expr, taken: bool, *, above: bool) -> Bound | None:
        test, taken = self._simplify(test, taken)
        if isinstance(test, ast.Compare):
            outcome = self._compare(test)
            if not isinstance(outcome, tuple) or outcome[0] is not (taken is above):
                return None
            if not above and outcome[1].max_items is not None and isinstance(test.ops[0], _ALLOWS_ITS_NUMBER):
                outcome[1].max_items += 1
            return outcome[1]
        inner = self._inline(self.names, test)
        if inner is None:
            return None
        reader = self._with_names(inner[0])
        return reader.bound_above(inner[1], taken) if above else reader.bound_below(inner[1], taken)

    def _compare(self, test: ast.Compare) -> bool | tuple[bool, Bound] | None:
        """Evaluate a comparison of numbers.

        Returns a bound, if the comparison sets one, with whether the comparison is true above it; else whether the
        comparison is true now; None if it is no comparison of known numbers.
        """
        left, right = self._linear_length(test.left), self._linear_length(test.comparators[0])
        operator = type(test.ops[0])
        if left is None or right is None or not issubclass(operator, (*_TRUE_ABOVE, *_TRUE_BELOW)):
            return None
        factor, constant = left.factor - right.factor, right.constant - left.constant
        varying = left if left.varies else right if right.varies else None
        if factor == 0:
            if varying is None or (left.varies and right.varies):
                return _holds(operator, 0, constant)
            return self._compare_other_number(test, left, right)
        if varying is not None:
            return None
        if factor < 0:
            operator = _MIRRORED.get(operator, operator)
        max_items = floor(constant / factor)
        now = length(self.container)
        if max_items < 1 or now > max_items + 1:
            return _holds(operator, now, constant / factor)
        return issubclass(operator, _TRUE_ABOVE), self._bound_of(max_items, test)

    def _compare_other_number(
        self, test: ast.Compare, left: _LinearLength, right: _LinearLength
    ) -> bool | tuple[bool, Bound] | None:
        """Evaluate a comparison of another number that the code adds to, such as bytes in use, with a constant number."""
        operator = type(test.ops[0])
        moving, fixed = (left, right) if left.varies else (right, left)
        true_above = issubclass(_MIRRORED.get(operator, operator) if right.varies else operator, _TRUE_ABOVE)
        if not (0 < moving.constant <= fixed.constant):
            return _holds(operator, left.constant, right.constant)
        if fixed.constant > MAX_RATIO * moving.constant:
            return None
        bound = self._bound_of(None, test)
        if moving.counted is not None and length(self.container) <= moving.constant + 1:
            bound.max_items = floor(fixed.constant)
        else:
            bound.text += f" ({moving.constant:,} of {fixed.constant:,})"
        return true_above, bound

    def _bound_of(self, max_items: int | None, test: ast.expr) -> Bound:
        return Bound(max_items, ast.unparse(test), self._file, test.lineno)

    def _linear_length(self, expression: ast.expr, depth: int = 0) -> _LinearLength | None:
        if depth > _MAX_NESTING:
            return None
        written, expression = expression, self.names.resolve_local(expression)
        measured = self._argument_of_len(expression)
        if measured is not None:
            if measured is self.container:
                return _LinearLength(1, 0)
            if type(measured) not in CONTAINER_TYPES:
                return None
            return _LinearLength(0, length(measured), varies=True, counted=measured)
        if isinstance(expression, ast.BinOp) and isinstance(expression.op, (ast.Add, ast.Sub)):
            left = self._linear_length(expression.left, depth + 1)
            right = self._linear_length(expression.right, depth + 1)
            if left is None or right is None:
                return None
            sign = 1 if isinstance(expression.op, ast.Add) else -1
            constant = left.constant + sign * right.constant
            return _LinearLength(left.factor + sign * right.factor, constant, varies=left.varies or right.varies)
        value = self.names.value(expression)
        if is_number(value):
            varies = self._varies(written) or self._varies(expression)
            return _LinearLength(0, value, varies=varies)  # type: ignore[arg-type]
        inner = self._inline(self.names, expression)
        return None if inner is None else self._with_names(inner[0])._linear_length(inner[1], depth + 1)

    def _varies(self, expression: ast.expr) -> bool:
        name = getattr(expression, "attr", None) or getattr(expression, "id", None)
        return name is not None and self._is_changing(name)

    def _argument_of_len(self, expression: ast.expr) -> object:
        """Return the object whose ``len()`` the expression is; None if it is no such expression."""
        if not isinstance(expression, ast.Call) or expression.keywords:
            return None
        called = expression.func
        if len(expression.args) == 1 and isinstance(called, ast.Name) and self.names.value(called) is len:
            return self.names.value(expression.args[0])
        if not expression.args and isinstance(called, ast.Attribute) and called.attr == "__len__":
            return self.names.value(called.value)
        return None

    def _is_same(self, left_side: ast.expr, operator: ast.cmpop, right_side: ast.expr) -> bool | None:
        """Evaluate ``is`` and ``==``, as far as that runs no code of the scenario; None if it is not known."""
        left, right = self.names.value(left_side), self.names.value(right_side)
        if left is UNKNOWN or right is UNKNOWN:
            return None
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return (left is right) is isinstance(operator, ast.Is)
        if isinstance(operator, (ast.Eq, ast.NotEq)) and type(left) in _PLAIN and type(right) in _PLAIN:
            return (left == right) is isinstance(operator, ast.Eq)
        return None


def _holds(operator: type[ast.cmpop], left: float, right: float) -> bool:
    if operator is ast.Eq or operator is ast.NotEq:
        return (left == right) is (operator is ast.Eq)
    if operator is ast.Gt or operator is ast.GtE:
        return left > right or (operator is ast.GtE and left == right)
    return left < right or (operator is ast.LtE and left == right)
