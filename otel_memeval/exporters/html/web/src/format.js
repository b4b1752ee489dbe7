/** Text of numbers, as otel_memeval/units.py writes them. */

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** Return a number of bytes as text: 1536 as "1.50 KiB". */
export function formatBytes(count, signed = false) {
  const sign = count < 0 ? "-" : signed && count > 0 ? "+" : "";
  let size = Math.abs(count);
  if (size < 1023.5) {
    return `${sign}${size >= 9.95 || Number.isInteger(size) ? size.toFixed(0) : size.toFixed(1)} B`;
  }
  let unit = "";
  for (unit of UNITS) {
    size /= 1024;
    if (size < 1023.5) break;
  }
  return `${sign}${size.toFixed(size < 9.995 ? 2 : size < 99.95 ? 1 : 0)} ${unit}`;
}

/** Return a duration as text: 0.0123 as "12.3 ms". */
export function formatSeconds(seconds) {
  if (seconds < 0.9995e-3) return `${(seconds * 1e6).toFixed(0)} µs`;
  if (seconds < 0.9995) return `${(seconds * 1e3).toFixed(seconds < 0.09995 ? 1 : 0)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(seconds < 9.995 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  return whole < 3600
    ? `${Math.floor(whole / 60)} min ${whole % 60} s`
    : `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** Return a plain number as text. */
export function formatNumber(number) {
  return number.toLocaleString("en", { maximumFractionDigits: 2 });
}
