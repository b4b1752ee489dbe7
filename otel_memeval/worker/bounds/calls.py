"""Find the function that a call in the scenario's code runs, as far as that is known without running code."""

from __future__ import annotations

import ast
import types
from collections.abc import Sequence

from ..references.referents import dict_of_type, mro_of_type
from .mentions import Reach
from .names import UNKNOWN, NameLookup, attribute, function_in, property_of
from .syntax import SourceFiles, statements_of

MAX_CALLS = 300
"""Calls that are followed for one container: a budget of time; a class with its helpers has far fewer."""

Callee = tuple[types.FunctionType, list[object]]
"""A function and the arguments that come before those of the call: the object of a method."""


class CallResolver:
    """Resolves calls of methods of the objects in ``object_chain``, which lead to one container, and of plain functions."""

    def __init__(self, sources: SourceFiles, object_chain: Sequence[object], reach: Reach) -> None:
        self.sources = sources
        self.object_chain = object_chain
        self.reach = reach
        self._left = MAX_CALLS

    def may_follow(self) -> bool:
        """Count one more call that is followed; return whether it may be."""
        self._left -= 1
        return self._left >= 0

    def callee(self, names: NameLookup, called: ast.expr) -> Callee | None:
        """Return the Python function that the expression ``called`` stands for; None if it is not known."""
        if not isinstance(called, ast.Attribute):
            value = names.value(called)
            function = function_in(value) if type(value) is types.FunctionType else None
            return None if function is None else (function, [])
        of_base_class = is_super(called.value)
        base = names.first_argument() if of_base_class else names.value(called.value)
        if base is UNKNOWN:
            return None
        if issubclass(type(base), types.ModuleType):
            function = function_in(attribute(base, called.attr))
            return None if function is None else (function, [])
        if not any(base is obj for obj in self.object_chain):
            return None
        member = _method(base, called.attr, names.function.__code__ if of_base_class else None)
        function = function_in(member)
        if function is None or type(member) is property:
            return None
        if type(member) is staticmethod:
            return function, []
        is_class = issubclass(type(base), type)
        if type(member) is classmethod:
            return function, [base if is_class else type(base)]
        return function, [] if is_class else [base]

    def returned_expression(self, names: NameLookup, expression: ast.expr) -> tuple[NameLookup, ast.expr] | None:
        """Return the expression that a call or a property returns, with its names, if the function does nothing else."""
        arguments: dict[str, object] = {}
        if isinstance(expression, ast.Call):
            callee = self.callee(names, expression.func)
            if callee is None:
                return None
            function = callee[0]
            arguments = bound_arguments(function.__code__, callee[1], expression, names)
        elif isinstance(expression, ast.Attribute):
            base = names.value(expression.value)
            getter = None if base is UNKNOWN else property_of(base, expression.attr)
            if getter is None:
                return None
            function = getter
            arguments = dict(zip(function.__code__.co_varnames[:1], [base]))
        else:
            return None
        if function is names.function or not self.may_follow():
            return None
        source = self.sources.source_of(function)
        if source is None:
            return None
        body = [statement for statement in statements_of(source.node) if not _is_docstring(statement)]
        if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
            return None
        return NameLookup(function, source, arguments, self.object_chain), body[0].value


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def is_super(expression: ast.expr) -> bool:
    """Return whether the expression is a call of ``super``."""
    return isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name) and expression.func.id == "super"


def _method(obj: object, name: str, after: types.CodeType | None) -> object:
    """Return the member of the object's class with this name; with ``after``, the one that comes after that code."""
    passed = after is None
    candidate = UNKNOWN
    for kind in mro_of_type(obj if issubclass(type(obj), type) else type(obj)):
        member = dict_of_type(kind).get(name, UNKNOWN)
        if member is UNKNOWN:
            continue
        function = function_in(member)
        if passed:
            return member
        if function is not None and function.__code__ is after:
            passed, candidate = True, UNKNOWN
        elif candidate is UNKNOWN:
            candidate = member
    return candidate


def bound_arguments(code: types.CodeType, first: list[object], call: ast.expr, names: NameLookup) -> dict[str, object]:
    """Return the values of the parameters in a call, as far as they are known; ``first``: arguments before the call's."""
    if not isinstance(call, ast.Call):
        return dict(zip(code.co_varnames, first))
    given = list(first)
    has_star = any(isinstance(value, ast.Starred) for value in call.args) or any(item.arg is None for item in call.keywords)
    parameters = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    arguments: dict[str, object] = dict.fromkeys(parameters, UNKNOWN) if has_star else {}
    if not has_star:
        given.extend(map(names.value, call.args))
    arguments.update(zip(code.co_varnames[: code.co_argcount], given))
    arguments.update({item.arg: names.value(item.value) for item in call.keywords if item.arg is not None})
    return arguments
