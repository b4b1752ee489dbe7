"""``python -m otel_memeval``."""

from otel_memeval.cli.main import main

if __name__ == "__main__":
    main()
