"""Load the eval that a target names.

A target is ``package.module``, ``package.module:name``, ``path/file.py`` or ``path/file.py:name``. The name is that of an
eval (any object with agno's fields) or a function. Without a name: the evals that the module defines, else its function
``run``.
"""

from __future__ import annotations

import dis
import importlib
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable
from inspect import iscoroutinefunction
from types import ModuleType

from .eval_database import database_of


class TargetProblem(Exception):
    """A target that cannot be measured. The text says the problem, its place and the remedy, in one line."""


class LoadedEval:
    """An eval as the worker needs it, from any object with agno's fields, or from a function."""

    __slots__ = ("database", "describe", "fields", "func", "loop_factory", "name", "setup", "teardown")

    def __init__(
        self,
        name: str,
        func: Callable[[], object],
        setup: Callable[[], object] | None = None,
        teardown: Callable[[], object] | None = None,
        describe: Callable[[], object] | None = None,
        fields: dict[str, object] | None = None,
        loop_factory: Callable[[], object] | None = None,
        database: object | None = None,
    ) -> None:
        self.name = name
        self.func = func
        self.setup = setup
        self.teardown = teardown
        self.describe = describe
        self.fields = fields or {}
        self.loop_factory = loop_factory
        self.database = database


_FIELDS = {
    "eval_id": (str, type(None)),
    "num_iterations": (int,),
    "warmup_runs": (int, type(None)),
    "max_iterations": (int, type(None)),
    "max_growth": (int, str, type(None)),
    "max_peak_growth": (int, str, type(None)),
    "top_n_memory_allocations": (int,),
    "debug_mode": (bool,),
    "show_spinner": (bool,),
    "agent_id": (str, type(None)),
    "team_id": (str, type(None)),
    "model_id": (str, type(None)),
    "model_provider": (str, type(None)),
    "ignore": (list, tuple),
    "resources": (dict, type(None)),
}
"""Fields that are sent to the parent, with the types that they may have."""


