"""Answer the pages of the service: ``/metrics``, ``/healthz``, and ``/`` with the last verdict of each eval.

``/`` is HTML that is readable without its styles.
"""

from __future__ import annotations

import time
from base64 import b64encode
from datetime import datetime, timezone
from hashlib import sha256
from html import escape
from http import HTTPStatus

from otel_memeval.redact import visible
from otel_memeval.service.eval_status import EvalStatus, Overview
from otel_memeval.service.http.request import Page, Request, Response
from otel_memeval.service.metrics_cache import accepts_gzip
from otel_memeval.service.state import ServiceState
from otel_memeval.units import format_seconds
from otel_memeval.verdicts import STATES_WORST_FIRST

_REFRESH_SECONDS = 30
"""The page at ``/`` is loaded again this often; a run takes seconds to minutes."""

_STYLE = """
:root { color-scheme: light dark; --text: #222; --page: #fff; --line: #ddd; --small: #555; --bad: #a40000; --link: #0b57d0; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ddd; --page: #181818; --line: #444; --small: #aaa; --bad: #ff7b72; --link: #8ab4f8; }
}
body { font-family: sans-serif; margin: 2em; max-width: 75em; color: var(--text); background: var(--page); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4em .8em .4em 0; border-bottom: 1px solid var(--line); }
td.time, td.state { white-space: nowrap; }
td:first-child { min-width: 12em; }
td, p { overflow-wrap: anywhere; }
a { color: var(--link); }
.failed { color: var(--bad); font-weight: bold; }
.small { color: var(--small); font-size: smaller; }
@media (max-width: 56em) {
  body { margin: 1em; }
  table, tbody, tr, td { display: block; }
  tr { padding: .8em 0; border-bottom: 1px solid var(--line); }
  tr.head { display: none; }
  td { padding: .1em 0; border: 0; }
  td:first-child { font-weight: bold; }
  td:first-child .small { font-weight: normal; }
}
"""

_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy of the page: its own style and nothing else."""

_TABLE_HEAD = """<table>
<tr class="head"><th scope="col">Eval</th><th scope="col">Verdict</th><th scope="col">Summary</th>
<th scope="col">Last run</th></tr>"""


def pages(state: ServiceState) -> dict[str, Page]:
    """Return the pages of the service by path: metrics, health, and the table of evals."""

    def metrics(request: Request) -> Response:
        state.overdue()
        compressed = accepts_gzip(request.accept_encoding)
        text = state.metrics.text(request.accept, compressed=compressed)
        headers = {"Vary": "Accept, Accept-Encoding", **({"Content-Encoding": "gzip"} if compressed else {})}
        return Response(text.content_type, text.data, headers)

    def healthz(_: Request) -> Response:
        problem = state.overdue()
        status = HTTPStatus.SERVICE_UNAVAILABLE if problem else HTTPStatus.OK
        return Response("text/plain; charset=utf-8", f"{problem or 'ok'}\n".encode(), status=status)

    def root(_: Request) -> Response:
        page = overview_page(state.overview, time.time(), state.overdue())
        return Response("text/html; charset=utf-8", page, {"Content-Security-Policy": _POLICY})

    return {"/metrics": metrics, "/healthz": healthz, "/": root}


def overview_page(overview: Overview, now_seconds: float, problem: str = "") -> bytes:
    """Return the page at ``/`` at a moment (since 1970), failing evals first.

    ``problem``: a sentence about an overdue measurement.
    """
    warning = f'\n<p><strong class="failed">{_text(problem)}</strong></p>' if problem else ""
    evals = sorted(overview.evals, key=lambda status: (status.passed, STATES_WORST_FIRST.index(status.verdict)))
    rows = "\n".join(map(_row, evals))
    failing = sum(not status.passed for status in evals)
    title = f"{failing} of {len(evals)} fail: otel_memeval" if failing else "otel_memeval"
    table = f"{_TABLE_HEAD}\n{rows}\n</table>" if evals else "<p>Nothing has been measured yet.</p>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="{_REFRESH_SECONDS}">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>otel_memeval</h1>
<p>{_schedule_text(overview, now_seconds)}</p>{warning}
{table}
<p class="small">This page is loaded again every {_REFRESH_SECONDS} seconds.
<a href="/metrics">Metrics</a> for Prometheus.</p>
</body>
</html>
""".encode("utf-8", "replace")


def _schedule_text(overview: Overview, now_seconds: float) -> str:
    text = f"Runs every {format_seconds(overview.interval_seconds)}."
    if overview.skipped:
        turns = f"{overview.skipped} turn{'' if overview.skipped == 1 else 's'}"
        text += f" {turns} skipped, because earlier runs had not ended."
    if overview.running:
        return f"{text} Now running: {_text(overview.running)}."
    if overview.next_run_seconds is None:
        return text
    left = overview.next_run_seconds - now_seconds
    when = f"in {format_seconds(left)}" if left >= 1 else "now"
    return f"{text} Next run {when}, {_time(overview.next_run_seconds)}."


def _row(status: EvalStatus) -> str:
    verdict = _text(status.verdict)
    if not status.passed:
        note = "" if status.verdict == "failed" else " (does not pass)"
        verdict = f'<strong class="failed">{verdict}{note}</strong>'
    duration = f'<span class="small">took {format_seconds(status.duration_seconds)}</span>'
    return (
        f'<tr><td>{_text(status.label)}<br><span class="small">{_text(status.key)}</span></td>'
        f'<td class="state">{verdict}</td><td class="sentence">{"<br>".join(map(_text, status.sentences))}</td>'
        f'<td class="time">{_time(status.ended_seconds)}<br>{duration}</td></tr>'
    )


def _text(text: str) -> str:
    return escape(visible(text))


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
