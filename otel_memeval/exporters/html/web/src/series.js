/** Series of a result for the charts. Pure. */

/** By the name of a chart: the value of an iteration, the initial reading's value, the kind of number. */
export const CHARTS = {
  retained: { value: (iteration) => iteration.retained_bytes, kind: "bytes" },
  peak: { value: (iteration) => iteration.peak_bytes, kind: "bytes" },
  native: { value: (iteration) => iteration.native_heap_bytes, kind: "bytes" },
  process: { value: (iteration) => iteration.uss_bytes ?? iteration.rss_bytes, kind: "bytes" },
  duration: { value: (iteration) => iteration.duration_seconds, kind: "seconds" },
  cpu: { value: (iteration) => iteration.cpu_seconds, kind: "seconds" },
  tokens: { value: (iteration) => iteration.gen_ai?.input_tokens, kind: "count" },
};

/** Return the points of a result that were read: x is the measured iteration from 1; warm-up ends at 0. */
export function points(result, name) {
  const warmups = result.iterations.filter((iteration) => iteration.phase === "warmup").length;
  return result.iterations
    .map((iteration, place) => ({ x: place + 1 - warmups, y: CHARTS[name].value(iteration) ?? null, ok: iteration.status === "ok" }))
    .filter((point) => Number.isFinite(point.y));
}

/** Return the middle of the numbers. */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/**
 * Return the growth line of measured points, with the ends of its interval: [{x, y, low, high}], or null.
 *
 * The slope is the result's; the line goes through the middle of the points at this slope, as the lines of Theil and Sen do. The
 * two lines of the interval meet at the middle iteration.
 */
export function growthLine(measured, growth) {
  if (!growth || measured.length < 2) return null;
  const slope = growth.bytes_per_iteration;
  const start = median(measured.map((point) => point.y - slope * point.x));
  const [first, last] = [measured[0].x, measured[measured.length - 1].x];
  const middle = (first + last) / 2;
  const at = (x) => ({
    x,
    y: start + slope * x,
    low: start + slope * middle + growth.ci_low * (x - middle),
    high: start + slope * middle + growth.ci_high * (x - middle),
  });
  return [at(first), at(middle), at(last)].map((point) => ({
    ...point,
    low: Math.min(point.low, point.high),
    high: Math.max(point.low, point.high),
  }));
}

/** Return the line that growth at the user's limit would take, from the growth line's first point; null without a limit. */
export function limitLine(line, limit) {
  if (!line || limit === null || limit === undefined) return null;
  const [first, last] = [line[0], line[line.length - 1]];
  return [
    { x: first.x, y: first.y },
    { x: last.x, y: first.y + limit * (last.x - first.x) },
  ];
}

/** Return the tree of stacks for the flame graph, the outermost frame first; null without stacks. */
export function stackTree(stacks) {
  const isPeak = stacks.every((stack) => stack.bytes_per_iteration === undefined);
  const root = { name: isPeak ? "everything that is alive at the peak" : "everything that is kept", value: 0, children: [] };
  for (const stack of stacks) {
    const value = stack.bytes_per_iteration ?? stack.peak_bytes ?? 0;
    if (!(value > 0)) continue;
    root.value += value;
    let node = root;
    for (const frame of [...stack.frames].reverse()) {
      const place = frame.line ? `${frame.file}:${frame.line}` : frame.file;
      const name = `${frame.function || "?"}${place ? ` (${place})` : ""}`;
      let child = node.children.find((each) => each.name === name);
      if (!child) {
        child = { name, value: 0, children: [], native: !/\.pyw?$/.test(frame.file) };
        node.children.push(child);
      }
      child.value += value;
      node = child;
    }
  }
  return root.children.length ? root : null;
}
