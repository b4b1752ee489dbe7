"""What an expression of the scenario's stands for, looked up without running any of its code."""

from __future__ import annotations

import ast
import builtins
import types
from collections import deque
from collections.abc import Sequence

from ..references.paths import dict_of_type, mro_of_type, own_dict
from .syntax import Function, parts_of

UNKNOWN = object()
"""The value of what cannot be told without running code."""

MOST_STEPS = 12
"""How deep an expression is followed."""

_CONTAINERS = (dict, list, set, deque)
_LOOKUPS = ("get", "setdefault")


def is_number(value: object) -> bool:
    """A plain int or float; not True, and nothing with code of its own."""
    return type(value) is int or type(value) is float


def attribute(obj: object, name: str) -> object:
    """An attribute as it lies there: of the instance, in a slot, else of its class; no property, no ``__getattr__``."""
    kind = type(obj)
    if issubclass(kind, types.ModuleType):
        return own_dict(obj).get(name, UNKNOWN)
    own = UNKNOWN
    if issubclass(kind, type):
        kinds = mro_of_type(obj)
    else:
        kinds = mro_of_type(kind)
        own = own_dict(obj).get(name, UNKNOWN)
    for one in kinds:
        member = dict_of_type(one).get(name, UNKNOWN)
        if member is UNKNOWN:
            continue
        if type(member) is types.MemberDescriptorType and not issubclass(kind, type):
            try:
                return member.__get__(obj, kind)
            except Exception:  # an empty slot
                return UNKNOWN
        if type(member) is property:
            return UNKNOWN
        return member if own is UNKNOWN else own
    return own


def function_in(obj: object) -> types.FunctionType | None:
    """The Python function behind what a class or module holds under a name: as it is, or static, decorated, a property's."""
    for _ in range(MOST_STEPS):
        kind = type(obj)
        if kind is types.FunctionType:
            inner = obj.__dict__.get("__wrapped__")
            if inner is None:
                return obj  # type: ignore[return-value]
            obj = inner
        elif kind is staticmethod or kind is classmethod or kind is types.MethodType:
            obj = obj.__func__  # type: ignore[attr-defined]
        elif kind is property:
            obj = obj.fget  # type: ignore[attr-defined]
        else:
            wrapped = own_dict(obj).get("__wrapped__") if obj is not UNKNOWN else None
            if wrapped is None:
                return None
            obj = wrapped
    return None


def property_of(obj: object, name: str) -> types.FunctionType | None:
    """The function that a property of the object's class would call."""
    for kind in mro_of_type(type(obj)):
        member = dict_of_type(kind).get(name)
        if member is not None:
            return function_in(member) if type(member) is property else None
    return None


