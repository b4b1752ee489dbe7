"""Open pages in headless Chromium: pictures, messages of the console, and the rules of axe-core."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal, NamedTuple

import otel_memeval

AXE = Path(otel_memeval.__file__).parent / "exporters" / "html" / "web" / "node_modules" / "axe-core" / "axe.min.js"
"""There after ``npm ci`` in the folder of the page's sources."""

Colours = Literal["light", "dark"]

_SECONDS = 60.0
_COLOURS: dict[Colours, str] = {"dark": "0", "light": "1"}
"""Numbers of Chromium's setting ``preferredColorScheme``."""

_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_CONSOLE = re.compile(r'CONSOLE[:(]\d+\)?\] "(.*)", source')

_PROBE = """
addEventListener("load", async () => {
  while (!document.documentElement.classList.contains("scripted")) await new Promise((done) => setTimeout(done, 5));
  const report = { milliseconds: performance.now(), width: document.documentElement.scrollWidth, window: innerWidth };
  report.order = [...document.querySelectorAll("[tabindex]")].filter((each) => each.tabIndex > 0).length;
  dispatchEvent(new Event("beforeprint")); // draws the charts that are far below
  const plots = [...document.querySelectorAll("figure.chart:not([hidden]) .plot")];
  report.charts = plots.map((each) => each.querySelectorAll("svg").length);
  report.alerts = window.alerts ?? 0;
  if (window.axe) {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    report.violations = violations.map((each) => `${each.id}: ${each.nodes[0].target}: ${each.nodes[0].failureSummary}`);
  }
  const element = document.createElement("pre");
  element.id = "probe";
  element.textContent = JSON.stringify(report);
  document.body.append(element);
});
"""


class Probe(NamedTuple):
    """State of an open page."""

    milliseconds: float
    """From the beginning of the navigation until the charts that can be seen are drawn."""
    overflow_pixels: int
    """Width of the page beyond that of the window."""
    positive_tabindexes: int
    """Elements that come before their place in the tab order."""
    charts: list[int]
    """Drawings in each figure."""
    alerts: int
    """Calls of ``alert``: scripts of a hostile name."""
    violations: list[str]
    """Rules of axe-core that are broken, with the first place of each; empty without axe-core."""


def chromium() -> str | None:
    """Return the path of Chromium; None if it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def picture(page: Path, path: Path, width: int, height: int, colours: Colours) -> list[str]:
    """Write a picture of a page, and return the messages of its console: errors, and what its policy has refused."""
    return _messages(_run(page, width, height, colours, f"--screenshot={path}").stderr)


def probe(page: Path, width: int, height: int, colours: Colours) -> Probe:
    """Open a copy of a page that reports on itself; the policy, which allows no other script, is left out of the copy."""
    axe = AXE.read_text(encoding="utf-8") if AXE.is_file() else ""
    text = _POLICY.sub("", page.read_text(encoding="utf-8"))
    head = "<script>window.alert = () => { window.alerts = (window.alerts ?? 0) + 1; };</script>"
    end = f"<script>{axe}</script><script>{_PROBE}</script></body>"
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "page.html")
        copy.write_text(text.replace("<head>", f"<head>{head}", 1).replace("</body>", end), encoding="utf-8")
        done = _run(copy, width, height, colours, "--dump-dom", "--virtual-time-budget=20000")
    found = re.search(r'<pre id="probe">(.*?)</pre>', done.stdout, re.DOTALL)
    if found is None:
        raise RuntimeError(f"the page reported nothing: {done.stderr[-2000:]}")
    report = json.loads(html.unescape(found.group(1)))
    return Probe(
        milliseconds=report["milliseconds"],
        overflow_pixels=report["width"] - report["window"],
        positive_tabindexes=report["order"],
        charts=report["charts"],
        alerts=report["alerts"],
        violations=report.get("violations", []),
    )


def _run(page: Path, width: int, height: int, colours: Colours, *options: str) -> subprocess.CompletedProcess[str]:
    """Run Chromium without a network: each name is unknown to it."""
    program = chromium()
    assert program is not None, "Chromium is not installed"
    with tempfile.TemporaryDirectory() as profile:
        command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars",
            "--no-first-run", "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}", f"--blink-settings=preferredColorScheme={_COLOURS[colours]}",
            f"--window-size={width},{height}", *options, page.resolve().as_uri(),
        ]  # fmt: skip
        environment = {**os.environ, "TZ": "UTC"}
        return subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=True, env=environment
        )


def _messages(stderr: str) -> list[str]:
    return _CONSOLE.findall(stderr)
