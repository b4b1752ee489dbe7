"""Frames that are damaged: the output that was made so far stayed in memory."""

import lz4.frame

FRAME = bytearray(lz4.frame.compress(b"some text " * 10_000, content_checksum=True))
FRAME[-1] ^= 0xFF


def run() -> None:
    """Read a frame with a wrong checksum."""
    try:
        lz4.frame.decompress(bytes(FRAME))
    except RuntimeError:
        pass
