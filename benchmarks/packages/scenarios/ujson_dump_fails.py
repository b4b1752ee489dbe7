"""A connection that is gone while a document is written to it: the document stayed in memory."""

import ujson


class _Gone:
    def write(self, text: str) -> None:
        """Raise, as the file of a closed socket does."""
        raise OSError(len(text))


def run() -> None:
    """Write ten documents of a kilobyte."""
    for number in range(10):
        try:
            ujson.dump({"number": number, "text": "x" * 1000}, _Gone())
        except OSError:
            pass
