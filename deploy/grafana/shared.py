"""What both dashboards are made of: data sources, variables, colours, queries, panels. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode

from deploy.grafana.promql import CODES, selector
from otel_memeval import telemetry

OVERVIEW_UID, EVAL_UID = "memeval-overview", "memeval-eval"
PROMETHEUS_UID, TEMPO_UID = "memeval-prometheus", "memeval-tempo"
FOLDER = "Memory evals"

PROMETHEUS = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
TEMPO = common.DataSourceRef(type_val="tempo", uid="${tempo}")

STEP = "5m"
"""The least distance of two points: a gauge changes once a run."""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE, GREY = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
)  # fmt: skip
"""Okabe and Ito's palette, which holds for the colour-blind (https://jfly.uni-koeln.de/color/), and a grey."""

WINE = "#882255"
"""Of Tol's muted palette: a leak, and not the same one."""

STATE_COLOURS = {
    "leaking": VERMILION, "native-leak": WINE, "failed": PURPLE, "idle": YELLOW, "creeping": ORANGE,
    "inconclusive": GREY, "bounded": SKY, "settling": BLUE, "stable": GREEN,
}  # fmt: skip

KIND_COLOURS = {"retained": VERMILION, "peak": ORANGE, "native": WINE, "process": SKY}

Property = tuple[str, object]


def states_mapping() -> list[dashboard.ValueMapping]:
    """From a verdict's code to its word and colour."""
    options = {
        str(code): dashboard.ValueMappingResult(text=state, color=STATE_COLOURS[state], index=-code)
        for state, code in CODES.items()
    }
    return [dashboard.ValueMap(options=options)]


def fixed_colour(colour: str) -> Property:
    """An override's property: this colour, whatever the value."""
    return ("color", {"mode": "fixed", "fixedColor": colour})


def properties(given: Sequence[Property]) -> list[dashboard.DynamicConfigValue]:
    """As the SDK has them."""
    return [dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in given]


def link(title: str, url: str) -> Property:
    """An override's property: a link on each value."""
    return ("links", [{"title": title, "url": url}])


def eval_url(job: str, name: str) -> str:
    """The dashboard of one eval; ``job`` and ``name`` are what Grafana fills in."""
    chosen = f"var-job=${{{job}:percentencode}}&var-eval=${{{name}:percentencode}}"
    return f"/d/{EVAL_UID}?${{datasource:queryparam}}&{chosen}&${{__url_time_range}}"


LABELLED_EVAL = eval_url("__field.labels.job", "__field.labels.eval")


def query(
    ref: str, expr: str, *, legend: str = "__auto", instant: bool = False, table: bool = False
) -> prometheus.Dataquery:
    """A query; ``instant`` for the value now, ``table`` for labels as columns."""
    made = prometheus.Dataquery().ref_id(ref).expr(expr).legend_format(legend).datasource(PROMETHEUS)
    made = made.editor_mode(QueryEditorMode.CODE).format(PromQueryFormat.TABLE if table else PromQueryFormat.TIME_SERIES)
    return made.instant() if instant else made.range().interval(STEP)


def transformation(
    name: str, options: Mapping[str, object] | None = None, only_query: str | None = None
) -> dashboard.DataTransformerConfig:
    """A step between the queries and the panel; ``only_query``: of this query's frames alone."""
    only = None if only_query is None else dashboard.MatcherConfig(id_val="byRefId", options=only_query)
    return dashboard.DataTransformerConfig(id_val=name, filter_val=only, options=dict(options or {}))


def columns(names: Mapping[str, str], hidden: Sequence[str] = ()) -> dashboard.DataTransformerConfig:
    """The columns of a table in this order, by what they are to be called."""
    order = {name: place for place, name in enumerate(names)}
    return transformation(
        "organize",
        {"excludeByName": dict.fromkeys(hidden, True), "indexByName": order, "renameByName": dict(names)},
    )


def stat(title: str, description: str, unit: str, *, width: int, height: int = 4) -> Stat:
    """A number, as it is now."""
    return (
        Stat()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .graph_mode(common.BigValueGraphMode.NONE)
        .color_mode(common.BigValueColorMode.NONE)
    )


def table(title: str, description: str, unit: str, *, width: int, height: int) -> Table:
    """Rows of what is now."""
    return (
        Table()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .cell_height(common.TableCellHeight.SM)
    )


def series(title: str, description: str, unit: str, *, width: int, height: int = 9) -> TimeSeries:
    """Gauges over time, as steps: between two runs nothing was measured."""
    legend = VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    return (
        TimeSeries()
        .title(title)
        .description(description)
        .datasource(PROMETHEUS)
        .unit(unit)
        .span(width)
        .height(height)
        .line_interpolation(common.LineInterpolation.STEP_AFTER)
        .show_points(common.VisibilityMode.NEVER)
        .line_width(2)
        .fill_opacity(0)
        .axis_soft_min(0)
        .legend(legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"]))
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )


def eval_variables(*, one_eval: bool) -> list[build.DatasourceVariable | build.QueryVariable]:
    """What is chosen at the top: where the gauges are, of which job, which evals."""
    present = telemetry.LAST_RUN.name
    source = build.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
    source = source.current(dashboard.VariableOption(selected=True, text="memeval Prometheus", value=PROMETHEUS_UID))
    job = _label_values("job", "Job", present).multi(True).include_all(True).all_value(".*").current(_all())
    name = _label_values("eval", "Eval", present + "{job=~`${job:regex}`}")
    if one_eval:
        name = name.multi(False).include_all(False)
    else:
        name = name.multi(True).include_all(True).all_value(".*").current(_all())
    return [source, job, name]


def _all() -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])


def _label_values(label: str, shown: str, series_selector: str) -> build.QueryVariable:
    text = f"label_values({series_selector}, {label})"
    asked = {"qryType": 1, "query": text, "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    return (
        build.QueryVariable(label)
        .label(shown)
        .datasource(PROMETHEUS)
        .query(dict[str, object](asked))
        .definition(text)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    )


def new_dashboard(title: str, uid: str, description: str) -> build.Dashboard:
    """Without panels: a week, looked at anew every five minutes."""
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


def numbered(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """With the ids that links and alerts name panels by: from 1 in their order, those within rows last."""
    tops = made.panels or []
    within = [panel for row in tops if isinstance(row, dashboard.RowPanel) for panel in row.panels]
    for number, panel in enumerate([*tops, *within], 1):
        panel.id_val = number
    return made


def annotation(name: str, expr: str, colour: str, *, title: str, text: str, tags: str) -> build.AnnotationQuery:
    """Marks on every graph, from a query whose series are there for as long as the mark is."""
    target = prometheus.Dataquery().ref_id("Anno").expr(expr).range().interval(STEP).datasource(PROMETHEUS)
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


def firing_alerts() -> build.AnnotationQuery:
    """Marks for as long as an alert of the shipped rules fires, of the chosen evals."""
    firing = selector("ALERTS", 'alertname=~"Memeval.*", alertstate="firing"')
    return annotation(
        "Alerts",
        f"max by (alertname, severity, eval) ({firing})",
        VERMILION,
        title="{{alertname}}",
        text="{{eval}} ({{severity}})",
        tags="severity",
    )
