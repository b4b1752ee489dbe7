"""Look up the object that an expression of the scenario's code stands for, without running any of its code."""

from __future__ import annotations

import ast
import builtins
import types
from collections.abc import Sequence

from ..memory.container_lengths import CONTAINER_TYPES
from ..references.referents import dict_of_type, mro_of_type, own_dict
from .syntax import FunctionSource

UNKNOWN = object()
"""The value of an expression that only running code could tell."""

MAX_STEPS = 12
"""Steps from an expression to its value: attributes, items, local names, decorators. Deeper code is rare and costs time."""

_MAX_KEYS = 1000
"""Keys of a dict that are read to look one up: settings have fewer, and more would cost time."""

_MAX_POWER_BASE, _MAX_EXPONENT = 1 << 20, 64
"""Operands of powers and shifts that are calculated, such as ``64 * 2**20``: larger results would cost memory and time."""

_LOOKUPS = ("get", "setdefault")


def is_number(value: object) -> bool:
    """Return whether a value is a plain int or float: no bool, and no subclass, which may have code of its own."""
    return type(value) is int or type(value) is float


def attribute(obj: object, name: str) -> object:
    """Return an attribute of the instance, a slot or the class, or ``UNKNOWN``; no property, no ``__getattr__`` is run."""
    kind = type(obj)
    if issubclass(kind, types.ModuleType):
        return own_dict(obj).get(name, UNKNOWN)
    own = UNKNOWN
    if issubclass(kind, type):
        kinds = mro_of_type(obj)
    else:
        kinds = mro_of_type(kind)
        own = own_dict(obj).get(name, UNKNOWN)
    for base in kinds:
        member = dict_of_type(base).get(name, UNKNOWN)
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
    """Return the Python function in a member of a class or module: plain, static, decorated, or of a property."""
    for _ in range(MAX_STEPS):
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
    """Return the function that a property of the object's class calls; None if the class has no such property."""
    for kind in mro_of_type(type(obj)):
        member = dict_of_type(kind).get(name)
        if member is not None:
            return function_in(member) if type(member) is property else None
    return None


class NameLookup:
    """Names of one function: globals, closure cells, defaults, known arguments, and locals that are assigned once.

    ``object_chain`` leads from a module to the container: an unknown key of one of these objects stands for the next one.
    """

    def __init__(
        self,
        function: types.FunctionType,
        source: FunctionSource,
        arguments: dict[str, object],
        object_chain: Sequence[object],
    ) -> None:
        self.function = function
        self.object_chain = object_chain
        self._known = {**_defaults(function), **arguments}
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or ()):
            try:
                self._known[name] = cell.cell_contents
            except ValueError:  # a cell that is still empty
                continue
        self._assigned = source.assigned
        self._outer = source.outer
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 12)  # CO_VARARGS, CO_VARKEYWORDS
        self._parameters = frozenset(code.co_varnames[:count])

    def first_argument(self) -> object:
        """Return the value of the first parameter: the object of a method."""
        names = self.function.__code__.co_varnames[: self.function.__code__.co_argcount]
        return self._known.get(names[0], UNKNOWN) if names else UNKNOWN

    def is_local(self, name: str) -> bool:
        """Return whether assigning the name changes nothing outside of the function."""
        return name not in self._outer

    def resolve_local(self, expression: ast.expr) -> ast.expr:
        """Return the expression that was assigned to a local name assigned once; any other expression unchanged."""
        for _ in range(MAX_STEPS):
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
        """Return the object that the expression stands for, or ``UNKNOWN``."""
        if steps > MAX_STEPS:
            return UNKNOWN
        expression = self.resolve_local(expression)
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
        value = self.function.__globals__.get(name, UNKNOWN)
        return vars(builtins).get(name, UNKNOWN) if value is UNKNOWN else value

    def _attribute(self, expression: ast.Attribute, steps: int) -> object:
        base = self.value(expression.value, steps + 1)
        if base is UNKNOWN:
            return UNKNOWN
        name = expression.attr
        if name.startswith("__") and not name.endswith("__"):  # a private name is mangled with the name of its class
            kind = self.function.__qualname__.rpartition(".")[0].rpartition(".")[2].lstrip("_")
            name = f"_{kind}{name}" if kind else name
        return attribute(base, name)

    def _item(self, base: object, key: object) -> object:
        if type(base) is dict and type(key) is str and len(base) <= _MAX_KEYS and all(type(other) is str for other in base):
            value = base.get(key, UNKNOWN)
            if value is not UNKNOWN:
                return value
        if issubclass(type(base), CONTAINER_TYPES):
            for obj, following in zip(self.object_chain, self.object_chain[1:]):
                if obj is base:
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
            return _calculate(expression.op, left, right)  # type: ignore[arg-type]
        except (ArithmeticError, ValueError):
            return UNKNOWN


def _calculate(operator: ast.operator, left: float, right: float) -> object:
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
    if isinstance(operator, ast.Pow) and abs(left) <= _MAX_POWER_BASE and 0 <= right <= _MAX_EXPONENT:
        return left**right
    if isinstance(operator, ast.LShift) and type(left) is int and type(right) is int and 0 <= right <= _MAX_EXPONENT:
        return left << right
    return UNKNOWN


def _defaults(function: types.FunctionType) -> dict[str, object]:
    code = function.__code__
    values = function.__defaults__ or ()
    names = code.co_varnames[: code.co_argcount]
    return {**dict(zip(names[len(names) - len(values) :], values)), **(function.__kwdefaults__ or {})}
