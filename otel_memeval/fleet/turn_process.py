"""The process of one run that takes turns with another: ``python -m otel_memeval.fleet.turn_process``.

The first line of standard input is the request; each further one lets an iteration begin. On standard output, a line with a
question mark asks for the next turn, and the last line is the answer.
"""

from __future__ import annotations

import sys

from otel_memeval.fleet.node import measure_in_turn

ASKS = b"?\n"


def main() -> None:
    """Measure the eval of the request."""
    source, out = sys.stdin.buffer, sys.stdout.buffer

    def wait() -> None:
        out.write(ASKS)
        out.flush()
        if not source.readline():  # the other side has ended
            raise KeyboardInterrupt

    answer = measure_in_turn(source.readline(), wait)
    out.write(answer + b"\n")
    out.flush()


if __name__ == "__main__":
    main()
