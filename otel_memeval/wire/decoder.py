"""Decode and check the messages of the worker."""

from __future__ import annotations

import json
from typing import TypeVar

import msgspec

from otel_memeval.errors import WorkerError
from otel_memeval.wire.messages import (
    WIRE_VERSION,
    BatchedReading,
    Finished,
    FollowUpIteration,
    Hello,
    Holders,
    IterationDone,
    Loaded,
    MeasurementFailed,
    Message,
    Paused,
    Ready,
    ResourceDescriptions,
    RunStored,
    ScenarioSpan,
    SetUpFailed,
    SpansDropped,
    TargetRejected,
    TracingStopped,
    WatchedCall,
)
from otel_memeval.wire.stacks import GrownTypes, MemrayStacks, Stacks

_MessageType = TypeVar("_MessageType", bound=Message)

AnyMessage = (
    Hello
    | TargetRejected
    | Loaded
    | SetUpFailed
    | Ready
    | ScenarioSpan
    | SpansDropped
    | IterationDone
    | TracingStopped
    | MeasurementFailed
    | Paused
    | Holders
    | ResourceDescriptions
    | FollowUpIteration
    | WatchedCall
    | BatchedReading
    | GrownTypes
    | Stacks
    | MemrayStacks
    | RunStored
    | Finished
)

_DECODER: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


class ForeignMessage(WorkerError):
    """A message that the worker, whose version was checked, did not send."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the scenario wrote into our pipe ({reason})", "use only file descriptors that the scenario has opened"
        )


def decode(line: bytes) -> AnyMessage:
    """Decode one line of the worker. Raises ``WorkerError`` if it is no message of this version."""
    try:
        message = _DECODER.decode(_without_surrogates(line) if b"\\ud" in line else line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ForeignMessage(str(error)) from None
    if isinstance(message, Hello) and message.wire != WIRE_VERSION:
        raise WorkerError(
            f"the worker speaks version {message.wire}, this is version {WIRE_VERSION}", "reinstall otel-memeval"
        )
    return message


def _without_surrogates(line: bytes) -> bytes:
    """Replace surrogates, such as bytes of a file name that is not UTF-8, by question marks."""
    try:
        return json.dumps(json.loads(line), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return line


def decode_dict(message: dict[str, object]) -> AnyMessage:
    """Decode a message that never left the process. Raises as ``decode``."""
    return decode(json.dumps(message).encode("ascii"))


def expect(message: AnyMessage, kind: type[_MessageType]) -> _MessageType:
    """Return the message, which must be of this type. Raises ``WorkerError`` if it is of another one."""
    if isinstance(message, kind):
        return message
    expected, received = kind.__struct_config__.tag, type(message).__struct_config__.tag
    raise ForeignMessage(f"the message {received!r} came where {expected!r} was expected")
