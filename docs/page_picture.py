"""Draw the first screen of the report for the browser: ``python -m docs.page_picture``. Needs Chromium.

The run is a real one: ``scenarios.leaky_team``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.browser import picture
from docs.picture import measured
from otel_memeval.exporters.html.page import html_page
from otel_memeval.records import from_json
from otel_memeval.verdicts import FAILING_STATES

PICTURE = Path(__file__).parent / "images" / "report-page.png"
_WIDTH, _HEIGHT = 1280, 720


def main() -> None:
    """Measure, and write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_bytes(html_page(from_json(measured()), FAILING_STATES, str(Path.cwd())))
        problems = picture(page, PICTURE, _WIDTH, _HEIGHT, "light")
    if problems:
        raise RuntimeError("\n".join(problems))
    print(f"written: {PICTURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
