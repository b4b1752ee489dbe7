"""Bounds of containers, read off the containers and off the code around them.

The rest of the worker calls ``bounds_of`` and nothing else; every module in this folder is private to it.
"""

from .bounds import bounds_of
from .conditions import Bound

__all__ = ["Bound", "bounds_of"]
