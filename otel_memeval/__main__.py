"""``python -m otel_memeval``."""

import _signal  # type: ignore[import-not-found] # without the enumerations of signal, whose import takes longer
import os


def _leave(*_: object) -> None:
    """End this process with one line and status 130, as long as there is nothing to report."""
    try:
        os.write(2, b"interrupted\n")
    finally:
        os._exit(130)


# While modules are imported, a KeyboardInterrupt would be shown as a traceback, or be lost in a callback of the import
# system. A signal that is ignored, as in a background job of a shell, stays ignored.
for _number in (_signal.SIGINT, _signal.SIGTERM):
    if _signal.getsignal(_number) in (_signal.default_int_handler, _signal.SIG_DFL):
        _signal.signal(_number, _leave)

from otel_memeval.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
