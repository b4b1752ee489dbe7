"""The version of this package, for whatever tells it."""

__version__ = "0.1.0"
