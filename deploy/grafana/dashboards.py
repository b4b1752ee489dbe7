"""Build the two dashboards: variables, links and annotations around their panels. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard

from deploy.grafana.builders import MIN_STEP, PROMETHEUS, Panel
from deploy.grafana.colours import BLUE, VERMILION
from deploy.grafana.eval_panels import eval_panels, model_panels, trace_panels
from deploy.grafana.overview_panels import EVAL_UID, overview_panels
from deploy.grafana.promql import firing_alerts, new_revision
from deploy.grafana.shipped_rules import runbook_url
from otel_memeval import telemetry

OVERVIEW_UID = "memeval-overview"
PROMETHEUS_UID, TEMPO_UID = "memeval-prometheus", "memeval-tempo"
FOLDER = "Memory evals"


def overview() -> dashboard.Dashboard:
    """Return the dashboard of all evals on one page, the worst first."""
    board = _dashboard(
        "Memory evals: overview",
        OVERVIEW_UID,
        "Which agents leak or need more memory with every turn: since when, on which line, in which container, and what "
        "changed.",
    )
    for variable in _variables(one_eval=False):
        board = board.with_variable(variable)
    board = board.annotation(_alerts()).link(_runbook())
    for panel in overview_panels():
        board = board.with_panel(panel)
    return _numbered(board.build())


def one_eval() -> dashboard.Dashboard:
    """Return the dashboard of one eval, from its verdict down to single iterations."""
    board = _dashboard(
        "Memory evals: one eval",
        EVAL_UID,
        "The last run of one eval: growth per iteration, lines and containers; and the history of its runs.",
    )
    for variable in _variables(one_eval=True):
        board = board.with_variable(variable)
    board = board.with_variable(_data_source("tempo", "Tempo", "tempo", "memeval Tempo", TEMPO_UID))
    board = board.annotation(_alerts()).annotation(_revisions())
    all_evals = build.DashboardLink("All evals").type(dashboard.DashboardLinkType.LINK).icon("dashboard").keep_time(True)
    board = board.link(all_evals.url(f"/d/{OVERVIEW_UID}?${{datasource:queryparam}}&${{job:queryparam}}")).link(_runbook())
    for panel in eval_panels():
        board = board.with_panel(panel)
    board = board.with_row(_row("Models and tools (runs with --trace-scenario)", model_panels()))
    board = board.with_row(_row("Traces of runs and iterations (Tempo)", trace_panels()))
    return _numbered(board.build())


def _dashboard(title: str, uid: str, description: str) -> build.Dashboard:
    """Return a dashboard without panels, over the last week, refreshed every five minutes."""
    return (
        build.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["memeval"])
        .time("now-7d", "now")
        .timezone("browser")
        .refresh("5m")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .editable()
    )


def _row(title: str, panels: Sequence[Panel]) -> build.Row:
    row = build.Row(title).collapsed(True)
    for panel in panels:
        row = row.with_panel(panel)
    return row


def _numbered(board: dashboard.Dashboard) -> dashboard.Dashboard:
    """Give the panels ids from 1 in their order, those within rows last: links and alerts name panels by this id."""
    tops = board.panels or []
    within = [panel for row in tops if isinstance(row, dashboard.RowPanel) for panel in row.panels]
    for number, panel in enumerate([*tops, *within], 1):
        panel.id_val = number
    return board


def _variables(*, one_eval: bool) -> list[build.DatasourceVariable | build.QueryVariable]:
    """Return the choices at the top of a dashboard: data source, job, and one eval or several."""
    present = telemetry.LAST_RUN.name
    job = _label_values("job", "Job", present)
    name = _label_values("eval", "Eval", present + "{job=~`${job:regex}`}")
    name = name.multi(False).include_all(False) if one_eval else _several(name)
    return [
        _data_source("datasource", "Prometheus", "prometheus", "memeval Prometheus", PROMETHEUS_UID),
        _several(job),
        name,
    ]


def _data_source(name: str, label: str, kind: str, chosen: str, uid: str) -> build.DatasourceVariable:
    variable = build.DatasourceVariable(name).label(label).type(kind)
    return variable.current(dashboard.VariableOption(selected=True, text=chosen, value=uid))


def _several(variable: build.QueryVariable) -> build.QueryVariable:
    """Let several values be chosen; at first all are."""
    everything = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).all_value(".*").current(everything)


def _label_values(label: str, shown: str, series_selector: str) -> build.QueryVariable:
    text = f"label_values({series_selector}, {label})"
    query: dict[str, object] = {"qryType": 1, "query": text, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    return (
        build.QueryVariable(label)
        .label(shown)
        .datasource(PROMETHEUS)
        .query(query)
        .definition(text)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def _runbook() -> build.DashboardLink:
    link = build.DashboardLink("Runbook").type(dashboard.DashboardLinkType.LINK).icon("doc").target_blank(True)
    return link.url(runbook_url())


def _alerts() -> build.AnnotationQuery:
    """Mark the times in which an alert of the shipped rules fires for the chosen evals."""
    text = "{{eval}} ({{severity}})"
    return _annotation("Alerts", firing_alerts(), VERMILION, title="{{alertname}}", text=text, tags="severity")


def _revisions() -> build.AnnotationQuery:
    """Mark the first run of each revision."""
    text = "{{eval}} at a new revision"
    return _annotation("Revisions", new_revision(), BLUE, title="{{revision}}", text=text, tags="")


def _annotation(name: str, expr: str, colour: str, *, title: str, text: str, tags: str) -> build.AnnotationQuery:
    """Return marks on every graph; a mark lasts as long as the query returns its series."""
    target = prometheus.Dataquery().ref_id("Anno").expr(expr).range().interval(MIN_STEP).datasource(PROMETHEUS)
    return (
        build.AnnotationQuery()
        .name(name)
        .datasource(PROMETHEUS)
        .enable(True)
        .icon_color(colour)
        .target(target)
        .title_format(title)
        .text_format(text)
        .tag_keys(tags)
    )
