"""``python -m otel_memeval``."""

import _signal  # type: ignore[import-not-found] # without the enumerations of signal, whose import takes longer
import os
import sys


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


def main() -> None:
    """Run the command line; where a package that it needs is missing, say in one line how to install it."""
    try:
        from otel_memeval.cli.main import main as run

        run()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("otel_memeval"):
            raise
        folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        is_clone = os.path.isfile(os.path.join(folder, "pyproject.toml"))
        name = f"{folder}[scenarios]" if is_clone else "otel-memeval"
        sys.stderr.write(
            f"otel-memeval: the package {error.name} is not installed for {sys.executable}; type: "
            f"python3 -m venv .venv && .venv/bin/pip install '{name}', and then use .venv/bin/python\n"
        )
        sys.exit(2)


if __name__ == "__main__":
    main()
