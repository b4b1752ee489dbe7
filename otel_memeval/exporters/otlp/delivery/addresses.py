"""Keep the addresses of a run's receivers beside its batches: a replay sends them where the run would have sent them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from otel_memeval.exporters.otlp.settings import Destination, ReceiverAddress, Signal
from otel_memeval.files import open_regular, replace_file
from otel_memeval.redact import redact

FILE_NAME = "addresses.json"
_LARGEST_FILE_BYTES = 65_536
"""Far more than three addresses."""


def kept_addresses(destinations: Mapping[Signal, Destination], secrets: Iterable[str]) -> dict[str, ReceiverAddress]:
    """Return the addresses without user, password and query. One whose rest still has a secret in it is left out."""
    kept: dict[str, ReceiverAddress] = {}
    for signal, found in destinations.items():
        endpoint = found.endpoint
        if found.protocol != "grpc":
            parts = urlsplit(endpoint)
            endpoint = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
        if redact(endpoint, secrets) == endpoint:
            kept[signal] = ReceiverAddress(
                protocol=found.protocol, endpoint=endpoint, own_endpoint=found.own_endpoint, insecure=found.insecure
            )
    return kept


def write_addresses(folder: Path, addresses: Mapping[str, ReceiverAddress]) -> None:
    """Write the addresses into the folder of a run. Raises ``OSError``."""
    replace_file(folder / FILE_NAME, msgspec.json.encode(addresses), mode=0o600)


def read_addresses(folder: Path) -> dict[str, ReceiverAddress]:
    """Return the addresses by signal; none if they were not kept or cannot be read."""
    try:
        with open_regular(folder / FILE_NAME) as file:
            return msgspec.json.decode(file.read(_LARGEST_FILE_BYTES), type=dict[str, ReceiverAddress])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