def load_module(source: str) -> ModuleType:
    """Import a module by name, or a file by path, whose folder comes first on the import path as for a script.

    Raises ``TargetProblem`` if there is no such module or file, and any exception that the module raises.
    """
    if source.endswith(".py") or os.sep in source:
        path = os.path.abspath(source)
        if not os.path.isfile(path):
            folder = os.path.dirname(source)
            files = [os.path.join(folder, name) for name in _names_in(folder or ".") if name.endswith(".py")]
            similar = _similar(source, files)
            remedy = "name a module (package.module) or an existing .py file"
            raise TargetProblem(f"there is no file {source}{similar}; {remedy}")
        sys.path.insert(0, os.path.dirname(path))
        name = os.path.splitext(os.path.basename(path))[0]
        if name in sys.modules or name in sys.stdlib_module_names:  # a file called json.py must not become that module
            name = f"{name}_scenario"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise TargetProblem(f"{source} is not a Python file; name a module or a .py file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    if not all(part.isidentifier() for part in source.split(".")):
        raise TargetProblem(f"{source!r} is neither a module's name nor a .py file; see --help for what a target is")
    _prefer_current_folder(source)
    try:
        return importlib.import_module(source)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if source == missing or source.startswith(missing + "."):
            at = f"in {os.getcwd()} or on the import path of {sys.executable}"
            similar = _similar(source, _modules_beside(source))
            raise TargetProblem(
                f"there is no module {missing!r} {at}{similar}; run from the folder that holds it, or name the .py file"
            ) from None
        raise


def _prefer_current_folder(source: str) -> None:
    """Import ``package`` of ``package.module`` from the current folder where it has that module, but no ``__init__.py``.

    Python prefers an installed package of the same name, such as ``scenarios`` or ``tests``. Its modules stay importable.
    """
    package, _, rest = source.partition(".")
    folder = os.path.join(os.getcwd(), package)
    has_module = os.path.exists(os.path.join(folder, *rest.split(".")) + ".py")
    if not has_module or package in sys.modules or os.path.exists(os.path.join(folder, "__init__.py")):
        return
    installed = importlib.util.find_spec(package)
    folders = [folder, *((installed and installed.submodule_search_locations) or ())]
    spec = importlib.machinery.ModuleSpec(package, None, is_package=True)
    spec.submodule_search_locations = list(dict.fromkeys(folders))
    sys.modules[package] = importlib.util.module_from_spec(spec)


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _modules_beside(source: str) -> list[str]:
    """Return the modules in the folder where the module ``source`` would be, as they are named in a target."""
    package = source.rpartition(".")[0]
    names = _names_in(os.path.join(".", *package.split(".")))
    modules = [name.removesuffix(".py") for name in names if name.endswith(".py") or "." not in name]
    return [f"{package}.{module}" if package else module for module in modules]


def _similar(name: str, names: list[str]) -> str:
    """Return a question for the name that was probably meant, as a part of an error message; empty without one."""
    from difflib import get_close_matches  # for an error only

    found = get_close_matches(name, names, 1)
    return f"; did you mean {found[0]}?" if found else ""


def _looks_like_eval(value: object) -> bool:
    try:
        return hasattr(value, "func") and hasattr(value, "num_iterations")
    except Exception:  # a proxy of an object that does not exist yet
        return False


def _own_evals(module: ModuleType) -> tuple[list[str], list[str]]:
    """Return the names of the evals that the module defines, and of those that it imported from another module."""
    own: list[str] = []
    imported: list[str] = []
    for name, value in vars(module).items():
        if name.startswith("_") or not _looks_like_eval(value):
            continue
        elsewhere = any(
            other_value is value
            for other in list(sys.modules.values())
            if other is not module and hasattr(other, "__dict__")
            for other_value in list(vars(other).values())
            if type(other_value) is type(value)
        )
        (imported if elsewhere else own).append(name)
    return own, imported


def names_of(module: ModuleType) -> list[str]:
    """Return the names of a module's evals, else ``["run"]``. Raises ``TargetProblem`` if the module has neither."""
    own, imported = _own_evals(module)
    if own:
        return own
    if callable(vars(module).get("run")):
        return ["run"]
    raise TargetProblem(f"module {module.__name__!r} defines no eval and no function run{_remedy(module, imported)}")


def _remedy(module: ModuleType, imported: list[str]) -> str:
    """Return the end of an error message: the names in the module that a target could name."""
    if imported:
        return f"; it imports {', '.join(imported)}: name one as {module.__name__}:{imported[0]}"
    here = [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == module.__name__
    ]
    if not here:
        return "; it holds no function either: add a PerformanceEval, or a function run"
    return f"; found {', '.join(here[:8])}{', …' if len(here) > 8 else ''}: name one as {module.__name__}:{here[0]}"


def eval_named(module: ModuleType, name: str) -> LoadedEval:
    """Return the eval or function with this name, which may have dots. Raises ``TargetProblem`` if it cannot be measured."""
    value: object = module
    for part in name.split("."):
        if not hasattr(value, part):
            remedy = _similar(name, list(vars(module))) or _remedy(module, _own_evals(module)[0])
            raise TargetProblem(f"module {module.__name__!r} has no {name!r}{remedy}")
        value = getattr(value, part)
    in_module = vars(module).get
    where = f"module {module.__name__}"
    factory = _hooks(in_module, _HOOKS[-1:], where)["loop_factory"]
    if _looks_like_eval(value):
        loaded = eval_of(value, f"{module.__name__}:{name}", name)
        loaded.loop_factory = loaded.loop_factory or factory
        return loaded
    if isinstance(value, type):
        raise TargetProblem(
            f"{module.__name__}:{name} is a class, whose calls only make objects; name a function that makes one and runs it"
        )
    if not callable(value):
        raise TargetProblem(
            f"{module.__name__}:{name} is {_with_article(value)}, neither an eval nor a function{_remedy(module, [])}"
        )
    if name == "run":
        return LoadedEval(module.__name__, value, fields=None, **_hooks(in_module, _HOOKS, where))
    return LoadedEval(name, value, loop_factory=factory)


_HOOKS = ("setup", "teardown", "describe", "loop_factory")
"""Functions beside the measured one: fields of an eval, or names in the module of a function ``run``."""


def _hooks(find: Callable[[str], object], names: tuple[str, ...], where: str) -> dict[str, Callable[[], object] | None]:
    """Return the functions that ``find`` finds by their names. Raises ``TargetProblem`` for another object."""
    hooks: dict[str, Callable[[], object] | None] = {}
    for name in names:
        function = find(name)
        if function is not None and not callable(function):
            raise TargetProblem(f"{where}: {name} is {_with_article(function)}, expected a function")
        hooks[name] = function
    return hooks


def _texts(entry: object, where: str) -> dict[str, str]:
    """Return a mapping of texts as it travels to the parent. Raises ``TargetProblem`` for anything else."""
    if isinstance(entry, dict) and all(isinstance(text, str) for pair in entry.items() for text in pair):
        return dict(entry)
    raise TargetProblem(f"{where} holds {_with_article(entry)}, expected dicts with site or holder, and reason")


def _with_article(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def eval_of(value: object, where: str, name: str) -> LoadedEval:
    """Return the eval that an object with agno's fields describes. Raises ``TargetProblem`` for a field of a wrong type."""
    func = getattr(value, "func", None)
    if not callable(func):
        raise TargetProblem(f"eval {where} has no function: its func is {_with_article(func)}; give it func=YOUR_FUNCTION")
    fields: dict[str, object] = {}
    for field, kinds in _FIELDS.items():
        content = getattr(value, field, None)
        if content is None and type(None) in kinds:
            continue
        if not hasattr(value, field):
            continue
        if not isinstance(content, kinds) or (isinstance(content, bool) and bool not in kinds):
            raise TargetProblem(f"eval {where}: {field} is {_with_article(content)}, expected {kinds[0].__name__}")
        fields[field] = content
    for resource, number in fields.get("resources", {}).items():  # type: ignore[attr-defined]
        if not isinstance(resource, str) or not isinstance(number, (int, float, str)):
            raise TargetProblem(f"eval {where}: resources holds {_with_article(number)}, expected numbers or texts by name")
    fields["ignore"] = [_texts(entry, f"eval {where}: ignore") for entry in getattr(value, "ignore", None) or ()]
    hooks = _hooks(lambda hook: getattr(value, hook, None), _HOOKS, f"eval {where}")
    own_name = getattr(value, "name", None) or getattr(func, "__name__", None) or name
    return LoadedEval(str(own_name), func, fields=fields, database=database_of(value), **hooks)


def without_partial(func: Callable[[], object]) -> Callable[[], object]:
    """Return the function inside ``functools.partial`` objects."""
    while hasattr(func, "func") and hasattr(func, "args"):
        func = func.func
    return func


_WAITING = frozenset({"GET_AWAITABLE", "GET_AITER", "GET_ANEXT", "BEFORE_ASYNC_WITH", "YIELD_FROM"})
"""Bytecode instructions of an ``await``, an ``async for`` or an ``async with`` in Python 3.10 to 3.15."""


def awaits_nothing(func: Callable[[], object]) -> bool:
    """Return whether this is an async function without an await in its code: it drops every coroutine that it makes.

    Such an eval does no work: ``async def run(): agent.arun(...)``.
    """
    func = without_partial(func)
    if not iscoroutinefunction(func):
        return False
    code = getattr(func, "__code__", None)
    return code is not None and not any(instruction.opname in _WAITING for instruction in dis.get_instructions(code))
