"""Store a run in the database of an eval, as agno does: by the method ``create_eval_run`` of the object in ``db``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from types import SimpleNamespace


def database_of(evaluation: object) -> object | None:
    """Return the database of an eval; None if it has none that stores runs."""
    database = getattr(evaluation, "db", None)
    return database if callable(getattr(database, "create_eval_run", None)) else None


def storing(database: object, func: Callable[[], object], fields: str) -> Callable[[], object]:
    """Return a function that stores a run, and returns what the database returns: a coroutine if it is async.

    ``func``: the measured function. ``fields``: a JSON object with the fields of agno's ``EvalRunRecord``.
    """

    def store() -> object:
        name = getattr(func, "__name__", None)
        return database.create_eval_run(_record({**json.loads(fields), "evaluated_component_name": name}))  # type: ignore[attr-defined]

    return store


def _record(fields: dict[str, object]) -> object:
    """Return agno's record with these fields; without agno an object with the same attributes."""
    try:
        schemas = importlib.import_module("agno.db.schemas.evals")
    except ModuleNotFoundError:
        return SimpleNamespace(**fields)
    return schemas.EvalRunRecord(**fields)
