"""Mask secrets in attributes, errors and results before they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from otel_memeval.exporters.otlp.attributes import Attributes, ErrorAttributes
from otel_memeval.records import Result
from otel_memeval.redact import redact


class SecretMasker:
    """Masks secrets in texts; most texts come again with every iteration and are remembered."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self.text = lru_cache(maxsize=1024)(lambda text: redact(text, secrets))

    def attributes(self, attributes: Attributes) -> dict[str, object]:
        """Return attributes without secrets."""
        return {key: self._value(value) for key, value in attributes.items()}

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        return [self.text(str(item)) for item in value] if isinstance(value, (list, tuple)) else value

    def error(self, error: ErrorAttributes | None) -> ErrorAttributes | None:
        """Return the type and the message of an error without secrets; None stays None."""
        return None if error is None else (self.text(error[0]), self.text(error[1]))

    def result(self, result: Result) -> Result:
        """Return a result whose names and sentences, which become labels and bodies, hold no secrets."""
        replace, masked = msgspec.structs.replace, self.text
        return replace(
            result,
            run=replace(result.run, target=masked(result.run.target)),
            eval=replace(result.eval, name=masked(result.eval.name)),
            verdict=replace(result.verdict, summary=masked(result.verdict.summary)),
            sites=[replace(site, file=masked(site.file), function=masked(site.function)) for site in result.sites],
            holders=[replace(holder, path=masked(holder.path), type=masked(holder.type)) for holder in result.holders],
        )
