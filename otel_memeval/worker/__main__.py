"""Start the worker by its path: ``PYTHON .../otel_memeval/worker COMMANDS MESSAGES`` with the numbers of two pipes.

Commands come as lines of words, messages go as lines of JSON; stdin, stdout and stderr stay those of the scenario.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys


def _import_own_package(folder: str) -> None:
    """Import this folder as the package ``_memeval_worker``; it does not stand on the import path."""
    spec = importlib.util.spec_from_file_location(
        "_memeval_worker", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise RuntimeError(f"the worker's folder {folder} is not complete: reinstall otel-memeval")
    module = importlib.util.module_from_spec(spec)
    sys.modules["_memeval_worker"] = module
    spec.loader.exec_module(module)


def main() -> None:
    """Replace the import path's first entry, this folder, by the caller's; then serve.

    The worker imports all that it uses of the standard library first: a ``json.py`` of the scenario is not meant for it.
    """
    folder = os.path.dirname(os.path.abspath(__file__))
    if os.path.abspath(sys.path[0] or ".") == folder:
        del sys.path[0]
    sys.argv[:] = ["otel-memeval", *sys.argv[1:]]
    commands, messages = int(sys.argv[1]), int(sys.argv[2])
    del sys.argv[1:]
    _import_own_package(folder)
    importlib.import_module("importlib.metadata")
    from _memeval_worker.serve import serve  # type: ignore[import-not-found]

    sys.path.insert(0, os.getcwd())
    serve(commands, messages)


main()
