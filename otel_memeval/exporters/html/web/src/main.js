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
  const boxes = [...document.querySelectorAll(".scroll, pre")];
  const scrolls = boxes.map((box) => !box.clientWidth || box.scrollWidth > box.clientWidth); // all reading before all writing
  boxes.forEach((box, place) => (scrolls[place] ? box.setAttribute("tabindex", "0") : box.removeAttribute("tabindex")));
}

/** Draw figures; their widths are read before the first is drawn, so that the page is laid out once. */
function draw(figures, runs) {
  const widths = figures.map((figure) => figure.querySelector(".plot").clientWidth);
  figures.forEach((figure, place) => (figure.dataset.chart ? drawChart : drawFlame)(figure, runs, widths[place]));
}

/** Pixels around the window in which figures are drawn before the reader comes to them. */
const AROUND = 1000;

function start(runs) {
  const waiting = new Set(document.querySelectorAll("figure.chart"));
  const drawn = new Set();
  function drawNow(figures) {
    for (const figure of figures) {
      waiting.delete(figure);
      drawn.add(figure);
      observer.unobserve(figure);
    }
    draw(figures, runs);
  }
  const observer = new IntersectionObserver(
    (entries) => drawNow(entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target)),
    { rootMargin: `${AROUND}px` },
  );

  document.documentElement.classList.add("scripted");
  skipWhatFits();
  drawNow([...waiting].filter((figure) => figure.getBoundingClientRect().top < window.innerHeight + AROUND));
  for (const figure of waiting) observer.observe(figure);
  for (const group of document.querySelectorAll("[data-per-call]")) makeAdjustable(group);
  for (const table of document.querySelectorAll("table[data-run]")) makeSortable(table, runs);

  let width = window.innerWidth;
  let frame = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      draw([...drawn], runs);
      skipWhatFits();
    });
  });

  window.addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
    drawNow([...waiting]);
  });
}

readResults().then(({ runs }) => start(runs));
