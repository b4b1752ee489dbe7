/** Growth over time at a rate of calls that the reader sets. */

import { formatBytes, formatNumber } from "./format.js";

const HOURS_OF_A_DAY = 24;

/** Let the field of calls an hour change each text of growth a day beside it. */
export function makeAdjustable(group) {
  const field = group.querySelector("input");
  const fixed = group.querySelector(".fixed");
  const output = group.querySelector("output");
  fixed.hidden = true;
  field.closest("label").hidden = false;
  field.addEventListener("input", () => {
    const calls = Number(field.value);
    if (!(calls >= 0)) return;
    const perDay = Number(group.dataset.perCall) * calls * HOURS_OF_A_DAY;
    output.textContent = group.dataset.kind === "bytes" ? formatBytes(perDay) : `${formatNumber(perDay)} ${group.dataset.kind}`;
  });
}
