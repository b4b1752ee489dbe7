"""The three kinds of telemetry. Pure."""

from __future__ import annotations

from typing import Literal

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: tuple[Signal, ...] = ("traces", "metrics", "logs")
