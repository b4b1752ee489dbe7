"""Integers of more than 64 bits: the copy of their digits stayed in memory."""

import ujson

DOCUMENT = "[" + ",".join(str(10**40 + number) for number in range(100)) + "]"


def run() -> None:
    """Read a list of a hundred integers."""
    ujson.loads(DOCUMENT)
