"""The size of a message that is not set."""

from google.protobuf.type_pb2 import Type

MESSAGE = Type()


def run() -> None:
    """Compute the size of a hundred messages."""
    for _ in range(100):
        MESSAGE.source_context.ByteSize()
