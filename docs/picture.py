"""Draw the report of a leaking run as it stands in a terminal: ``python -m docs.picture``.

The run is a real one: ``scenarios.leaky_team``. Rich draws the terminal; its fonts from elsewhere are left out.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from otel_memeval.exporters.terminal.report import Report, print_report
from otel_memeval.records import from_json

TARGET = "scenarios.leaky_team"
PICTURE = Path(__file__).parent / "images" / "leaking-run.svg"
_COLUMNS = 100
_FONT = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)


def measured() -> bytes:
    """Return the result file of a run of the target; raises ``CalledProcessError`` unless a verdict failed the run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "result.json")
        command = [sys.executable, "-m", "otel_memeval", TARGET, "--quiet", "--json", str(path)]
        done = subprocess.run(command, check=False)
        if done.returncode != 1:
            raise subprocess.CalledProcessError(done.returncode, command)
        return path.read_bytes()


def picture(data: bytes) -> str:
    """Return the report of the last run in a result file as an SVG image."""
    console = Console(
        record=True,
        file=io.StringIO(),
        width=_COLUMNS,
        force_terminal=True,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    console.print(f"$ otel-memeval {TARGET}", style="bold")
    print_report(console, from_json(data)[-1], Report())
    return _FONT.sub("", console.export_svg(title="otel-memeval", unique_id="memeval"))


def main() -> None:
    """Measure, and write the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(picture(measured()), encoding="utf-8")
    print(f"written: {PICTURE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
