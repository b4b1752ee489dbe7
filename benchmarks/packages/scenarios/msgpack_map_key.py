"""Maps whose keys are refused: strict_map_key raised, and the key stayed alive."""

import msgpack

CALLS = 100


def run() -> None:
    """Read a hundred messages that are refused."""
    for number in range(CALLS):
        message = msgpack.packb({("a long key, number", number): "value"}, use_bin_type=True)
        try:
            msgpack.unpackb(message)
        except ValueError:
            pass
