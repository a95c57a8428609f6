// Tables: each scrolls by itself where the page is narrow, and can be saved as CSV.

import { el, scroller } from "./dom.js";
import { csvButton } from "./download.js";

/**
 * A table. `head` and rows hold cells: text, a node, or [content, properties]. Saved as CSV it is as shown, or as `rows()`
 * of `properties.csv` says.
 */
export function table(caption, head, rows, { csv, ...properties } = {}) {
  const cell = (tag, given, extra) =>
    Array.isArray(given) ? el(tag, { ...extra, ...given[1] }, given[0]) : el(tag, extra, given);
  return framed(
    caption,
    el(
      "table",
      properties,
      el("caption", { class: "hidden" }, caption),
      el("thead", null, el("tr", null, head.map((given) => cell("th", given, { scope: "col" })))),
      el(
        "tbody",
        null,
        rows.map((row) =>
          el("tr", null, row.map((given, i) => (i ? cell("td", given) : cell("th", given, { scope: "row" })))),
        ),
      ),
    ),
    csv,
  );
}

/** A table that is made already, with the same box and button. */
export function framed(caption, node, csv) {
  return el("div", { class: "tabled" }, scroller(caption, node), el("p", { class: "saves" }, csvButton(caption, node, csv)));
}
