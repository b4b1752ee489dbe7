"""Replies that are maps (RESP3): each value stayed alive."""

import hiredis

READER = hiredis.Reader()


def run() -> None:
    """Parse a hundred replies to HGETALL."""
    for number in range(100):
        value = f"value {number}".encode()
        READER.feed(b"%1\r\n$4\r\nname\r\n$" + str(len(value)).encode() + b"\r\n" + value + b"\r\n")
        READER.gets()