class Scope:
    """The names of one function: globals, cells, defaults, its first argument, and locals that are assigned once.

    ``chain`` leads from a module to the container: an unknown key of one of these stands for the next of them.
    """

    def __init__(
        self, function: types.FunctionType, node: Function, arguments: dict[str, object], chain: Sequence[object]
    ) -> None:
        self.function = function
        self.chain = chain
        self._known = {**_defaults(function), **arguments}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                self._known[name] = cell.cell_contents
            except ValueError:  # a cell that is still empty
                continue
        self._assigned: dict[str, list[ast.expr | None]] = {}
        self._outer: set[str] = set()
        for part in parts_of(node) if not isinstance(node, ast.Lambda) else parts_of(node.body):
            self._note(part)
        parameters = function.__code__.co_varnames[
            : function.__code__.co_argcount + function.__code__.co_kwonlyargcount + bool(function.__code__.co_flags & 12)
        ]
        self._parameters = frozenset(parameters)

    def _note(self, part: ast.AST) -> None:
        if isinstance(part, (ast.Global, ast.Nonlocal)):
            self._outer.update(part.names)
        elif isinstance(part, ast.Assign) and len(part.targets) == 1 and isinstance(part.targets[0], ast.Name):
            self._assigned.setdefault(part.targets[0].id, []).append(part.value)
        elif isinstance(part, (ast.NamedExpr, ast.AnnAssign)) and isinstance(part.target, ast.Name):
            self._assigned.setdefault(part.target.id, []).append(part.value)
        elif isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name):
            self._assigned.setdefault(part.target.id, []).append(None)
        elif isinstance(part, (ast.For, ast.AsyncFor, ast.comprehension)):
            self._note_targets(part.target)
        elif isinstance(part, ast.Assign):
            for target in part.targets:
                self._note_targets(target)
        elif isinstance(part, ast.withitem) and part.optional_vars is not None:
            self._note_targets(part.optional_vars)

    def _note_targets(self, target: ast.expr) -> None:
        for part in ast.walk(target):
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                self._assigned.setdefault(part.id, []).append(None)

    def first(self) -> object:
        """What the function is given first: the object of a method."""
        names = self.function.__code__.co_varnames[: self.function.__code__.co_argcount]
        return self._known.get(names[0], UNKNOWN) if names else UNKNOWN

    def is_local(self, name: str) -> bool:
        """Whether assigning the name changes nothing outside of the function."""
        return name not in self._outer

    def meaning(self, expression: ast.expr) -> ast.expr:
        """What a local name that is assigned once was assigned; anything else is itself."""
        for _ in range(MOST_STEPS):
            if isinstance(expression, ast.NamedExpr):
                expression = expression.value
                continue
            if not isinstance(expression, ast.Name) or expression.id in self._outer or expression.id in self._parameters:
                break
            values = self._assigned.get(expression.id, [])
            if len(values) != 1 or values[0] is None:
                break
            expression = values[0]
        return expression

    def value(self, expression: ast.expr, steps: int = 0) -> object:
        """The object that the expression stands for, or ``UNKNOWN``."""
        if steps > MOST_STEPS:
            return UNKNOWN
        expression = self.meaning(expression)
        if isinstance(expression, ast.Constant):
            return expression.value
        if isinstance(expression, ast.Name):
            return self._name(expression.id)
        if isinstance(expression, ast.Attribute):
            return self._attribute(expression, steps)
        if isinstance(expression, ast.Subscript):
            return self._item(self.value(expression.value, steps + 1), self.value(expression.slice, steps + 1))
        if isinstance(expression, ast.Call):
            called = expression.func
            if isinstance(called, ast.Attribute) and called.attr in _LOOKUPS and expression.args:
                return self._item(self.value(called.value, steps + 1), self.value(expression.args[0], steps + 1))
            return UNKNOWN
        if isinstance(expression, (ast.BinOp, ast.UnaryOp)):
            return self._number(expression, steps)
        return UNKNOWN

    def _name(self, name: str) -> object:
        if name in self._known and not (name in self._assigned and name not in self._outer):
            return self._known[name]
        if name in self._parameters or (name in self._assigned and name not in self._outer):
            return UNKNOWN
        found = self.function.__globals__.get(name, UNKNOWN)
        return vars(builtins).get(name, UNKNOWN) if found is UNKNOWN else found

    def _attribute(self, expression: ast.Attribute, steps: int) -> object:
        base = self.value(expression.value, steps + 1)
        if base is UNKNOWN:
            return UNKNOWN
        name = expression.attr
        if name.startswith("__") and not name.endswith("__"):  # a private name carries the class that it stands in
            kind = self.function.__qualname__.rpartition(".")[0].rpartition(".")[2].lstrip("_")
            name = f"_{kind}{name}" if kind else name
        return attribute(base, name)

    def _item(self, base: object, key: object) -> object:
        if type(base) is dict and type(key) is str and len(base) <= 1000 and all(type(one) is str for one in base):
            found = base.get(key, UNKNOWN)
            if found is not UNKNOWN:
                return found
        if issubclass(type(base), _CONTAINERS):
            for one, following in zip(self.chain, self.chain[1:]):
                if one is base:
                    return following
        return UNKNOWN

    def _number(self, expression: ast.BinOp | ast.UnaryOp, steps: int) -> object:
        if isinstance(expression, ast.UnaryOp):
            inner = self.value(expression.operand, steps + 1)
            return -inner if isinstance(expression.op, ast.USub) and is_number(inner) else UNKNOWN  # type: ignore[operator]
        left, right = self.value(expression.left, steps + 1), self.value(expression.right, steps + 1)
        if not (is_number(left) and is_number(right)):
            return UNKNOWN
        try:
            return _calculated(expression.op, left, right)  # type: ignore[arg-type]
        except (ArithmeticError, ValueError):
            return UNKNOWN


def _calculated(operator: ast.operator, left: float, right: float) -> object:
    if isinstance(operator, ast.Add):
        return left + right
    if isinstance(operator, ast.Sub):
        return left - right
    if isinstance(operator, ast.Mult):
        return left * right
    if isinstance(operator, ast.FloorDiv):
        return left // right
    if isinstance(operator, ast.Div):
        return left / right
    if isinstance(operator, ast.Pow) and abs(left) <= 1 << 20 and 0 <= right <= 64:
        return left**right
    if isinstance(operator, ast.LShift) and type(left) is int and type(right) is int and 0 <= right <= 64:
        return left << right
    return UNKNOWN


def _defaults(function: types.FunctionType) -> dict[str, object]:
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return {**dict(zip(names[len(names) - len(values) :], values)), **(function.__kwdefaults__ or {})}
