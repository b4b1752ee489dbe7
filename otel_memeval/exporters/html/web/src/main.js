/** The page of results: draws charts over the tables that are there without JavaScript. */

import { drawChart } from "./chart.js";
import { drawFlame } from "./flame.js";
import { makeAdjustable } from "./rate.js";
import { makeSortable } from "./tables.js";

/** Return the results: JSON, or for long runs JSON that is compressed. */
async function readResults() {
  const element = document.getElementById("results");
  if (element.type === "application/json") return JSON.parse(element.textContent);
  const bytes = Uint8Array.from(atob(element.textContent), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}

/** Take tables and sources that fit their width out of the tab order: there is nothing to scroll. */
function skipWhatFits() {
  for (const box of document.querySelectorAll(".scroll, pre")) {
    if (box.clientWidth && box.scrollWidth <= box.clientWidth) box.removeAttribute("tabindex");
    else box.tabIndex = 0;
  }
}

function start(runs) {
  function drawAll() {
    for (const figure of document.querySelectorAll("figure[data-chart]")) drawChart(figure, runs);
    for (const figure of document.querySelectorAll("figure[data-flame]")) drawFlame(figure, runs);
    skipWhatFits();
  }

  document.documentElement.classList.add("scripted");
  drawAll();
  for (const group of document.querySelectorAll("[data-per-call]")) makeAdjustable(group);
  for (const table of document.querySelectorAll("table[data-run]")) makeSortable(table, runs);

  let width = window.innerWidth;
  let waiting = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawAll);
  });

  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
}

readResults().then(({ runs }) => start(runs));
