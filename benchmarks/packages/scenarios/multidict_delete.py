"""The only parameter of a query, deleted: the emptied table stayed in memory."""

from multidict import MultiDict

CALLS = 100


def run() -> None:
    """Edit a hundred queries."""
    for number in range(CALLS):
        query = MultiDict(page=str(number))
        del query["page"]
