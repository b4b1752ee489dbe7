"""Rows of a query made into a numpy array: each lookup of an attribute that a row does not have leaked."""

import numpy as np
import sqlalchemy as sql

ENGINE = sql.create_engine("sqlite://")
CONNECTION = ENGINE.connect()
QUERY = sql.text(" UNION ALL ".join(f"SELECT {number} AS a, 1.5 AS b" for number in range(10)))


def run() -> None:
    """Make ten queries of ten rows; with one, sqlite3's list of cursors, cleared at every 200th, would look like a leak."""
    for _ in range(10):
        np.array(CONNECTION.execute(QUERY).fetchall())
