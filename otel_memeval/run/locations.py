"""Locations of code for display: paths relative to the current folder, names of functions. Reads source files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from otel_memeval.analysis.callers import is_generated
from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.sites_and_holders import GrowingSite
from otel_memeval.records import CodeLocation, Record, Site
from otel_memeval.source import function_at, signature

_INSTALLED = re.compile(r".*[/\\](?:(?:site|dist)-packages|[Ll]ib(?:64)?[/\\]python3\.\d+t?)[/\\]")
"""Where packages and the standard library are installed, up to the last such folder in a path."""

GENERATED_CODE = "generated code"
"""Stands for the file of code that was made by ``exec`` and the like; its lines lead nowhere, so they are 0."""

_MOST_NAMES = 4096


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


class SiteChange(Record, frozen=True):
    """Growth of one site between two readings."""

    file: str
    """Path for display."""
    line: int
    grown_bytes: int
    grown_blocks: int
    source: str
    """Path as the worker reported it."""


class FunctionNameLookup:
    """Looks up the names of the functions that contain sites, each site once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: dict[tuple[str, int], str] = {}

    def name(self, change: SiteChange) -> str:
        """Return the qualified name of the function; empty if the source cannot be read."""
        key = (change.source, change.line)
        if key not in self._names:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            self._names[key] = code_location(key, self._folder).function
        return self._names[key]


def site_record(site: GrowingSite, folder: str) -> Site:
    """Return the site with its function and signature; ``folder`` is the current folder of the worker."""
    location, text = _location_and_text(site.key, folder)
    return Site(
        file=location.file,
        line=location.line,
        function=location.function,
        retained_bytes=site.retained_bytes,
        blocks=site.blocks,
        bytes_per_iteration=site.bytes_per_iteration,
        signature=signature(location.file, location.function, text or str(site.key[1])),
        bounded=site.bounded,
        allocated_at=[code_location(key, folder) for key in site.allocated_at],
        through=None if site.through is None else code_location(site.through, folder),
    )


def code_location(key: SiteKey, folder: str) -> CodeLocation:
    """Return file, line and function for display."""
    return _location_and_text(key, folder)[0]


def _location_and_text(key: SiteKey, folder: str) -> tuple[CodeLocation, str]:
    """Return the location for display and the text of the line."""
    file, line = key
    if is_generated(file):
        return CodeLocation(file=GENERATED_CODE, line=0, function=""), ""
    try:
        source = Path(folder, file).read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):  # <string>, <frozen ...>, a file in an archive
        source = ""
    lines = source.split("\n")  # as Python counts lines: splitlines() also splits at form feeds
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    function = function_at(source, line) if source else ""
    return CodeLocation(file=display_path(file, folder), line=line, function=function), text
