"""Goes through a function's statements and notes what they do to one container."""

from __future__ import annotations

import ast
import types
from collections import deque
from collections.abc import Sequence

from ..references.paths import dict_of_type, mro_of_type
from .calls import Called, Calls, bound_arguments, is_super
from .conditions import Conditions
from .mutations import Chain, Changes, Condition
from .names import UNKNOWN, Scope
from .syntax import statements_of

_ADDS = """
    add append appendleft extend extendleft insert setdefault update __setitem__ __ior__ __iadd__
    heappush insort insort_left insort_right
"""
_REMOVES = "clear discard pop popitem popleft remove __delitem__ heappop"
"""What adds and removes is called, with the functions of ``heapq`` and ``bisect``."""

_CONTAINERS = (dict, list, set, deque)

MOST_DEPTH = 3
"""Calls that are followed one inside the other: a method, its helper, and the container's own method."""


class Walk:
    """What functions do to ``container``; ``changing`` are names of numbers that code adds to."""

    def __init__(self, container: object, calls: Calls, changing: frozenset[str]) -> None:
        self.changes = Changes(container)
        self.called: set[types.CodeType] = set()
        self.container = container
        self.calls = calls
        self._changing = changing
        self.makes_missing = any("__missing__" in dict_of_type(kind) for kind in mro_of_type(type(container)))
        """Whether looking a key up adds it."""

    def function(
        self,
        function: types.FunctionType,
        arguments: dict[str, object],
        chain: Chain = (),
        callers: tuple[types.CodeType, ...] = (),
    ) -> None:
        """Take in what the function does, called with these arguments under these conditions."""
        node = self.calls.sources.node_of(function)
        if node is None:
            return
        scope = Scope(function, node, arguments, self.calls.chain)
        conditions = Conditions(scope, self.container, self._changing, self.calls.returned)
        _Body(self, conditions, (*callers, function.__code__)).statements(statements_of(node), chain)

    def follow(self, scope: Scope, call: ast.expr, found: Called, chain: Chain, callers: tuple[types.CodeType, ...]) -> None:
        """Take in what a called function does, if it has to do with the objects that lead to the container."""
        function, first = found
        code = function.__code__
        if len(callers) > MOST_DEPTH or code in callers:
            return
        arguments = bound_arguments(code, first, call, scope)
        known = [*arguments.values(), *(function.__globals__.get(name, UNKNOWN) for name in code.co_names)]
        if any(one is obj for one in known for obj in self.calls.chain) and self.calls.spend():
            self.called.add(code)
            self.function(function, arguments, chain, callers)


