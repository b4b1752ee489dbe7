"""A file for node_exporter's textfile collector: gauges of every eval that writes to it, replaced as a whole.

What a Pushgateway would keep is kept here too: other evals' series, the last success, and what a failed run left open.
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
from otel_memeval.exporters.prometheus.families import Snapshot, families
from otel_memeval.files import Lock, lock, replace_file

SUFFIX = ".prom"
_MODE = 0o644
"""node_exporter is another user."""
_PATIENCE_SECONDS = 3.0
_OF_PROCESS = frozenset({telemetry.BUILD_INFO.name, telemetry.SPOOL_BYTES.name, "memeval_export_failures"})
"""Families without an eval, as prometheus-client names them: those of the last process that wrote."""


def check_path(path: str) -> Path:
    """The path, if node_exporter would read it. Raises ``UsageError``: else nobody would ever see what is written."""
    if not path.endswith(SUFFIX) or Path(path).name == SUFFIX:
        raise UsageError(f"--textfile {path}: node_exporter reads files that end in {SUFFIX}", "name one")
    if Path(path).is_dir():
        raise UsageError(f"--textfile {path}: this is a folder", "name a file in it")
    if not Path(path).resolve().parent.is_dir():
        raise UsageError(f"--textfile {path}: there is no folder to write it in", "create it first")
    return Path(path)


def write(path: Path, snapshot: Snapshot, failed: Collection[str]) -> None:
    """Replace what the file says of the evals in the snapshot; ``failed``: those whose last run measured little.

    Raises ``OSError``, and ``ValueError`` where the file there holds something else than metrics: it is left alone then.
    """
    with _lock(path):
        new = list(families(snapshot))
        told = {(family.name, _eval(family, sample)) for family in new for sample in family.samples}
        evals = {state.eval for state in snapshot.evals}

        def stays(family: Metric, sample: Sample) -> bool:
            if family.name in _OF_PROCESS:
                return False
            name = _eval(family, sample)
            if name not in evals:
                return True
            lasting = family.name == telemetry.LAST_SUCCESS.name or name in failed
            return lasting and (family.name, name) not in told

        _replace(path, _merged(_left(path, stays), new))


def forget(path: Path, is_meant: Callable[[str], bool]) -> list[str]:
    """Take out the series of evals whose label is meant; which they were. Raises as ``write`` does."""
    found: dict[str, None] = {}

    def stays(family: Metric, sample: Sample) -> bool:
        name = _eval(family, sample)
        if name is None or not is_meant(name):
            return True
        found[name] = None
        return False

    with _lock(path):
        left = _left(path, stays)
        if found:
            _replace(path, left)
    return list(found)


def _eval(family: Metric, sample: Sample) -> str | None:
    """None for what is not this tool's."""
    return sample.labels.get("eval") if family.name.startswith("memeval_") else None


def _left(path: Path, stays: Callable[[Metric, Sample], bool]) -> list[Metric]:
    """The families of the file, with the samples that stay."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    left = []
    try:
        for family in text_string_to_metric_families(text):
            family.samples = [sample for sample in family.samples if stays(family, sample)]
            if family.samples:
                left.append(family)
    except (ValueError, IndexError, KeyError, AttributeError):  # what the parser raises for what it does not understand
        raise ValueError("it holds something else than metrics; move it away") from None
    return left


def _merged(before: Sequence[Metric], new: Sequence[Metric]) -> list[Metric]:
    """One family a name; the newer help counts."""
    merged = {family.name: family for family in new}
    for family in before:
        if family.name in merged:
            merged[family.name].samples[:0] = family.samples
        else:
            merged[family.name] = family
    return list(merged.values())


class _Fixed(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _replace(path: Path, metrics: Sequence[Metric]) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Fixed(metrics))
    replace_file(path, generate_latest(registry), mode=_MODE, sync=True)


def _lock(path: Path) -> Lock:
    """Lock the file's folder, which leaves no file behind: a second writer could lose another eval's gauges."""
    return lock(path.resolve().parent, patience_seconds=_PATIENCE_SECONDS)
