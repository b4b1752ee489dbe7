"""Build queries, overrides, transformations and the four kinds of panel that the dashboards have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

from grafana_foundation_sdk.builders import prometheus, tempo
from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions, VizTooltipOptions
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.statetimeline import Panel as StateTimeline
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as TimeSeries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.prometheus import PromQueryFormat, QueryEditorMode
from grafana_foundation_sdk.models.tempo import SearchTableType

from deploy.grafana.colours import states_mapping
from deploy.grafana.promql import verdict_code

PROMETHEUS = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
TEMPO = common.DataSourceRef(type_val="tempo", uid="${tempo}")

MIN_STEP = "5m"
"""The shortest distance between two points: a gauge changes once per run, and runs are at least minutes apart."""

MAX_SPANS = 200
"""The most spans that a search in Tempo returns."""

Panel = Stat | StateTimeline | Table | TimeSeries
PanelT = TypeVar("PanelT", Stat, StateTimeline, Table, TimeSeries)
Property = tuple[str, object]


class Series(NamedTuple):
    """One query of a panel: its legend, its PromQL, and a fixed colour where it has one."""

    legend: str
    expr: str
    colour: str | None = None
    exemplars: bool = False


class Override(NamedTuple):
    """Properties of the fields that have a name or match a pattern."""

    matcher: dashboard.MatcherConfig
    properties: Sequence[Property]


def named(name: str, *properties: Property) -> Override:
    """Return the override of the field with exactly this name."""
    return Override(dashboard.MatcherConfig(id_val="byName", options=name), properties)


def matching(pattern: str, *properties: Property) -> Override:
    """Return the override of all fields whose name matches a regular expression."""
    return Override(dashboard.MatcherConfig(id_val="byRegexp", options=pattern), properties)


def fixed_colour(colour: str) -> Property:
    """Return the property that gives a field one colour, whatever its value."""
    return ("color", {"mode": "fixed", "fixedColor": colour})


def colour_from_one(colour: str) -> Property:
    """Return the property that gives a number a colour as soon as it is 1 or more."""
    steps = [{"value": None, "color": "transparent"}, {"value": 1, "color": colour}]
    return ("thresholds", {"mode": "absolute", "steps": steps})


def link(title: str, url: str) -> Property:
    """Return the property that puts a link on each value of a field."""
    return ("links", [{"title": title, "url": url}])


def verdict_cell() -> list[Property]:
    """Return the properties of a table cell that shows a verdict on its colour."""
    cell = {"type": "color-background", "mode": "basic"}
    return [("mappings", states_mapping()), ("custom.cellOptions", cell), ("custom.width", 115)]


def range_query(ref: str, expr: str, legend: str) -> prometheus.Dataquery:
    """Return a query over the time range of the dashboard."""
    return _query(ref, expr, PromQueryFormat.TIME_SERIES).legend_format(legend).range().interval(MIN_STEP)


def instant_query(ref: str, expr: str, legend: str) -> prometheus.Dataquery:
    """Return a query for the value at the end of the time range."""
    return _query(ref, expr, PromQueryFormat.TIME_SERIES).legend_format(legend).instant()


def table_query(ref: str, expr: str) -> prometheus.Dataquery:
    """Return an instant query whose labels become columns."""
    return _query(ref, expr, PromQueryFormat.TABLE).legend_format("__auto").instant()


def _query(ref: str, expr: str, form: PromQueryFormat) -> prometheus.Dataquery:
    query = prometheus.Dataquery().ref_id(ref).expr(expr).datasource(PROMETHEUS)
    return query.editor_mode(QueryEditorMode.CODE).format(form)


def transformation(
    name: str, options: Mapping[str, object] | None = None, only_query: str | None = None
) -> dashboard.DataTransformerConfig:
    """Return a step between the queries and the panel; ``only_query`` limits it to the frames of one query."""
    only = None if only_query is None else dashboard.MatcherConfig(id_val="byRefId", options=only_query)
    return dashboard.DataTransformerConfig(id_val=name, filter_val=only, options=dict(options or {}))


def columns(names: Mapping[str, str], hidden: Sequence[str]) -> dashboard.DataTransformerConfig:
    """Return the step that orders and renames columns: ``names`` maps a field to its heading."""
    order = {name: position for position, name in enumerate(names)}
    options = {"excludeByName": dict.fromkeys(hidden, True), "indexByName": order, "renameByName": dict(names)}
    return transformation("organize", options)


def largest_first(field: str) -> dashboard.DataTransformerConfig:
    """Return the step that sorts the rows of a table by a field."""
    return transformation("sortBy", {"sort": [{"field": field, "desc": True}]})


def stat(
    title: str,
    description: str,
    unit: str,
    shown: Mapping[str, Series],
    overrides: Sequence[Override] = (),
    *,
    width: int,
    on_colour: bool = False,
) -> Stat:
    """Return a panel of numbers as they are now, one for each series in ``shown``, by the id of its query.

    With ``on_colour`` the background has a colour: that of the verdict, or the series' own from the value 1 on.
    """
    panel = _placed(Stat(), title, description, unit, width, 4)
    panel = panel.reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    panel = panel.graph_mode(common.BigValueGraphMode.NONE)
    mode = common.BigValueColorMode
    panel = panel.color_mode(mode.BACKGROUND_SOLID if on_colour else mode.NONE)
    for ref, series in shown.items():
        panel = panel.with_target(instant_query(ref, series.expr, series.legend))
    coloured = [named(series.legend, colour_from_one(series.colour)) for series in shown.values() if series.colour]
    return _overridden(panel, [*coloured, *overrides])


def table(
    title: str,
    description: str,
    unit: str,
    queries: Sequence[prometheus.Dataquery | tempo.Dataquery],
    steps: Sequence[dashboard.DataTransformerConfig],
    overrides: Sequence[Override],
    *,
    width: int,
    height: int,
) -> Table:
    """Return a table of the queries' rows after the transformations in ``steps``."""
    panel = _placed(Table(), title, description, unit, width, height).cell_height(common.TableCellHeight.SM)
    for query in queries:
        panel = panel.with_target(query)
    for step in steps:
        panel = panel.with_transformation(step)
    return _overridden(panel, overrides)


