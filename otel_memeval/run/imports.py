"""Imports inside of iterations: those that are worth a sentence, and the first iteration that they make unusual. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from otel_memeval.records import InitialReading, Iteration
from otel_memeval.units import format_bytes

NOTABLE_BYTES = 256 * 1024
"""Bytes kept by an iteration that imports, from which on its imports count.

Measured with CPython 3.11: a module of the standard library that code imports late keeps 4 to 200 KiB (``bisect``, ``csv``,
``fractions``), a package with its dependencies 1 MiB and more (``yaml`` 1, ``httpx`` 12, ``openai`` 28).
"""


class LateImports(msgspec.Struct, frozen=True, kw_only=True):
    """Modules that a measured iteration imported. ``kept_bytes``: everything traced that it kept, the modules with it."""

    index: int
    modules: int
    kept_bytes: int


def late_imports(iterations: Sequence[Iteration], initial: InitialReading | None) -> list[LateImports]:
    """Return the measured iterations whose imports count.

    An iteration without a reading counts with the next one that has a reading.
    """
    found = []
    before = None if initial is None else initial.retained_bytes
    index = modules = 0
    for iteration in iterations:
        if iteration.imported_modules and iteration.phase == "measured":
            index = index or iteration.index
            modules += iteration.imported_modules
        if iteration.retained_bytes is None:
            continue
        kept_bytes = iteration.retained_bytes - (before or 0)
        if modules and before is not None and kept_bytes >= NOTABLE_BYTES:
            found.append(LateImports(index=index, modules=modules, kept_bytes=kept_bytes))
        before = iteration.retained_bytes
        index = modules = 0
    return found


def is_first_unusual(imports: Sequence[LateImports], iterations: Sequence[Iteration]) -> bool:
    """Return whether the first measured iteration imported modules and no warm-up came before it."""
    return any(each.index == 1 for each in imports) and iterations[0].phase == "measured"


def import_reasons(imports: Sequence[LateImports], *, first_is_left_out: bool) -> list[str]:
    """Return a sentence for the first measured iteration that was left out, and one for later imports."""
    reasons = []
    if first_is_left_out:
        reasons.append(
            f"{_sentence(imports[0], 'the first iteration')}: it is left out of the statistics and of the verdict; "
            "import them at module level, or use a warm-up (--warmup 1)"
        )
    later = imports[first_is_left_out:]
    if later:
        more = f", and {len(later) - 1} later ones imported as well" if len(later) > 1 else ""
        reasons.append(f"{_sentence(later[0], f'iteration {later[0].index}')}{more}")
    return reasons


def _sentence(imports: LateImports, iteration: str) -> str:
    modules = "1 module" if imports.modules == 1 else f"{imports.modules:,} modules"
    return f"imported {modules} in {iteration}, which kept {format_bytes(imports.kept_bytes)}"
