"""Write gauges to a file of node_exporter's textfile collector, shared by all evals that write to it.

As in a Pushgateway, series of other evals and the last success stay, and after a failed run the last good values.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from otel_memeval import telemetry
from otel_memeval.errors import UsageError
from otel_memeval.exporters.prometheus.families import Snapshot, metric_families
from otel_memeval.files import Lock, lock, output_path, read_file, replace_file

SUFFIX = ".prom"
_MODE = 0o644
"""Readable for node_exporter, which runs as another user."""
_PATIENCE_SECONDS = 3.0
"""Time to wait for the lock of another writer."""
_LARGEST_BYTES = 64 << 20
"""Of the file: the gauges of ten thousand evals."""
_OF_PROCESS = frozenset({telemetry.BUILD_INFO.name, telemetry.SPOOL_BYTES.name, "memeval_export_failures"})
"""Families without an eval, as prometheus-client names them; the last process that writes replaces them."""


def check_path(path: str) -> Path:
    """Return the path. Raises ``UsageError`` if node_exporter would not read it or it cannot be written."""
    if not path.endswith(SUFFIX) or Path(path).name == SUFFIX:
        raise UsageError(f"--textfile {path}: node_exporter reads only files that end in {SUFFIX}", "name such a file")
    return output_path("--textfile", path)


def write(path: Path, snapshot: Snapshot, failed: Collection[str]) -> None:
    """Replace the series of the snapshot's evals in the file; ``failed``: labels whose other values stay.

    Raises ``OSError``, and ``ValueError`` if the file holds something other than metrics; it is not changed then.
    """
    with _lock(path):
        new = list(metric_families(snapshot))
        written = {(family.name, _eval(family, sample)) for family in new for sample in family.samples}
        evals = {state.eval for state in snapshot.evals}

        def stays(family: Metric, sample: Sample) -> bool:
            if family.name in _OF_PROCESS:
                return False
            name = _eval(family, sample)
            if name not in evals:
                return True
            may_stay = family.name == telemetry.LAST_SUCCESS.name or name in failed
            return may_stay and (family.name, name) not in written

        _replace(path, _merge(_read(path, stays), new))


def delete_evals(path: Path, is_selected: Callable[[str], bool]) -> list[str]:
    """Delete the series of the selected evals, and return their labels. Raises the errors of ``write``."""
    found: dict[str, None] = {}

    def stays(family: Metric, sample: Sample) -> bool:
        name = _eval(family, sample)
        if name is None or not is_selected(name):
            return True
        found[name] = None
        return False

    with _lock(path):
        rest = _read(path, stays)
        if found:
            _replace(path, rest)
    return list(found)


def write_problem(path: Path, error: OSError | ValueError) -> str:
    """Return a line for the user about an error of ``write`` or ``delete_evals``."""
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return f"--textfile {path} was not written: {reason}"


def _eval(family: Metric, sample: Sample) -> str | None:
    """Return the label of the eval; None for series of other tools and of the process."""
    return sample.labels.get("eval") if family.name.startswith("memeval_") else None


def _read(path: Path, stays: Callable[[Metric, Sample], bool]) -> list[Metric]:
    """Return the families of the file with the samples that stay."""
    try:
        data = read_file(path, _LARGEST_BYTES)
    except FileNotFoundError:
        return []
    families = []
    try:
        text = data.decode("utf-8")
        for family in text_string_to_metric_families(text):
            family.samples = [sample for sample in family.samples if stays(family, sample)]
            if family.samples:
                families.append(family)
    except (ValueError, IndexError, KeyError, AttributeError):  # the parser raises all of these for other text
        raise ValueError("it holds something other than metrics; move it away") from None
    return families


def _merge(before: Sequence[Metric], new: Sequence[Metric]) -> list[Metric]:
    """Merge families of the same name; the newer help text wins."""
    merged = {family.name: family for family in new}
    for family in before:
        if family.name in merged:
            merged[family.name].samples[:0] = family.samples
        else:
            merged[family.name] = family
    return list(merged.values())


class _FixedCollector(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _replace(path: Path, metrics: Sequence[Metric]) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FixedCollector(metrics))
    replace_file(path, generate_latest(registry), mode=_MODE, sync=True)


def _lock(path: Path) -> Lock:
    """Lock the file's folder, which leaves no file behind: a second writer could lose another eval's gauges."""
    return lock(path.resolve().parent, patience_seconds=_PATIENCE_SECONDS)
