"""Read the statements of functions, and collect their mutations of one container."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Sequence

from ..memory.container_lengths import CONTAINER_TYPES
from ..references.referents import dict_of_type, mro_of_type
from .calls import Callee, CallResolver, bound_arguments, is_super
from .conditions import ConditionReader
from .mentions import MAX_DEPTH
from .mutations import Branch, Branches, Mutations
from .names import UNKNOWN, NameLookup
from .syntax import FunctionSource, statements_of

_ADDING = frozenset(
    (
        *("add", "append", "appendleft", "extend", "extendleft", "insert", "setdefault", "update"),
        *("__setitem__", "__ior__", "__iadd__", "heappush", "insort", "insort_left", "insort_right"),
    )
)
_REMOVING = frozenset(("clear", "discard", "pop", "popitem", "popleft", "remove", "__delitem__", "heappop"))
"""Names of methods that add and remove, and of functions of ``heapq`` and ``bisect``."""


class StatementReader:
    """Collects the mutations of ``container``; ``is_changing`` returns whether code adds to a number of this name."""

    def __init__(self, container: object, calls: CallResolver, is_changing: Callable[[str], bool]) -> None:
        self.mutations = Mutations(container)
        self.called: set[types.CodeType] = set()
        """Code of the functions that were followed."""
        self.container = container
        self.calls = calls
        self._is_changing = is_changing
        self.adds_missing_keys = any("__missing__" in dict_of_type(kind) for kind in mro_of_type(type(container)))
        """Whether looking a key up adds it."""

    def read_function(
        self,
        function: types.FunctionType,
        arguments: dict[str, object],
        branches: Branches = (),
        callers: tuple[types.CodeType, ...] = (),
    ) -> None:
        """Collect the mutations by a function that is called with these arguments in these branches."""
        source = self.calls.sources.source_of(function)
        if source is None:
            return
        names = NameLookup(function, source, arguments, self.calls.object_chain)
        reader = ConditionReader(names, self.container, self._is_changing, self.calls.returned_expression)
        _FunctionBody(self, reader, source, (*callers, function.__code__)).read(statements_of(source.node), branches)

    def follow_call(
        self,
        names: NameLookup,
        call: ast.expr,
        callee: Callee,
        branches: Branches,
        callers: tuple[types.CodeType, ...],
    ) -> None:
        """Collect the mutations by a called function, if it can reach an object that leads to the container."""
        function, first = callee
        code = function.__code__
        if len(callers) > MAX_DEPTH or code in callers:
            return
        arguments = bound_arguments(code, first, call, names)
        values = [*arguments.values(), *(function.__globals__.get(name, UNKNOWN) for name in code.co_names)]
        leads_to_container = any(value is obj for value in values for obj in self.calls.object_chain)
        if leads_to_container and self.calls.reach.is_relevant(function, arguments.values()) and self.calls.may_follow():
            self.called.add(code)
            self.read_function(function, arguments, branches, callers)


class _FunctionBody:
    """The body of one function."""

    def __init__(
        self,
        statements: StatementReader,
        reader: ConditionReader,
        source: FunctionSource,
        callers: tuple[types.CodeType, ...],
    ) -> None:
        self._statements = statements
        self._inner_calls = source.inner_calls
        self._mutations = statements.mutations
        self._reader = reader
        self._names = reader.names
        self._file = reader.names.function.__code__.co_filename
        self._callers = callers

    def read(self, body: Sequence[ast.stmt], branches: Branches) -> None:
        """Read statements in order; those after an early return stand in the other branch of its condition."""
        for place, statement in enumerate(body):
            if isinstance(statement, ast.If):
                test = statement.test
                self._expression(test, branches)
                self.read(statement.body, (*branches, self._branch(test, True)))
                self.read(statement.orelse, (*branches, self._branch(test, False)))
                leaving = [way for way, part in ((True, statement.body), (False, statement.orelse)) if _leaves(part)]
                if leaving:
                    self.read(body[place + 1 :], (*branches, self._branch(test, not leaving[0])))
                    return
            else:
                self._statement(statement, branches)

    def _statement(self, statement: ast.stmt, branches: Branches) -> None:
        if isinstance(statement, ast.While):
            self._expression(statement.test, branches)
            self.read(statement.body, (*branches, self._branch(statement.test, True)))
            self.read(statement.orelse, branches)
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            self._expression(statement.iter, branches)
            inner = (*branches, self._unknown_branch(statement)) if self._is_filtered(statement.iter) else branches
            self.read(statement.body, inner)
            self.read(statement.orelse, branches)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            for item in statement.items:
                self._expression(item.context_expr, branches)
            self.read(statement.body, branches)
        elif isinstance(statement, ast.Match):
            self._expression(statement.subject, branches)
            for case in statement.cases:
                self.read(case.body, (*branches, self._unknown_branch(case)))
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return
        elif hasattr(statement, "handlers"):  # try, and try with except*
            for part in ("body", "orelse", "finalbody"):
                self.read(getattr(statement, part), branches)
            for handler in statement.handlers:
                self.read(handler.body, (*branches, self._unknown_branch(handler)))
        else:
            self._simple_statement(statement, branches)

    def _branch(self, test: ast.expr, taken: bool) -> Branch:
        return Branch(self._reader, test, test, taken)

    def _unknown_branch(self, node: ast.AST) -> Branch:
        return Branch(self._reader, node, None, True)

    def _is_filtered(self, iterated: ast.expr) -> bool:
        """Return whether a loop may have no turn, because a condition chose the items that it iterates over."""
        resolved = self._names.resolve_local(iterated)
        return any(isinstance(part, ast.comprehension) and part.ifs for part in ast.walk(resolved))

    def _simple_statement(self, statement: ast.stmt, branches: Branches) -> None:
        if isinstance(statement, ast.Delete):
            for target in statement.targets:
                if isinstance(target, ast.Subscript) and self._is_container(target.value):
                    self._delete(target, branches)
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                self._assign(target, statement.value, branches, statement)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            self._assign(statement.target, statement.value, branches, statement)
        elif isinstance(statement, ast.AugAssign) and isinstance(statement.op, (ast.Add, ast.BitOr, ast.Sub, ast.Mult)):
            target = statement.target.value if isinstance(statement.target, ast.Subscript) else statement.target
            if self._is_container(target) and not (isinstance(statement.op, ast.Sub) and target is statement.target):
                self._mutations.note_addition(statement, branches, self._file)
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                self._expression(child, branches)

    def _is_container(self, expression: ast.expr) -> bool:
        return self._reader.is_container(expression)

    def _delete(self, target: ast.Subscript, branches: Branches) -> None:
        if isinstance(target.slice, ast.Slice):
            if not self._mutations.note_slice(self._reader, target.slice, branches, target, removes=True):
                self._mutations.note_removal(branches)
        elif not self._calls_own_method("__delitem__", [target.slice], target, branches):
            self._mutations.note_removal(branches)

    def _assign(self, target: ast.expr, value: ast.expr, branches: Branches, statement: ast.stmt) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            if isinstance(value, (ast.Tuple, ast.List)) and len(value.elts) == len(target.elts):
                for part, its_value in zip(target.elts, value.elts):
                    self._assign(part, its_value, branches, statement)
            return
        if isinstance(target, ast.Subscript) and self._is_container(target.value):
            if isinstance(target.slice, ast.Slice):
                self._replace(value, branches)
            elif not self._calls_own_method("__setitem__", [target.slice, value], target, branches):
                self._mutations.note_addition(statement, branches, self._file)
        elif not (isinstance(target, ast.Name) and self._names.is_local(target.id)) and self._is_container(target):
            self._replace(value, branches)

    def _replace(self, value: ast.expr, branches: Branches) -> None:
        """Note that the container, or its contents, are replaced: by more, by a part of them, or by something else."""
        joins = any(isinstance(part, ast.Starred) or _is_sum(part) for part in ast.walk(value))
        if joins and self._mentions_container(value):
            self._mutations.note_addition(value, branches, self._file)
        for part in ast.walk(value):
            if (
                isinstance(part, ast.Subscript)
                and isinstance(part.slice, ast.Slice)
                and self._mentions_container(part.value)
            ):
                if not self._mutations.note_slice(self._reader, part.slice, branches, part, removes=False):
                    self._mutations.note_removal(branches)
                return
        is_new = isinstance(value, (ast.List, ast.Dict, ast.Set, ast.Tuple))
        if isinstance(value, ast.Call):
            kind = self._names.value(value.func)
            is_new = issubclass(type(kind), type) and issubclass(kind, CONTAINER_TYPES)  # type: ignore[arg-type]
        if is_new and not self._mentions_container(value):
            self._mutations.note_removal(branches)

    def _mentions_container(self, expression: ast.expr) -> bool:
        return any(isinstance(part, ast.expr) and self._is_container(part) for part in ast.walk(expression))

    def _expression(self, expression: ast.AST, branches: Branches) -> None:
        children = self._inner_calls.get(id(expression))
        if children is None:  # without a call and an item, it changes nothing
            return
        if isinstance(expression, ast.IfExp):
            self._expression(expression.test, branches)
            self._expression(expression.body, (*branches, self._branch(expression.test, True)))
            self._expression(expression.orelse, (*branches, self._branch(expression.test, False)))
            return
        if isinstance(expression, ast.BoolOp):
            way = isinstance(expression.op, ast.And)
            for value in expression.values:
                self._expression(value, branches)
                branches = (*branches, self._branch(value, way))
            return
        if isinstance(expression, ast.Lambda):
            return
        is_comprehension = isinstance(expression, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp))
        if is_comprehension and self._is_filtered(expression):  # type: ignore[arg-type]
            branches = (*branches, self._unknown_branch(expression))
        if isinstance(expression, ast.Call):
            self._call(expression, branches)
        elif isinstance(expression, ast.Subscript) and self._statements.adds_missing_keys and self._is_lookup(expression):
            self._mutations.note_addition(expression, branches, self._file)
        for child in children:
            self._expression(child, branches)

    def _is_lookup(self, part: ast.Subscript) -> bool:
        return isinstance(part.ctx, ast.Load) and not isinstance(part.slice, ast.Slice) and self._is_container(part.value)

    def _call(self, call: ast.Call, branches: Branches) -> None:
        called = call.func
        callee = self._statements.calls.callee(self._names, called)
        if callee is not None:
            self._statements.follow_call(self._names, call, callee, branches, self._callers)
            return
        function = self._names.value(called)
        first_is_container = bool(call.args) and self._is_container(call.args[0])
        if isinstance(called, ast.Attribute):
            base = self._names.first_argument() if is_super(called.value) else self._names.value(called.value)
            if base is self._statements.container or (first_is_container and issubclass(type(base), type)):
                self._note_method(called.attr, call, branches)
                return
        if first_is_container and type(function) is types.BuiltinFunctionType:
            self._note_method(function.__name__, call, branches)

    def _note_method(self, name: str, node: ast.AST, branches: Branches) -> None:
        """Note the mutation by a container's own method, or by a function of ``heapq`` or ``bisect``."""
        if name in _ADDING:
            self._mutations.note_addition(node, branches, self._file)
        elif name in _REMOVING:
            self._mutations.note_removal(branches)

    def _calls_own_method(self, name: str, arguments: list[ast.expr], node: ast.Subscript, branches: Branches) -> bool:
        """Follow a method that the container's class defines for this statement; return False if it defines none."""
        called = ast.copy_location(ast.Attribute(value=node.value, attr=name, ctx=ast.Load()), node)
        callee = self._statements.calls.callee(self._names, called)
        if callee is None:
            return False
        call = ast.copy_location(ast.Call(func=called, args=arguments, keywords=[]), node)
        self._statements.follow_call(self._names, call, callee, branches, self._callers)
        return True


def _is_sum(part: ast.AST) -> bool:
    return isinstance(part, ast.BinOp) and isinstance(part.op, (ast.Add, ast.BitOr))


def _leaves(body: Sequence[ast.stmt]) -> bool:
    """Return whether the statements after a branch are not reached from it."""
    return bool(body) and isinstance(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))
