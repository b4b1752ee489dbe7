"""The error that a person reads when a target cannot be loaded."""

from __future__ import annotations

import re
from pathlib import Path

from otel_memeval import wire
from otel_memeval.errors import TargetError
from otel_memeval.redact import one_line
from otel_memeval.run.locations import display_path, is_installed

_SHADOWED = re.compile(
    r"; '([\w.]+)' is not a package|cannot import name '\w+' from '([\w.]+)'|module '([\w.]+)' has no attribute"
)
"""What Python says of a name that a module, such as the scenario itself, does not have."""


def target_error(rejected: wire.TargetRejected, secrets: tuple[str, ...], folder: str, python: str) -> TargetError:
    """Return the problem of the target and the scenario's line that raised; paths are shown relative to ``folder``.

    ``python``: the interpreter of the scenario.
    """
    failure = rejected.failure
    if failure is None:
        return TargetError(one_line(rejected.problem, secrets))
    # The innermost frame of the scenario, else the innermost one that is not the import system's.
    frames = [frame for frame in failure.frames if not frame[0].startswith("<") and "importlib" not in Path(frame[0]).parts]
    problem = f"{rejected.problem}: {one_line(failure.type, secrets)}: {one_line(failure.message, secrets)}"
    if not frames:  # a syntax error, which names the line itself
        return TargetError(problem)
    file, line, _ = ([frame for frame in frames if not is_installed(frame[0])] or frames)[-1]
    location = f"{display_path(file, folder)}:{line}"
    problem = f"{problem} (at {location})"
    if not rejected.problem.endswith("on import"):
        return TargetError(problem)
    found = _SHADOWED.search(failure.message)
    if found and Path(file).stem in found.groups():
        return TargetError(problem, f"rename {display_path(file, folder)}: it has the name of the package that it imports")
    if failure.type == "ModuleNotFoundError":
        return TargetError(
            f"{problem}, in {display_path(python, folder)}",
            "install the module there, or name the interpreter of your agent with --python",
        )
    return TargetError(problem, f"run it alone to see: python {location.rpartition(':')[0]}")
