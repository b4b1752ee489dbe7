"""Which installed packages a scenario uses."""

from __future__ import annotations

import sys


def packages_in_use() -> dict[str, str]:
    """Name and version of each installed package that the scenario has imported something of."""
    try:
        from importlib import metadata  # not earlier, as with worker.describe

        owners = metadata.packages_distributions()
    except Exception:  # a broken installation must not end a run that is already measured
        return {}
    names = {owner for module in list(sys.modules) for owner in owners.get(module, ())}
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = metadata.version(name)
        except Exception:  # metadata without a version
            continue
    return versions
