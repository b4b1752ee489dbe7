"""``python -m otel_memeval``."""

from otel_memeval.cli.interruption import leave_on_signal

leave_on_signal()

from otel_memeval.cli.main import main  # noqa: E402 - the imports take most of the first half second

if __name__ == "__main__":
    main()
