"""Answer the pages of the service: metrics, health, overview, evals, reports of runs, and changes as events."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from http import HTTPStatus
from urllib.parse import unquote

import msgspec

from otel_memeval.errors import HistoryError
from otel_memeval.exporters.html.page import html_page, report_policy
from otel_memeval.history.store import RunQuery
from otel_memeval.records import Result, to_json
from otel_memeval.redact import visible
from otel_memeval.run.result import passes
from otel_memeval.service.eval_page import MOST_RUNS, eval_page, run_navigation
from otel_memeval.service.growth_history import GrowthHistory
from otel_memeval.service.history_reader import HistoryReader
from otel_memeval.service.http.request import Page, Request, Response, error_response
from otel_memeval.service.links import Links, key_digest
from otel_memeval.service.metrics_cache import accepts_gzip
from otel_memeval.service.overview_page import overview_page
from otel_memeval.service.page_frame import page_policy
from otel_memeval.service.state import ServiceState
from otel_memeval.verdicts import FAILING_STATES

_RUN_ID = re.compile(r"[^\x00-\x1f]{1,200}")
_NO_HISTORY = "reports of runs need a history: --history"


class PageOptions(msgspec.Struct, frozen=True):
    """Everything that the pages show beside the state."""

    history: HistoryReader | None = None
    links: Links = Links()
    fail_on: Collection[str] = tuple(FAILING_STATES)


def pages(state: ServiceState, options: PageOptions | None = None) -> dict[str, Page]:
    """Return the pages of the service by path; a path that ends with ``/`` is that of all names behind it."""
    given = options or PageOptions()
    growth = None if given.history is None else GrowthHistory(given.history)

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
        revision = state.revision()
        overview, problem = (state.overview, "") if growth is None else growth.complete(state.overview)
        problems = " ".join(filter(None, (state.overdue(), state.mask(visible(problem)))))
        return _html(overview_page(overview, time.time(), problems, has_history=growth is not None, revision=revision))

    def events(_: Request) -> Response:
        return Response("text/event-stream", b"", events=state.revision)

    return {
        "/metrics": metrics,
        "/healthz": healthz,
        "/": root,
        "/evals/": _eval_pages(state, given),
        "/runs/": _run_pages(state, given),
        "/events": events,
    }


def _html(page: bytes) -> Response:
    return Response("text/html; charset=utf-8", page, {"Content-Security-Policy": page_policy()})


def _eval_pages(state: ServiceState, options: PageOptions) -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        revision, digest = state.revision(), request.name.rpartition("-")[2]
        status = next((status for status in state.overview.evals if key_digest(status.key) == digest), None)
        if status is None:
            return error_response(HTTPStatus.NOT_FOUND)
        runs, problem = None, ""
        if options.history is not None:
            query = RunQuery(eval=status.name or status.label)
            try:
                runs = options.history.ask(lambda store: store.runs(query, MOST_RUNS))
            except HistoryError as error:
                problem = state.mask(visible(str(error)))
        return _html(eval_page(status, runs, problem, options.links, revision=revision))

    return page


def _run_pages(state: ServiceState, options: PageOptions) -> Callable[[Request], Response]:
    def page(request: Request) -> Response:
        run_id = unquote(request.name.removesuffix(".json"), errors="replace")
        if options.history is None:
            return error_response(HTTPStatus.NOT_FOUND, reason=_NO_HISTORY)
        if _RUN_ID.fullmatch(run_id) is None:
            return error_response(HTTPStatus.NOT_FOUND)
        try:
            result = options.history.ask(lambda store: store.result(run_id))
        except HistoryError as error:
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, reason=state.mask(visible(str(error))))
        if result is None:
            return error_response(HTTPStatus.NOT_FOUND)
        if request.name.endswith(".json"):
            return Response("application/json", to_json([result]))
        return _report(result, state, options)

    return page


def _report(result: Result, state: ServiceState, options: PageOptions) -> Response:
    """Return the report of a run, without source: the files may have changed since, and the history may be shared."""
    names = (status for status in state.overview.evals if (status.name or status.label) == result.eval.name)
    navigation = run_navigation(result, next(names, None), options.links, passed=passes(result, options.fail_on))
    page = html_page([result], options.fail_on, folder=None, navigation=navigation)
    return Response(
        "text/html; charset=utf-8", page, {"Content-Security-Policy": f"{report_policy()}; frame-ancestors 'none'"}
    )
