/** Line charts of a result, drawn with d3 as SVG. */

import { extent } from "d3-array";
import { axisBottom, axisLeft } from "d3-axis";
import { scaleLinear } from "d3-scale";
import { select } from "d3-selection";
import { area, line } from "d3-shape";

import { formatBytes, formatNumber, formatSeconds } from "./format.js";
import { CHARTS, growthLine, limitLine, points } from "./series.js";

const FORMATS = { bytes: formatBytes, seconds: formatSeconds, count: formatNumber };

/** A page that is narrower is scrolled. */
const LEAST_PIXELS = 240;

/** More points than this are a line without dots. */
const MOST_DOTS = 120;

/** A series that does not grow is shown with at least this share of its height, so that noise is not a mountain. */
const LEAST_SHARE = 0.05;

/** Draw the chart that a figure asks for, as wide as it may be. */
export function drawChart(figure, runs, space) {
  const name = figure.dataset.chart;
  const result = runs[Number(figure.dataset.run)];
  const earlier = (figure.dataset.earlier ?? "").split(" ").filter(Boolean).map((index) => runs[Number(index)]);
  const isMain = figure.classList.contains("main");
  const all = points(result, name);
  const measured = all.filter((point) => point.x > 0);
  const growth = result.growth[name];
  const fitted = isMain || figure.dataset.grows ? growthLine(measured, growth) : null;
  const limits = { retained: result.eval.limits.max_growth_bytes, peak: result.eval.limits.max_peak_growth_bytes };
  const limit = limitLine(fitted ?? growthLine(measured, growth), limits[name]);
  const before = earlier.map((other) => points(other, name));
  const box = figure.querySelector(".plot");
  box.replaceChildren();
  if (!all.length) return;
  const format = FORMATS[CHARTS[name].kind];
  const width = Math.max(LEAST_PIXELS, space);
  const height = isMain ? Math.max(190, Math.min(300, width * 0.45)) : 120;
  const margin = { top: 10, right: 20, bottom: isMain ? 36 : 22, left: isMain ? 74 : 66 };

  const series = [all, ...before, fitted ?? [], limit ?? []].flat();
  const xs = extent([...all, ...before.flat()], (point) => point.x);
  const x = scaleLinear(xs[0] === xs[1] ? [xs[0] - 1, xs[1] + 1] : xs, [margin.left, width - margin.right]);
  const y = scaleLinear(heightRange(series, Boolean(figure.dataset.grows), CHARTS[name].kind), [height - margin.bottom, margin.top]);

  const svg = select(box)
    .append("svg")
    .attr("viewBox", `0 0 ${width} ${height}`)
    .attr("width", width)
    .attr("height", height)
    .attr("role", "img")
    .attr("aria-labelledby", figure.querySelector("figcaption").id);
  if (xs[0] <= 0) {
    const end = Math.min(x(0.5), x.range()[1]);
    svg.append("rect").attr("class", "warmup").attr("x", margin.left).attr("width", Math.max(0, end - margin.left))
      .attr("y", margin.top).attr("height", height - margin.top - margin.bottom);
  }
  drawAxes(svg, { x, y, width, height, margin, isMain, kind: CHARTS[name].kind, format });
  const path = line((point) => x(point.x), (point) => y(point.y));
  if (fitted) {
    svg.append("path").attr("class", "interval").attr("d", area((p) => x(p.x), (p) => y(p.low), (p) => y(p.high))(fitted));
    svg.append("path").attr("class", "growth").attr("d", path(fitted));
  }
  if (limit) svg.append("path").attr("class", "limit").attr("d", path(limit));
  for (const other of before) svg.append("path").attr("class", "earlier").attr("d", path(other));
  svg.append("path").attr("class", "values").attr("d", path(all));
  svg.append("g").attr("class", "dots").selectAll("circle")
    .data(all.length <= MOST_DOTS ? all : all.filter((point) => !point.ok))
    .join("circle")
    .attr("class", (point) => (point.ok ? "" : "error"))
    .attr("cx", (point) => x(point.x)).attr("cy", (point) => y(point.y)).attr("r", isMain ? 3 : 2)
    .append("title").text((point) => `${iterationName(point)}: ${format(point.y)}${point.ok ? "" : ", failed"}`);
  if (isMain) followPointer(svg, figure, { x, y, all, before, format });
}

