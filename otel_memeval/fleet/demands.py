"""Resources that an eval asks of its node, in words of Ray. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping

from otel_memeval.errors import UsageError
from otel_memeval.records import Record
from otel_memeval.units import parse_bytes

DEFAULT_CPUS = 1.0
"""One eval a core: measurements do not disturb each other."""


class Demands(Record, frozen=True):
    """Resources of one task."""

    cpus: float = DEFAULT_CPUS
    gpus: float = 0.0
    memory_bytes: int | None = None
    labels: tuple[tuple[str, float], ...] = ()
    """Other resources, such as ``model-quota``, with their numbers."""


def demands(resources: Mapping[str, float | str], where: str) -> Demands:
    """Return the demands that ``resources`` describes: ``cpu``, ``gpu``, ``memory`` (``"2GiB"``), and labels of the cluster.

    Raises ``UsageError``, with ``where`` they stand, for a value that is no such number.
    """
    numbers = {name: _number(name, value, where) for name, value in resources.items()}
    memory = numbers.pop("memory", None)
    return Demands(
        cpus=numbers.pop("cpu", DEFAULT_CPUS),
        gpus=numbers.pop("gpu", 0.0),
        memory_bytes=None if memory is None else int(memory),
        labels=tuple(sorted(numbers.items())),
    )


def _number(name: str, value: float | str, where: str) -> float:
    try:
        number = float(parse_bytes(value)) if isinstance(value, str) else float(value)
    except UsageError as error:
        raise UsageError(f"{where}: {name}: {error.problem}", error.remedy) from None
    if not 0 <= number < math.inf:
        raise UsageError(f"{where}: {name} is {value}", "give a number of 0 or more")
    return number
