"""Does my agent keep memory it should have let go, since when, on which line, and who holds it?

The public API is what is named here. Importing it needs the standard library only, so that a scenario can say
``from otel_memeval import PerformanceEval`` in an environment that holds none of this tool's dependencies.
"""

from otel_memeval.errors import MemevalError, TargetError, UsageError
from otel_memeval.evaluation import PerformanceEval
from otel_memeval.version import __version__

__all__ = ["MemevalError", "PerformanceEval", "TargetError", "UsageError", "__version__"]
