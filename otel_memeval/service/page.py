"""The page at ``/``: what each eval's last run said, and when the next one is. HTML, readable without styles. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape

from otel_memeval.redact import visible
from otel_memeval.service.eval_status import Known, View
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


def page(view: View, now_seconds: float) -> bytes:
    """The page at a moment, in seconds since 1970."""
    rows = "\n".join(_row(one) for one in view.evals)
    table = f"{_HEAD}\n{rows}\n</table>" if view.evals else ""
    nothing = "" if view.evals else "<p>Nothing has been measured yet.</p>"
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
<p>{_now(view, now_seconds)}</p>
{nothing}{table}
<p><a href="/metrics">Metrics</a> for Prometheus.</p>
</body>
</html>
""".encode("utf-8", "replace")


_HEAD = """<table>
<tr><th scope="col">Eval</th><th scope="col">Verdict</th><th scope="col">In a sentence</th>
<th scope="col">Last run</th></tr>"""


def _now(view: View, now_seconds: float) -> str:
    every = f"Runs every {format_seconds(view.interval_seconds)}."
    if view.skipped:
        every += f" {view.skipped} turn{'' if view.skipped == 1 else 's'} skipped, because the run before was not over."
    if view.running:
        return f"{every} Now running: {_shown(view.running)}."
    if view.next_run_seconds is None:
        return every
    left = view.next_run_seconds - now_seconds
    when = f"in {format_seconds(left)}" if left >= 1 else "now"
    return f"{every} Next run {when}, {_time(view.next_run_seconds)}."


def _row(one: Known) -> str:
    state = _shown(one.verdict)
    if not one.passed:
        note = "" if one.verdict == "failed" else " (does not pass)"
        state = f'<strong class="failed">{state}{note}</strong>'
    took = f'<span class="small">took {format_seconds(one.duration_seconds)}</span>'
    return (
        f'<tr><td>{_shown(one.label)}<br><span class="small">{_shown(one.key)}</span></td><td class="state">{state}</td>'
        f'<td class="sentence">{_sentences(one.sentences)}</td>'
        f'<td class="time">{_time(one.ended_seconds)}<br>{took}</td></tr>'
    )


def _sentences(sentences: Sequence[str]) -> str:
    return "<br>".join(map(_shown, sentences))


def _shown(text: str) -> str:
    return escape(visible(text))


def _time(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return f'<time datetime="{moment.isoformat(timespec="seconds")}">{moment:%Y-%m-%d %H:%M:%S} UTC</time>'
