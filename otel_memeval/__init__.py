"""Does my agent keep memory it should have let go, since when, on which line, and who holds it?

The public API is what is named here. Importing it needs the standard library only, so that a scenario can say
``from otel_memeval import PerformanceEval`` in an environment that holds none of this tool's dependencies. Each name is
imported when it is used: the command handles Ctrl-C from its first line on, before the imports.
"""

TYPE_CHECKING = False  # as in typing, whose import takes longer than everything here
if TYPE_CHECKING:
    from otel_memeval.errors import MemevalError, TargetError, UsageError
    from otel_memeval.evaluation import PerformanceEval
    from otel_memeval.version import __version__

__all__ = ["MemevalError", "PerformanceEval", "TargetError", "UsageError", "__version__"]


def __getattr__(name: str) -> object:
    """Return a name of the public API from its module."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = {"PerformanceEval": "evaluation", "__version__": "version"}.get(name, "errors")
    value: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = value
    return value
