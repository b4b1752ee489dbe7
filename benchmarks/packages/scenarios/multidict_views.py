"""Views and iterators of a MultiDict."""

from multidict import CIMultiDict

CALLS = 100


def run() -> None:
    """Compare a hundred headers as sets."""
    for number in range(CALLS):
        query = CIMultiDict([(f"Page-{number}", "1"), ("Size", "2")])
        other = CIMultiDict([("Size", "2")])
        list(query.keys())
        list(query.items())
        list(query.values())
        query.keys() & other.keys()
        query.items() & other.items()
        query.keys() | other.keys()
        query.items() - other.items()
        query.keys() ^ other.keys()
