"""Environment of the worker: the caller's, since agents need their keys, without variables that disturb the measurement."""

from __future__ import annotations

from collections.abc import Mapping

RUN_MARK = "MEMEVAL_RUN"
"""Variable with the run's id in every process of a run; it identifies processes that got away."""

_REMOVED = frozenset(
    {
        "PYTHONTRACEMALLOC",
        "PYTHONMALLOC",
        "PYTHONMALLOCSTATS",
        "PYTHONDEVMODE",
        "PYTHONDUMPREFS",
        "PYTHONINSPECT",
        "PYTHONPROFILEIMPORTTIME",
        "PYTHONPERFSUPPORT",
        "PYTHONHOME",
        "__PYVENV_LAUNCHER__",
        "COVERAGE_PROCESS_START",
        "COVERAGE_PROCESS_CONFIG",
        "MALLOC_PERTURB_",
        "MALLOC_CHECK_",
        "MALLOC_TRACE",
    }
)

_TUNABLES = "GLIBC_TUNABLES"
_QUIET = {"glibc.malloc.tcache_count": "0", "glibc.malloc.mmap_threshold": "131072"}


def worker_environment(caller: Mapping[str, str], run_id: str) -> dict[str, str]:
    """Return the caller's environment with the changes that measuring needs.

    The hash seed is fixed, so that two runs compare. glibc's per-thread cache is off: what it holds back counts as in
    use, and filling it looks like a native leak of some kilobytes an iteration. Its threshold for mapping a block stays
    where it starts, so that large blocks come and go by the page and leave no holes.
    """
    environment = {name: value for name, value in caller.items() if name not in _REMOVED}
    environment["PYTHONHASHSEED"] = "0"
    environment["PYTHONUNBUFFERED"] = "1"
    environment[RUN_MARK] = run_id
    tunables = [part for part in caller.get(_TUNABLES, "").split(":") if part and part.partition("=")[0] not in _QUIET]
    environment[_TUNABLES] = ":".join([*tunables, *(f"{name}={value}" for name, value in _QUIET.items())])
    return environment


def changed_variables(caller: Mapping[str, str], worker: Mapping[str, str]) -> list[str]:
    """Return the names of the caller's variables that the worker does not have, or has with another value."""
    return sorted(name for name, value in caller.items() if name != RUN_MARK and worker.get(name) != value)
