"""Names of case-insensitive headers: each that was read back stayed alive."""

from multidict import CIMultiDict

CALLS = 100


def run() -> None:
    """Read the headers of a hundred responses."""
    for number in range(CALLS):
        headers = CIMultiDict([("Content-Type", "application/json"), (f"X-Request-{number}", str(number))])
        assert len(list(headers)) == 2