def span_table(title: str, description: str, query: str) -> Table:
    """Return a table of the spans that a TraceQL query finds, one row a span; attributes of memory are in bytes."""
    search = tempo.Dataquery().ref_id("A").query_type("traceql").query(query).limit(MAX_SPANS).spss(MAX_SPANS)
    search = search.table_type(SearchTableType.SPANS).datasource(TEMPO)
    in_bytes = matching(r"memeval\.(retained.*|tracemalloc.*|rss|growth.*)", ("unit", "bytes"))
    return table(title, description, "none", [search], [], [in_bytes], width=24, height=9).datasource(TEMPO)


def time_series(
    title: str,
    description: str,
    unit: str,
    shown: Mapping[str, Series],
    overrides: Sequence[Override] = (),
    *,
    width: int = 12,
) -> TimeSeries:
    """Return a graph of the series in ``shown``, by the id of their query, drawn as steps: a gauge changes once per run."""
    panel = _placed(TimeSeries(), title, description, unit, width, 9)
    for ref, series in shown.items():
        query = range_query(ref, series.expr, series.legend)
        panel = panel.with_target(query.exemplar(True) if series.exemplars else query)
    legend = VizLegendOptions().show_legend(True).display_mode(common.LegendDisplayMode.TABLE)
    panel = (
        panel.line_interpolation(common.LineInterpolation.STEP_AFTER)
        .show_points(common.VisibilityMode.NEVER)
        .line_width(2)
        .fill_opacity(0)
        .axis_soft_min(0)
        .legend(legend.placement(common.LegendPlacement.BOTTOM).calcs(["lastNotNull", "max"]))
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI).sort(common.SortOrder.DESCENDING))
    )
    coloured = [named(series.legend, fixed_colour(series.colour)) for series in shown.values() if series.colour]
    return _overridden(panel, [*coloured, *overrides])


def verdict_timeline(
    title: str, description: str, legend: str, overrides: Sequence[Override] = (), *, width: int, height: int
) -> StateTimeline:
    """Return a bar for each eval that shows its verdict over time."""
    panel = (
        _placed(StateTimeline(), title, description, "none", width, height)
        .mappings(states_mapping())
        .show_value(common.VisibilityMode.AUTO)
        .merge_values(True)
        .fill_opacity(90)
        .line_width(0)
        .row_height(0.8)
        .with_target(range_query("A", verdict_code(), legend))
    )
    return _overridden(panel, overrides)


def _placed(panel: PanelT, title: str, description: str, unit: str, width: int, height: int) -> PanelT:
    panel = panel.title(title).description(description).datasource(PROMETHEUS)
    return panel.unit(unit).span(width).height(height)


def _overridden(panel: PanelT, overrides: Sequence[Override]) -> PanelT:
    for matcher, properties in overrides:
        values = [dashboard.DynamicConfigValue(id_val=name, value=value) for name, value in properties]
        panel = panel.with_override(matcher, values)
    return panel