/** Return the lowest and the highest value, with a margin; only bytes that grow are stretched to the height of the chart. */
function heightRange(series, grows, kind) {
  const values = series.flatMap((point) => [point.y, point.low, point.high]).filter((value) => Number.isFinite(value));
  let [low, high] = extent(values);
  if (kind !== "bytes") return [Math.min(0, low), Math.max(high, 0) * 1.05 || 1];
  const least = grows ? Math.abs(high) * 1e-4 : Math.abs(high) * LEAST_SHARE;
  const missing = Math.max(0, (least || 1) - (high - low)) / 2;
  const pad = (high - low) * 0.05 + missing;
  return [low >= 0 ? Math.max(0, low - pad) : low - pad, high + pad];
}

function iterationName(point) {
  return point.x > 0 ? `iteration ${point.x}` : "warm-up";
}

function drawAxes(svg, { x, y, width, height, margin, isMain, kind, format }) {
  const ticks = Math.max(2, Math.floor(width / 90));
  const numbers = x.ticks(ticks).filter((tick) => Number.isInteger(tick) && tick > 0);
  svg.append("g").attr("class", "axis").attr("transform", `translate(0,${height - margin.bottom})`)
    .call(axisBottom(x).tickValues(numbers).tickFormat((tick) => tick.toLocaleString("en")).tickSizeOuter(0));
  const values = kind === "bytes" ? byteTicks(y.domain(), isMain ? 5 : 3) : y.ticks(isMain ? 5 : 3);
  svg.append("g").attr("class", "axis lines").attr("transform", `translate(${margin.left},0)`)
    .call(axisLeft(y).tickValues(values).tickFormat(tickText(values, kind, format)).tickSizeInner(-(width - margin.left - margin.right)).tickSizeOuter(0));
  if (isMain) {
    svg.append("text").attr("class", "label").attr("x", width - margin.right).attr("y", height - 4)
      .attr("text-anchor", "end").text("measured iteration");
  }
}

/** Return round numbers of bytes in the unit of the larger end. */
function byteTicks([low, high], count) {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, Math.abs(high))) / 10));
  return scaleLinear([low / unit, high / unit], [0, 1]).ticks(count).map((tick) => tick * unit);
}

/** Return a function that writes ticks, with as many digits as tell two of them apart. */
function tickText(values, kind, format) {
  if (kind !== "bytes" || values.length < 2) return format;
  const power = Math.max(0, Math.floor(Math.log2(Math.max(1, ...values.map(Math.abs))) / 10));
  const [unit, name] = [1024 ** power, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"][power] ?? "B"];
  const step = (values[1] - values[0]) / unit;
  const digits = Math.min(6, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return (value) => `${(value / unit).toFixed(digits)} ${name}`;
}

/** Show the values of the iteration that is nearest to the pointer. */
function followPointer(svg, figure, { x, y, all, before, format }) {
  const readout = figure.querySelector(".readout");
  const rest = readout.textContent;
  const mark = svg.append("circle").attr("class", "mark").attr("r", 5).attr("visibility", "hidden");
  svg.on("pointermove", (event) => {
    const place = x.invert(event.offsetX);
    const nearest = all.reduce((best, point) => (Math.abs(point.x - place) < Math.abs(best.x - place) ? point : best));
    mark.attr("visibility", "visible").attr("cx", x(nearest.x)).attr("cy", y(nearest.y));
    const others = before.map((other) => other.find((point) => point.x === nearest.x)).filter(Boolean);
    const texts = [format(nearest.y), ...others.map((point) => `earlier run ${format(point.y)}`)];
    readout.textContent = `${iterationName(nearest)}: ${texts.join(", ")}`;
  });
  svg.on("pointerleave", () => {
    mark.attr("visibility", "hidden");
    readout.textContent = rest;
  });
}