class _Body:
    """One function's body."""

    def __init__(self, walk: Walk, conditions: Conditions, callers: tuple[types.CodeType, ...]) -> None:
        self._walk = walk
        self._changes = walk.changes
        self._conditions = conditions
        self._scope = conditions.scope
        self._file = conditions.scope.function.__code__.co_filename
        self._callers = callers

    def statements(self, body: Sequence[ast.stmt], chain: Chain) -> None:
        """Statements in order; what follows an early return stands under the other way of its condition."""
        for place, one in enumerate(body):
            if isinstance(one, ast.If):
                self._expression(one.test, chain)
                self.statements(one.body, (*chain, self._condition(one.test, True)))
                self.statements(one.orelse, (*chain, self._condition(one.test, False)))
                ends = [way for way, part in ((True, one.body), (False, one.orelse)) if _leaves(part)]
                if ends:
                    self.statements(body[place + 1 :], (*chain, self._condition(one.test, not ends[0])))
                    return
            else:
                self._statement(one, chain)

    def _statement(self, one: ast.stmt, chain: Chain) -> None:
        if isinstance(one, ast.While):
            self._expression(one.test, chain)
            self.statements(one.body, (*chain, self._condition(one.test, True)))
            self.statements(one.orelse, chain)
        elif isinstance(one, (ast.For, ast.AsyncFor)):
            self._expression(one.iter, chain)
            inner = (*chain, self._unknown(one)) if self._filtered(one.iter) else chain
            self.statements(one.body, inner)
            self.statements(one.orelse, chain)
        elif isinstance(one, (ast.With, ast.AsyncWith)):
            for item in one.items:
                self._expression(item.context_expr, chain)
            self.statements(one.body, chain)
        elif isinstance(one, ast.Match):
            self._expression(one.subject, chain)
            for case in one.cases:
                self.statements(case.body, (*chain, self._unknown(case)))
        elif isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        elif hasattr(one, "handlers"):  # try, and try with except*
            for part in ("body", "orelse", "finalbody"):
                self.statements(getattr(one, part), chain)
            for handler in one.handlers:
                self.statements(handler.body, (*chain, self._unknown(handler)))
        else:
            self._simple(one, chain)

    def _condition(self, test: ast.expr, taken: bool) -> Condition:
        return Condition(self._conditions, test, test, taken)

    def _unknown(self, node: ast.AST) -> Condition:
        return Condition(self._conditions, node, None, True)

    def _filtered(self, iterated: ast.expr) -> bool:
        """Whether a loop may go through nothing, because what it goes through was chosen by a condition."""
        meaning = self._scope.meaning(iterated)
        return any(isinstance(part, ast.comprehension) and part.ifs for part in ast.walk(meaning))

    def _simple(self, one: ast.stmt, chain: Chain) -> None:
        if isinstance(one, ast.Delete):
            for target in one.targets:
                if isinstance(target, ast.Subscript) and self._is_container(target.value):
                    self._deleted(target, chain)
        elif isinstance(one, ast.Assign):
            for target in one.targets:
                self._assigned(target, one.value, chain, one)
        elif isinstance(one, ast.AnnAssign) and one.value is not None:
            self._assigned(one.target, one.value, chain, one)
        elif isinstance(one, ast.AugAssign) and isinstance(one.op, (ast.Add, ast.BitOr, ast.Sub, ast.Mult)):
            target = one.target.value if isinstance(one.target, ast.Subscript) else one.target
            if self._is_container(target) and not (isinstance(one.op, ast.Sub) and target is one.target):
                self._changes.added(one, chain, self._file)
        for child in ast.iter_child_nodes(one):
            if isinstance(child, ast.expr):
                self._expression(child, chain)

    def _is_container(self, expression: ast.expr) -> bool:
        return self._conditions.is_container(expression)

    def _deleted(self, target: ast.Subscript, chain: Chain) -> None:
        if isinstance(target.slice, ast.Slice):
            if not self._changes.cut(self._conditions, target.slice, chain, target, removes=True):
                self._changes.removed(chain)
        elif not self._own_method("__delitem__", [target.slice], target, chain):
            self._changes.removed(chain)

    def _assigned(self, target: ast.expr, value: ast.expr, chain: Chain, statement: ast.stmt) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for one, its in zip(target.elts, value.elts):
                    self._assigned(one, its, chain, statement)
            return
        if isinstance(target, ast.Subscript) and self._is_container(target.value):
            if isinstance(target.slice, ast.Slice):
                self._replaced(value, chain)
            elif not self._own_method("__setitem__", [target.slice, value], target, chain):
                self._changes.added(statement, chain, self._file)
        elif not (isinstance(target, ast.Name) and self._scope.is_local(target.id)) and self._is_container(target):
            self._replaced(value, chain)

    def _replaced(self, value: ast.expr, chain: Chain) -> None:
        """The container's content, or the container, becomes something else: more, part of what it was, or nothing of it."""
        joined = any(isinstance(part, ast.Starred) or _is_sum(part) for part in ast.walk(value))
        if joined and self._mentions(value):
            self._changes.added(value, chain, self._file)
        for part in ast.walk(value):
            if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Slice) and self._mentions(part.value):
                if not self._changes.cut(self._conditions, part.slice, chain, part, removes=False):
                    self._changes.removed(chain)
                return
        new = isinstance(value, (ast.List, ast.Dict, ast.Set, ast.Tuple))
        if isinstance(value, ast.Call):
            kind = self._scope.value(value.func)
            new = issubclass(type(kind), type) and issubclass(kind, _CONTAINERS)  # type: ignore[arg-type]
        if new and not self._mentions(value):
            self._changes.removed(chain)

    def _mentions(self, expression: ast.expr) -> bool:
        return any(isinstance(part, ast.expr) and self._is_container(part) for part in ast.walk(expression))

    def _expression(self, one: ast.AST, chain: Chain) -> None:
        if isinstance(one, ast.IfExp):
            self._expression(one.test, chain)
            self._expression(one.body, (*chain, self._condition(one.test, True)))
            self._expression(one.orelse, (*chain, self._condition(one.test, False)))
            return
        if isinstance(one, ast.BoolOp):
            way = isinstance(one.op, ast.And)
            for value in one.values:
                self._expression(value, chain)
                chain = (*chain, self._condition(value, way))
            return
        if isinstance(one, ast.Lambda):
            return
        if isinstance(one, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)) and self._filtered(one):
            chain = (*chain, self._unknown(one))
        if isinstance(one, ast.Call):
            self._call(one, chain)
        elif isinstance(one, ast.Subscript) and self._walk.makes_missing and self._looked_up(one):
            self._changes.added(one, chain, self._file)
        for child in ast.iter_child_nodes(one):
            self._expression(child, chain)

    def _looked_up(self, one: ast.Subscript) -> bool:
        return isinstance(one.ctx, ast.Load) and not isinstance(one.slice, ast.Slice) and self._is_container(one.value)

    def _call(self, call: ast.Call, chain: Chain) -> None:
        called = call.func
        found = self._walk.calls.target(self._scope, called)
        if found is not None:
            self._walk.follow(self._scope, call, found, chain, self._callers)
            return
        function = self._scope.value(called)
        first_is_container = bool(call.args) and self._is_container(call.args[0])
        if isinstance(called, ast.Attribute):
            base = self._scope.first() if is_super(called.value) else self._scope.value(called.value)
            if base is self._walk.container or (first_is_container and issubclass(type(base), type)):
                self._by_name(called.attr, call, chain)
                return
        if first_is_container and type(function) is types.BuiltinFunctionType:
            self._by_name(function.__name__, call, chain)

    def _by_name(self, name: str, node: ast.AST, chain: Chain) -> None:
        """What a container's own method does, and the functions of ``heapq`` and ``bisect``."""
        if name in _ADDS.split():
            self._changes.added(node, chain, self._file)
        elif name in _REMOVES.split():
            self._changes.removed(chain)

    def _own_method(self, name: str, arguments: list[ast.expr], node: ast.expr, chain: Chain) -> bool:
        """Whether the container's class has its own ``__setitem__`` or so: then that is what is called."""
        called = ast.copy_location(ast.Attribute(value=node.value, attr=name, ctx=ast.Load()), node)  # type: ignore[attr-defined]
        found = self._walk.calls.target(self._scope, called)
        if found is None:
            return False
        call = ast.copy_location(ast.Call(func=called, args=arguments, keywords=[]), node)
        self._walk.follow(self._scope, call, found, chain, self._callers)
        return True


def _is_sum(part: ast.AST) -> bool:
    return isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.BitOr))


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether what follows a branch is not reached from it."""
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))
