"""Frame of the service's pages: the look of the report, a script that brings changes, and a policy that allows no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

from otel_memeval.exporters.html.markup import Html, join, tag
from otel_memeval.exporters.html.page import content_policy, read_style
from otel_memeval.units import format_bytes

REFRESH_SECONDS = 30
"""A page without JavaScript is loaded again this often; a run takes seconds to minutes. The script asks as often."""

_WIDTH, _HEIGHT, _MARGIN = 160, 36, 4
"""Size of a small curve, in pixels."""


@cache
def _style_and_script() -> tuple[str, str]:
    folder = Path(__file__).parent
    own = [(folder / f"service.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")]
    return read_style() + own[0], own[1]


def page_policy() -> str:
    """Return the content security policy of a page: its style, its script, and requests to this server."""
    return f"{content_policy(*_style_and_script())}; connect-src 'self'; frame-ancestors 'none'"


def framed(title: str, content: Html, revision: str) -> bytes:
    """Return a page. ``revision``: that of the state, by which the script knows whether the page is up to date."""
    style, script = _style_and_script()
    head = [
        Html('<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        Html('<meta name="color-scheme" content="light dark">\n<link rel="icon" href="data:,">'),
        Html(f'<noscript><meta http-equiv="refresh" content="{REFRESH_SECONDS}"></noscript>'),
        Html(f"<style>{style}</style>"),
    ]
    main = tag("main", content, data_revision=revision)
    footer = tag("footer", tag("p", Html('<a href="/metrics">Metrics</a> for Prometheus'), class_="small"))
    body = tag("body", main, footer, Html(f"<script>{script}</script>"))
    page = f'<!DOCTYPE html>\n<html lang="en">\n{tag("head", join(head, chr(10)))}\n{body}\n</html>\n'
    return page.encode("utf-8", "replace")


def time_text(seconds: float) -> Html:
    """Return a moment (since 1970), in UTC."""
    moment = datetime.fromtimestamp(seconds, timezone.utc)
    return tag("time", f"{moment:%Y-%m-%d %H:%M:%S} UTC", datetime=moment.isoformat(timespec="seconds"))


def growth_curve(values: Sequence[float | None]) -> Html:
    """Return the growth of runs, the newest last, as a small curve with its last value; nothing without two values."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    if not known:
        return Html()
    last = f"{format_bytes(known[-1][1], signed=True)} per iteration"
    text = tag("span", last, class_="block small growth-text")
    if len(known) == 1:
        return text
    first = known[0][0]
    least, most = min(0.0, *(value for _, value in known)), max(0.0, *(value for _, value in known))
    across = (_WIDTH - 2 * _MARGIN) / max(1, len(values) - 1 - first)
    up = (_HEIGHT - 2 * _MARGIN) / ((most - least) or 1.0)
    points = [(_MARGIN + (place - first) * across, _HEIGHT - _MARGIN - (value - least) * up) for place, value in known]
    zero = f"{_HEIGHT - _MARGIN + least * up:.1f}"
    label = f"Growth of the last {len(known)} runs, the last one {last}"
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return join(
        [
            Html(
                f'<svg class="spark" viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
                f'aria-label="{label}"><line x1="0" x2="{_WIDTH}" y1="{zero}" y2="{zero}"/><polyline points="{line}"/>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/></svg>'
            ),
            text,
        ]
    )
