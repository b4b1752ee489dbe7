"""``python -m otel_memeval``."""

from otel_memeval.cli import main

if __name__ == "__main__":
    main()
