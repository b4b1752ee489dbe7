/** Flame graph of what is kept: d3-flame-graph, made usable by keyboard. */

import flamegraph from "d3-flame-graph";
import { select } from "d3-selection";

import { formatBytes } from "./format.js";
import { stackTree } from "./series.js";

/** Shown width of a frame in pixels below which it is left out. */
const LEAST_WIDTH = 1;

/** A page that is narrower is scrolled. */
const LEAST_PIXELS = 240;

/** Height of a frame in pixels. */
const CELL_HEIGHT = 20;

/** Light fills on which black text is readable: Python's frames, C frames, the root. */
const FILLS = { python: ["#ffd9a0", "#ffc98a", "#ffe2b8"], native: ["#bcd8ff", "#a9caf5", "#d2e4ff"], root: "#dddddd" };

/** Draw the flame graph of a result into a figure; the figure stays hidden without stacks that kept something. */
export function drawFlame(figure, runs, space) {
  const result = runs[Number(figure.dataset.run)];
  const tree = stackTree(result.explanation?.stacks ?? []);
  if (!tree) {
    figure.hidden = true;
    return;
  }
  const perIteration = figure.dataset.unit ?? "";
  const box = figure.querySelector(".plot");
  box.replaceChildren();
  const text = (node) => `${node.data.name}: ${formatBytes(node.data.value)}${perIteration}`;
  const readout = figure.querySelector(".readout");
  const chart = flamegraph()
    .width(Math.max(LEAST_PIXELS, space))
    .cellHeight(CELL_HEIGHT)
    .inverted(true)
    .minFrameSize(LEAST_WIDTH)
    .transitionDuration(0)
    .selfValue(false)
    .label(text)
    .setColorMapper((node) => fill(node))
    .onClick(() => makeUsable(box, text, readout));
  select(box).datum(tree).call(chart);
  makeUsable(box, text, readout);
}

function fill(node) {
  if (!node.depth) return FILLS.root;
  const fills = node.data.native ? FILLS.native : FILLS.python;
  return fills[[...node.data.name].reduce((sum, character) => sum + character.charCodeAt(0), 0) % fills.length];
}

/** End the library's transitions at once: a page that is printed or read by keyboard right away shows the final state. */
function finish(box) {
  const frames = select(box).selectAll("g.frame");
  const width = (node, place, nodes) => nodes[place].closest("g.frame").getAttribute("width");
  frames.interrupt();
  frames.select("rect").interrupt().attr("width", width);
  frames.select("foreignObject").attr("width", width).select("div").interrupt().text((node) => node.data.name);
  const depth = Math.max(0, ...frames.data().map((node) => node.depth));
  select(box).select("svg").attr("height", (depth + 1) * CELL_HEIGHT);
}

/** Give each frame a name and a place in the tab order; Enter and blank zoom as a click does. */
function makeUsable(box, text, readout) {
  box.querySelector("svg")?.setAttribute("role", "group");
  box.querySelector("svg")?.setAttribute("aria-label", "Frames, the outermost first; Enter zooms in");
  finish(box);
  select(box).selectAll("g.frame")
    .attr("tabindex", 0)
    .attr("role", "button")
    .attr("aria-label", text)
    .on("focus.usable mouseenter.usable", (_, node) => { readout.textContent = text(node); })
    .on("keydown.usable", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      event.currentTarget.dispatchEvent(new MouseEvent("click", { bubbles: true }));
    });
}
