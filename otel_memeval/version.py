"""The version of this package, for whatever tells it."""

__version__ = "0.1.0"

USER_AGENT = f"otel-memeval/{__version__}"
"""How requests over HTTP and gRPC name their sender."""
