"""Write growth by stack as a pprof profile, which Pyroscope, Grafana, Speedscope and ``go tool pprof`` read. Pure.

https://github.com/google/pprof/blob/main/proto/profile.proto. The library of protobuf encodes it: the messages are described
below, so that no generated module has to fit the installed version.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from datetime import datetime

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

from otel_memeval.exporters.terminal.text import shown
from otel_memeval.records import CodeLocation, Result, Site
from otel_memeval.redact import visible

_MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "Profile": {
        "sample_type": (1, "*ValueType"),
        "sample": (2, "*Sample"),
        "mapping": (3, "*Mapping"),
        "location": (4, "*Location"),
        "function": (5, "*Function"),
        "string_table": (6, "*string"),
        "time_nanos": (9, "int64"),
        "duration_nanos": (10, "int64"),
        "comment": (13, "*int64"),
        "default_sample_type": (14, "int64"),
    },
    "ValueType": {"type": (1, "int64"), "unit": (2, "int64")},
    "Sample": {"location_id": (1, "*uint64"), "value": (2, "*int64"), "label": (3, "*Label")},
    "Label": {"key": (1, "int64"), "str": (2, "int64")},
    "Mapping": {
        "id": (1, "uint64"),
        "filename": (5, "int64"),
        "has_functions": (7, "bool"),
        "has_filenames": (8, "bool"),
        "has_line_numbers": (9, "bool"),
    },
    "Location": {"id": (1, "uint64"), "mapping_id": (2, "uint64"), "line": (4, "*Line")},
    "Line": {"function_id": (1, "uint64"), "line": (2, "int64")},
    "Function": {"id": (1, "uint64"), "name": (2, "int64"), "system_name": (3, "int64"), "filename": (4, "int64")},
}
"""Fields that are used, by message and name: number and type; ``*`` is repeated."""

_PACKAGE = "perftools.profiles"
_TYPES = {"int64": 3, "uint64": 4, "bool": 8, "string": 9}
"""Numbers of ``FieldDescriptorProto.Type``."""
_MESSAGE_TYPE = 11
_OPTIONAL, _REPEATED = 1, 3
_LARGEST = (1 << 63) - 1
"""Largest number of bytes that the format holds."""


def pprof_profile(results: Sequence[Result]) -> bytes:
    """Return the compressed profile with samples of all results, labelled by ``eval``.

    Sample types are ``growth`` (bytes per iteration), ``retained`` (bytes that the measured or explained iterations kept)
    and ``peak`` (bytes alive at the peak). Samples are the stacks of ``--explain``, else the growing lines.
    """
    tables = _Tables()
    samples = [sample for result in results for sample in _samples(result, tables)]
    started = min((result.run.started_at for result in results), default="")
    seconds = sum(result.run.duration_seconds for result in results)
    profile = {
        "sample_type": [
            {"type": tables.text(kind), "unit": tables.text("bytes")} for kind in ("growth", "retained", "peak")
        ],
        "sample": samples,
        "mapping": [tables.mapping(results[0].run.target if results else "")],
        "location": list(tables.locations.values()),
        "function": list(tables.functions.values()),
        "time_nanos": _nanoseconds(started),
        "duration_nanos": _limited(seconds * 1e9),
        "comment": [tables.text(f"{each.eval.name}: {each.verdict.state}: {each.verdict.summary}") for each in results],
        "default_sample_type": tables.text("peak" if samples and all(_is_peak(each) for each in samples) else "growth"),
    }
    profile["string_table"] = list(tables.texts)
    message = message_factory.GetMessageClass(_pool().FindMessageTypeByName(f"{_PACKAGE}.Profile"))()
    json_format.ParseDict(profile, message)
    return gzip.compress(message.SerializeToString(deterministic=True), mtime=0)


class _Tables:
    """Texts, functions and lines of a profile, each with its number."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {"": 0}
        self.functions: dict[tuple[str, str], dict[str, object]] = {}
        self.locations: dict[tuple[str, str, int], dict[str, object]] = {}

    def text(self, text: str) -> int:
        """Return the number of a text."""
        return self.texts.setdefault(visible(text), len(self.texts))

    def location(self, line: CodeLocation) -> int:
        """Return the number of a line of code."""
        file, name = shown(line.file), shown(line.function) or "(unknown)"
        function = self.functions.setdefault(
            (file, name),
            {
                "id": len(self.functions) + 1,
                "name": self.text(name),
                "system_name": self.text(name),
                "filename": self.text(file),
            },
        )
        number = max(0, min(line.line, _LARGEST))
        lines = [{"function_id": function["id"], "line": number}]
        location = {"id": len(self.locations) + 1, "mapping_id": 1, "line": lines}
        found = self.locations.setdefault((file, name, number), location)["id"]
        assert isinstance(found, int)
        return found

    def mapping(self, target: str) -> dict[str, object]:
        """Return the only mapping: the target, with names and lines, so that a reader looks for no program."""
        has = dict.fromkeys(("has_functions", "has_filenames", "has_line_numbers"), True)
        return {"id": 1, "filename": self.text(shown(target)), **has}


