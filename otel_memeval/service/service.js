"use strict";
const shown = () => document.querySelector("main");
async function update() {
  const answer = await fetch(location.href, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  if (!main || main.outerHTML === shown().outerHTML) return;
  const focused = document.activeElement?.getAttribute("href");
  shown().replaceWith(main);
  document.title = page.title;
  if (focused) main.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}
const tryUpdate = () => update().catch(() => {});
setInterval(tryUpdate, 30000);
new EventSource("/events").onmessage = (event) => {
  if (event.data !== shown().dataset.revision) tryUpdate();
};
