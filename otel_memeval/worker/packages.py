"""Find the installed packages that a scenario uses."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution


def packages_in_use() -> dict[str, str]:
    """Return name and version of each installed package that an imported module belongs to.

    ``importlib.metadata.packages_distributions()`` knows the owners too, in ten times as long: it makes a path of each file.
    """
    from importlib import metadata  # not earlier: holes that imports leave in the heap make readings noisy

    versions: dict[str, str] = {}
    imported = set(sys.modules)
    for distribution in metadata.distributions():
        try:
            if not imported.isdisjoint(_top_level_modules(distribution)):
                name, version = distribution.metadata["Name"], distribution.version
                if name and version:
                    versions.setdefault(name, version)
        except Exception:  # a broken installation must not end a run that is already measured
            continue
    return dict(sorted(versions.items()))


def _top_level_modules(distribution: Distribution) -> Iterable[str]:
    """Return the modules and packages that a distribution puts on the import path: as declared, else from its files."""
    if declared := (distribution.read_text("top_level.txt") or "").split():
        return declared
    record = distribution.read_text("RECORD")
    paths = record.splitlines() if record is not None else [str(path) for path in distribution.files or ()]
    beginnings = {path.partition(",")[0].partition("/")[0] for path in paths}
    return [name.partition(".")[0] for name in beginnings if not name.endswith((".dist-info", ".data"))]
