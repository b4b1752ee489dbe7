"""Check pages of results in headless Chromium: ``python -m benchmarks.page RESULT.json... [--pictures FOLDER]``.

Each file is a page; all of them are one more, and a run of 1,000 iterations with 500 lines another. A page is opened at
three widths, light and dark, without a network. It passes if its console is silent, nothing is wider than the window, each
figure has its chart, axe-core finds nothing, it opens within a second (median) and is smaller than a megabyte. Pictures are
written to the folder, or to the one that ``MEMEVAL_PICTURES`` names.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.browser import AXE, Colours, picture, probe
from otel_memeval.exporters.html.page import html_page
from otel_memeval.records import Result, from_json
from otel_memeval.verdicts import FAILING_STATES

SIZES = ((375, 3000), (800, 1800), (1600, 1800))
COLOURS: tuple[Colours, ...] = ("light", "dark")
FIRST_SCREEN = (1280, 720)
MOST_MILLISECONDS = 1000
MOST_BYTES = 1_000_000


def longest(result: Result, iterations: int = 1000, sites: int = 500) -> Result:
    """Return the result with its iterations and lines repeated up to these numbers."""
    measured = [iteration for iteration in result.iterations if iteration.phase == "measured"]
    repeated = [
        msgspec.structs.replace(measured[place % len(measured)], index=place + 1, retained_bytes=1_000_000 + 5000 * place)
        for place in range(iterations)
    ]
    lines = [
        msgspec.structs.replace(result.sites[place % len(result.sites)], line=place + 1, bytes_per_iteration=9000.0 - place)
        for place in range(sites)
    ]
    return msgspec.structs.replace(result, iterations=repeated, sites=lines)


def pages(files: Sequence[Path]) -> Iterator[tuple[str, list[Result]]]:
    """Yield the name and the results of each page."""
    everything = []
    for path in files:
        results = from_json(path.read_bytes())
        everything += results
        yield path.stem, results
    if len(files) > 1:
        yield "all", everything
    if found := next((result for result in everything if result.sites and result.iterations), None):
        yield "long", [longest(found)]


def check(name: str, page: Path, pictures: Path) -> Iterator[str]:
    """Write the pictures of a page, print its figures, and yield a line for each problem."""
    opened = []
    for width, height in (*SIZES, FIRST_SCREEN):
        for colours in COLOURS if (width, height) != FIRST_SCREEN else COLOURS[:1]:
            where = f"{name} at {width} px, {colours}"
            path = pictures / f"{name}-{width}-{colours}.png"
            yield from (f"{where}: console: {message}" for message in picture(page, path, width, height, colours))
            found = probe(page, width, height, colours)
            opened.append(found.milliseconds)
            yield from (f"{where}: {violation}" for violation in found.violations)
            if found.overflow_pixels > 0:
                yield f"{where}: {found.overflow_pixels} px wider than the window"
            if found.positive_tabindexes or found.alerts or any(count != 1 for count in found.charts):
                yield f"{where}: {found}"
    size = page.stat().st_size
    print(f"{name}: {size:,} bytes, opened in {min(opened):.0f} to {max(opened):.0f} ms, median {median(opened):.0f} ms")
    if median(opened) > MOST_MILLISECONDS or size > MOST_BYTES:
        yield f"{name}: too slow or too large"


def main(arguments: Sequence[str]) -> int:
    """Check all pages; the status is 1 if one has a problem."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--pictures", type=Path, default=Path(os.environ.get("MEMEVAL_PICTURES", "pictures")))
    options = parser.parse_args(arguments)
    options.pictures.mkdir(parents=True, exist_ok=True)
    if not AXE.is_file():
        print("axe-core is not installed: run npm ci in otel_memeval/exporters/html/web")
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name, results in pages(options.files):
            page = Path(folder, f"{name}.html")
            page.write_bytes(html_page(results, FAILING_STATES, str(Path.cwd())))
            problems += list(check(name, page, options.pictures))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
