"""Values that cannot be serialized: the exception raised in default, and what it refers to, stayed alive."""

import io

import orjson


def _default(value: object) -> object:
    raise TypeError(type(value).__name__)


def run() -> None:
    """Write ten payloads that are refused."""
    for _ in range(10):
        try:
            orjson.dumps({"attachment": io.BytesIO(b"0" * 1000)}, default=_default)
        except TypeError:
            pass
