"""Locations of code for display: paths relative to the current folder, names of functions. Reads source files."""

from __future__ import annotations

import ast
import os
import re
from functools import lru_cache
from pathlib import Path

from otel_memeval.analysis.callers import is_generated
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.records import CodeLocation, Record, Site
from otel_memeval.source import function_at, parse, signature

_INSTALLED = re.compile(r".*[/\\](?:(?:site|dist)-packages|[Ll]ib(?:64)?[/\\]python3\.\d+t?)[/\\]")
"""Where packages and the standard library are installed, up to the last such folder in a path."""

GENERATED_CODE = "generated code"
"""Stands for the file of code that was made by ``exec`` and the like; its lines lead nowhere, so they are 0."""

_MOST_SITES = 4096
"""Sites whose location is kept."""

_MOST_SOURCES = 16
"""Source files whose syntax tree is kept: a large one takes 10 MB."""


def display_path(file: str, folder: str) -> str:
    """Return ``file`` relative to ``folder``, ``site-packages`` or the standard library, the first that it lies below.

    A file outside of all three is returned as it is; code without a file is ``generated code``.
    """
    if is_generated(file):
        return GENERATED_CODE
    if not os.path.isabs(file):
        return file
    try:
        relative = os.path.relpath(file, folder)
    except ValueError:  # another drive
        return file
    if not relative.startswith(".." + os.sep):
        return relative
    installed = _INSTALLED.search(file)
    return file[installed.end() :] if installed else file


def is_installed(file: str) -> bool:
    """Return whether a file belongs to an installed package or to the standard library."""
    return _INSTALLED.match(file) is not None


class SiteChange(Record, frozen=True):
    """Growth of one site between two readings."""

    file: str
    """Path for display."""
    line: int
    grown_bytes: int
    grown_blocks: int
    source: str
    """Path as the worker reported it."""


class SourceLookup:
    """Looks up sites in their source files, each site once, and parses files once while they are used.

    ``folder`` is the current folder of the worker.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._location_and_text = lru_cache(maxsize=_MOST_SITES)(self._look_up)
        self._source = lru_cache(maxsize=_MOST_SOURCES)(self._read)

    def display_path(self, file: str) -> str:
        """Return the path of a file for display."""
        return display_path(file, self._folder)

    def location(self, key: SiteKey) -> CodeLocation:
        """Return file, line and function for display; the function is empty if the source cannot be read."""
        return self._location_and_text(key)[0]

    def record(self, site: GrowingSite) -> Site:
        """Return the site with its function and signature."""
        location, text = self._location_and_text(site.key)
        return Site(
            file=location.file,
            line=location.line,
            function=location.function,
            retained_bytes=site.retained_bytes,
            blocks=site.blocks,
            bytes_per_iteration=site.bytes_per_iteration,
            signature=signature(location.file, location.function, text or str(site.key[1])),
            bounded=site.bounded,
            allocated_at=[self.location(key) for key in site.allocated_at],
            through=None if site.through is None else self.location(site.through),
        )

    def _look_up(self, key: SiteKey) -> tuple[CodeLocation, str]:
        """Return the location for display and the text of the line."""
        file, line = key
        if is_generated(file):
            return CodeLocation(file=GENERATED_CODE, line=0, function=""), ""
        lines, tree = self._source(file)
        text = lines[line - 1] if 0 < line <= len(lines) else ""
        function = "" if tree is None else function_at(tree, line)
        return CodeLocation(file=self.display_path(file), line=line, function=function), text

    def _read(self, file: str) -> tuple[list[str], ast.Module | None]:
        """Return the lines of a file and its syntax tree; no line and no tree if it cannot be read."""
        try:
            source = Path(self._folder, file).read_text(encoding="utf-8-sig", errors="replace")
        except (OSError, ValueError):  # <string>, <frozen ...>, a file in an archive
            return [], None
        return source.split("\n"), parse(source)  # as Python counts lines: splitlines() also splits at form feeds
