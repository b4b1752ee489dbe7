"""Cursors that are closed: each stayed in memory."""

import apsw

CONNECTION = apsw.Connection(":memory:")


def run() -> None:
    """Make ten queries."""
    for number in range(10):
        cursor = CONNECTION.cursor()
        assert cursor.execute("SELECT ?", (number,)).fetchall() == [(number,)]
        cursor.close()
