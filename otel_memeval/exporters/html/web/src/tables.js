/** Tables of iterations that are sorted by a click on a heading. */

const VALUES = {
  index: (iteration, place) => place,
  duration: (iteration) => iteration.duration_seconds,
  retained: (iteration) => iteration.retained_bytes,
  change: (iteration, place, iterations) => iteration.retained_bytes - iterations[place - 1]?.retained_bytes,
  peak: (iteration) => iteration.peak_bytes,
  native: (iteration) => iteration.native_heap_bytes,
  process: (iteration) => iteration.uss_bytes ?? iteration.rss_bytes,
};

/** Put a button into each heading; rows without a value stay at the end. */
export function makeSortable(table, runs) {
  const { iterations } = runs[Number(table.dataset.run)];
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => ({ row, place }));
  for (const heading of table.tHead.rows[0].cells) {
    const value = VALUES[heading.dataset.key];
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const keyed = rows.map((each) => ({ ...each, key: value(iterations[each.place], each.place, iterations) ?? NaN }));
      keyed.sort((a, b) => {
        if (Number.isNaN(a.key) || Number.isNaN(b.key)) return Number.isNaN(a.key) - Number.isNaN(b.key);
        return (descending ? b.key - a.key : a.key - b.key) || a.place - b.place;
      });
      body.append(...keyed.map((each) => each.row));
    });
  }
}
