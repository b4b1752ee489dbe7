"""Searches of references in tests begin at the standard library and at the test's own modules."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from otel_memeval.worker.references import paths


@pytest.fixture(autouse=True)
def modules_of_a_small_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave out the modules and objects of pytest, of its plugins and of other tests: some 500,000 objects.

    A scenario's process has none of them, and a search that starts there takes ten seconds. Frozen objects are left out of
    what the collector lists.
    """
    all_modules = paths.modules
    test = request.module.__name__
    others = {name for name in sys.modules if name != test and name.partition(".")[0] not in sys.stdlib_module_names}
    monkeypatch.setattr(paths, "modules", lambda: [module for module in all_modules() if module[0] not in others])
    if request.path.parent.name != "memory":  # readings are of all objects
        gc.freeze()
    yield
    gc.unfreeze()
