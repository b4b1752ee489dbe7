"""Connections whose parser gives its reader a method of its own: reader and parser kept each other alive."""

import hiredis


class _Parser:
    def __init__(self) -> None:
        self.reader = hiredis.Reader(replyError=self.parse_error)

    def parse_error(self, text: str) -> Exception:
        """Return an error with the text, as redis-py does."""
        return ValueError(text)


def run() -> None:
    """Make ten connections."""
    for _ in range(10):
        parser = _Parser()
        parser.reader.feed(b"+OK\r\n")
        parser.reader.gets()
