"""Draw the overview of a service: ``python -m docs.service_picture``. Needs Chromium.

The numbers are made up: a service of several days takes several days.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from benchmarks.browser import picture
from otel_memeval.service.eval_status import EvalStatus, Overview
from otel_memeval.service.overview_page import overview_page
from otel_memeval.verdicts import State

PICTURE = Path(__file__).parent / "images" / "service-page.png"
_WIDTH, _HEIGHT = 1280, 480
_NOW = 1_796_112_000.0
_DAY = 86_400.0
_KIB = 1024.0
_SCRIPT = re.compile(b"<script>.*?</script>", re.DOTALL)


def overview() -> Overview:
    """Return the overview of four evals, of which two do not pass."""
    steady, stepped = (0.0,) * 30, (*(0.0,) * 21, *(18.6 * _KIB,) * 9)
    noisy = tuple(_KIB * (2 + number % 3) for number in range(30))
    leak = "keeps 18.6 KiB more every iteration; allocated at team.py:36, held by TEAM.memory.runs (list, +1 per iteration)"
    peak = "needs 4.00 KiB more at its peak every iteration, and gives it back"
    fine = "keeps nothing from one iteration to the next, over 20 iterations"
    regression = "regressed since 4be1f09 (2026-11-29): +18.6 KiB per iteration [18.5 KiB, 18.7 KiB]"
    return Overview(
        interval_seconds=900.0,
        evals=(
            _status("Support team", "leaking", leak, stepped, 2.1 * _DAY, regression=regression),
            _status("Research agent", "creeping", peak, noisy, 6.4 * _DAY),
            _status("Weather agent", "stable", fine, steady, 12.0 * _DAY),
            _status("Invoices, batch", "stable", fine, steady, 12.0 * _DAY),
        ),
        next_run_seconds=_NOW + 312.0,
    )


def _status(
    name: str, verdict: State, sentence: str, growth: tuple[float, ...], since_seconds: float, *, regression: str = ""
) -> EvalStatus:
    return EvalStatus(
        key=f"agents.py:{name}",
        label=name,
        verdict=verdict,
        sentences=[sentence],
        ended_seconds=_NOW - 580.0,
        duration_seconds=8.4,
        passed=verdict == "stable",
        run_id=name,
        since_seconds=_NOW - since_seconds,
        regression=regression,
        growth_bytes=growth,
    )


def main() -> None:
    """Write the picture, without the script, which would ask a service for changes."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_bytes(_SCRIPT.sub(b"", overview_page(overview(), _NOW, has_history=True)))
        problems = picture(page, PICTURE, _WIDTH, _HEIGHT, "light")
    if problems:
        raise RuntimeError("\n".join(problems))
    print(f"written: {PICTURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