def _samples(result: Result, tables: _Tables) -> Iterator[dict[str, object]]:
    """Yield the stacks of the explanation; the growing lines if there are none."""
    label = [{"key": tables.text("eval"), "str": tables.text(shown(result.eval.name))}]
    explanation = result.explanation
    if explanation is not None and explanation.stacks:
        for stack in explanation.stacks:
            growth = stack.bytes_per_iteration or 0.0
            values = [growth, growth * explanation.iterations, stack.peak_bytes or 0]
            yield _sample(stack.frames, values, label, tables)
        return
    for site in result.sites:
        yield _sample(_site_frames(site), [site.bytes_per_iteration, site.retained_bytes, 0], label, tables)


def _sample(frames: Sequence[CodeLocation], values: Sequence[float], label: object, tables: _Tables) -> dict[str, object]:
    return {
        "location_id": [tables.location(frame) for frame in frames],
        "value": [_limited(value) for value in values],
        "label": label,
    }


def _site_frames(site: Site) -> list[CodeLocation]:
    """Return the known frames of a line, the innermost first: the library's line that allocated, the way there, the line."""
    own = CodeLocation(file=site.file, line=site.line, function=site.function)
    frames = [*site.allocated_at[:1], *([site.through] if site.through is not None else []), own]
    return [frame for place, frame in enumerate(frames) if place == 0 or frame != frames[place - 1]]


def _is_peak(sample: dict[str, object]) -> bool:
    values = sample["value"]
    return isinstance(values, list) and not values[0] and bool(values[2])


def _limited(value: float) -> int:
    """Return a number as the nearest integer that the format holds; infinity too."""
    if abs(value) >= _LARGEST:
        return _LARGEST if value > 0 else -_LARGEST
    return round(value)


def _nanoseconds(moment: str) -> int:
    """Return a moment in nanoseconds since 1970; 0 if it is no moment."""
    try:
        return _limited(datetime.fromisoformat(moment).timestamp() * 1e9)
    except (ValueError, OverflowError, OSError):
        return 0


def _pool() -> descriptor_pool.DescriptorPool:
    """Return a pool with the messages of the format, apart from the process' own pool."""
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            plain = kind.lstrip("*")
            label = _REPEATED if kind.startswith("*") else _OPTIONAL
            entry = message.field.add(name=field, number=number)
            entry.label = descriptor_pb2.FieldDescriptorProto.Label.ValueType(label)
            entry.type = descriptor_pb2.FieldDescriptorProto.Type.ValueType(_TYPES.get(plain, _MESSAGE_TYPE))
            if plain not in _TYPES:
                entry.type_name = f".{_PACKAGE}.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool
