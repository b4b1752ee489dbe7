"""Sites as people read them: paths relative to where they work, functions by name. Reads source files."""

from __future__ import annotations

import os
import re
from pathlib import Path

from otel_memeval.analysis.evidence import SiteKey
from otel_memeval.analysis.growth import GrowingSite
from otel_memeval.records import CodeLocation, Record, Site
from otel_memeval.source import function_at, signature

_INSTALLED = re.compile(r".*[/\\](?:(?:site|dist)-packages|[Ll]ib(?:64)?[/\\]python3\.\d+t?)[/\\]")
"""Where packages and the standard library are installed, up to the last such folder in a path."""

_MOST_NAMES = 4096


def shown_path(file: str, folder: str) -> str:
    """``file`` relative to ``folder`` where it lies below it, or from ``site-packages`` or the
    standard library's folder on; else as it is.
    """
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
    """A line that has more alive than after the reading before."""

    file: str
    """As people read it."""
    line: int
    grown_bytes: int
    grown_blocks: int
    source: str
    """The file as the worker named it."""


class Functions:
    """Names of the functions that lines are in; each is looked up once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._names: dict[tuple[str, int], str] = {}

    def name(self, growing: SiteChange) -> str:
        """The qualified name; empty where the source cannot be read."""
        key = (growing.source, growing.line)
        if key not in self._names:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            self._names[key] = _place(key, self._folder)[0].function
        return self._names[key]


def site_record(site: GrowingSite, folder: str) -> Site:
    """The site with its function and signature; ``folder`` is where the worker was started."""
    here, text = _place(site.key, folder)
    return Site(
        file=here.file,
        line=here.line,
        function=here.function,
        retained_bytes=site.retained_bytes,
        blocks=site.blocks,
        bytes_per_iteration=site.bytes_per_iteration,
        signature=signature(here.file, here.function, text or str(here.line)),
        bounded=site.bounded,
        allocated_at=[place(key, folder) for key in site.allocated_at],
    )


def place(key: SiteKey, folder: str) -> CodeLocation:
    """File, line and function as people read them."""
    return _place(key, folder)[0]


def _place(key: SiteKey, folder: str) -> tuple[CodeLocation, str]:
    """File, line and function as people read them, and the line's text."""
    file, line = key
    try:
        source = Path(folder, file).read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):  # <string>, <frozen ...>, a file in an archive
        source = ""
    lines = source.split("\n")  # as Python counts lines: splitlines() also splits at form feeds
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    function = function_at(source, line) if source else ""
    return CodeLocation(file=shown_path(file, folder), line=line, function=function), text
