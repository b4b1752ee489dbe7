"""Which function a call in the scenario's code goes to, as far as that can be told without running it."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence

from ..references.paths import dict_of_type, mro_of_type
from .names import UNKNOWN, Scope, attribute, function_in, property_of
from .syntax import Sources, statements_of

MOST_CALLS = 300
"""Calls that are followed for one container."""

Called = tuple[types.FunctionType, list[object]]
"""A function, and what it is given first: the object of a method."""


class Calls:
    """Calls on the objects that lead to one container (``chain``), and of plain functions."""

    def __init__(self, sources: Sources, chain: Sequence[object]) -> None:
        self.sources = sources
        self.chain = chain
        self._left = MOST_CALLS

    def spend(self) -> bool:
        """Whether one more call may be followed."""
        self._left -= 1
        return self._left >= 0

    def target(self, scope: Scope, called: ast.expr) -> Called | None:
        """The Python function that a call goes to, and what it is given first (the object of a method)."""
        if not isinstance(called, ast.Attribute):
            found = scope.value(called)
            function = function_in(found) if type(found) is types.FunctionType else None
            return None if function is None else (function, [])
        above = is_super(called.value)
        base = scope.first() if above else scope.value(called.value)
        if base is UNKNOWN:
            return None
        if issubclass(type(base), types.ModuleType):
            function = function_in(attribute(base, called.attr))
            return None if function is None else (function, [])
        if not any(base is one for one in self.chain):
            return None
        member = _method(base, called.attr, scope.function.__code__ if above else None)
        function = function_in(member)
        if function is None or type(member) is property:
            return None
        if type(member) is staticmethod:
            return function, []
        is_class = issubclass(type(base), type)
        if type(member) is classmethod:
            return function, [base if is_class else type(base)]
        return function, [] if is_class else [base]

    def returned(self, scope: Scope, expression: ast.expr) -> tuple[Scope, ast.expr] | None:
        """The expression that a call or a property gives back, if that is all that the function does."""
        arguments: dict[str, object] = {}
        if isinstance(expression, ast.Call):
            found = self.target(scope, expression.func)
            if found is None:
                return None
            function = found[0]
            arguments = bound_arguments(function.__code__, found[1], expression, scope)
        elif isinstance(expression, ast.Attribute):
            base = scope.value(expression.value)
            getter = None if base is UNKNOWN else property_of(base, expression.attr)
            if getter is None:
                return None
            function = getter
            arguments = dict(zip(function.__code__.co_varnames[:1], [base]))
        else:
            return None
        if function is scope.function or not self.spend():
            return None
        node = self.sources.node_of(function)
        if node is None:
            return None
        body = [
            one for one in statements_of(node) if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        ]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        return Scope(function, node, arguments, self.chain), body[0].value


def is_super(expression: ast.expr) -> bool:
    """Whether the expression is a call of ``super``."""
    return isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == "super"


def _method(obj: object, name: str, besides: types.CodeType | None) -> object:
    """What the object's class has under a name; with ``besides``, what comes after the function of that code."""
    passed = besides is None
    found = UNKNOWN
    for kind in mro_of_type(obj if issubclass(type(obj), type) else type(obj)):
        member = dict_of_type(kind).get(name, UNKNOWN)
        if member is UNKNOWN:
            continue
        function = function_in(member)
        if passed:
            return member
        if function is not None and function.__code__ is besides:
            passed, found = True, UNKNOWN
        elif found is UNKNOWN:
            found = member
    return found


def bound_arguments(code: types.CodeType, first: list[object], call: ast.expr, scope: Scope) -> dict[str, object]:
    """What a call gives to each parameter, as far as it can be told."""
    if not isinstance(call, ast.Call):
        return dict(zip(code.co_varnames, first))
    given = list(first)
    starred = any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    arguments: dict[str, object] = dict.fromkeys(names, UNKNOWN) if starred else {}
    if not starred:
        given.extend(map(scope.value, call.args))
    arguments.update(zip(code.co_varnames[: code.co_argcount], given))
    arguments.update({one.arg: scope.value(one.value) for one in call.keywords if one.arg is not None})
    return arguments
