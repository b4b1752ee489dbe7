"""Answer the pages of the service: ``/metrics``, ``/healthz``, and ``/`` with the last verdict of each eval.

``/`` is HTML that is readable without its styles.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from html import escape
from http import HTTPStatus

from otel_memeval.redact import visible
from otel_memeval.service.eval_status import EvalStatus, Overview
from otel_memeval.service.http.request import Page, Request, Response
from otel_memeval.service.metrics_cache import accepts_gzip
from otel_memeval.service.state import ServiceState
from otel_memeval.units import format_seconds

_STYLE = """
body { font-family: sans-serif; margin: 2em; max-width: 75em; color: #222; background: #fff; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4em .8em .4em 0; border-bottom: 1px solid #ddd; }
td.time, td.state { white-space: nowrap; }
td.sentence { overflow-wrap: anywhere; }
.failed { color: #a40000; font-weight: bold; }
.small { color: #555; font-size: smaller; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818; } a { color: #8ab4f8; } .failed { color: #ff7b72; } .small { color: #aaa; }
}
"""

_TABLE_HEAD = """<table>
<tr><th scope="col">Eval</th><th scope="col">Verdict</th><th scope="col">Summary</th>
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
        return Response("text/html; charset=utf-8", overview_page(state.overview, time.time(), state.overdue()))

    return {"/metrics": metrics, "/healthz": healthz, "/": root}


def overview_page(overview: Overview, now_seconds: float, problem: str = "") -> bytes:
    """Return the page at ``/`` at a moment (since 1970). ``problem``: a sentence about an overdue measurement."""
    warning = f'\n<p><strong class="failed">{_text(problem)}</strong></p>' if problem else ""
    rows = "\n".join(map(_row, overview.evals))
    table = f"{_TABLE_HEAD}\n{rows}\n</table>" if overview.evals else "<p>Nothing has been measured yet.</p>"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>otel_memeval</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>otel_memeval</h1>
<p>{_schedule_text(overview, now_seconds)}</p>{warning}
{table}
<p><a href="/metrics">Metrics</a> for Prometheus.</p>
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
