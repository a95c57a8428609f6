// Files that the reader saves: tables as CSV, charts as SVG, decisions as YAML. Nothing is asked for: the page makes them.

import { el } from "./dom.js";

/** Save a text under a name; a browser that asks where to, asks. */
export function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

const slug = (name) => name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").slice(0, 80) || "report";

/** A button that saves what `text()` gives when it is pressed. */
export function saveButton(word, label, name, type, text) {
  return el("button", { type: "button", class: "save", "aria-label": label, onclick: () => save(name(), type, text()) }, word);
}

// A spreadsheet runs what begins like a formula: such a text gets an apostrophe before it, a number does not.
const field = (value) => {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = typeof value !== "number" && /^[=+\-@\t\r]/.test(text) && !/^[+-]?[\d.]+%?$/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
};

/** Rows of values as CSV (RFC 4180); a mark at the start tells spreadsheets that it is UTF-8. */
export const csv = (rows) => `\ufeff${rows.map((row) => row.map(field).join(",")).join("\r\n")}\r\n`;

/** What a cell says, as one line: parts that stand below each other are set apart, and numbers are as programs read them. */
function said(cell) {
  const parts = [];
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) parts.push(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE && node.localName !== "svg" && !node.classList.contains("control")) {
      if (node.localName === "small") parts.push("; ");
      node.childNodes.forEach(walk);
    } else if (node.nodeType === Node.ELEMENT_NODE && node.localName !== "svg") parts.push(node.textContent);
  };
  walk(cell);
  const text = parts.join("").replace(/\s+/g, " ").replace(/^[; ]+|[; ]+$/g, "").replace(/\u2212/g, "-").replace(/(\d) (?=\d{3}\b)/g, "$1");
  return text === "–" ? "" : text;
}

/** Save a table as it is shown, or the `rows` that say more. */
export function csvButton(title, table, rows) {
  const shown = () => [...table.rows].map((row) => [...row.cells].map(said));
  return saveButton("CSV", `Save as CSV: ${title}`, () => `${slug(title)}.csv`, "text/csv", () => csv(rows ? rows() : shown()));
}

const STYLES = ["fill", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-family", "font-size", "font-weight", "text-anchor", "visibility"];

/** A chart as a file of its own: the colours and letters that the page's style gives are written into it. */
export function standalone(drawing) {
  const copy = drawing.cloneNode(true);
  const [width, height] = drawing.getAttribute("viewBox").split(" ").slice(2);
  const [from, to] = [drawing, copy].map((node) => [node, ...node.querySelectorAll("*")]);
  from.forEach((node, i) => {
    const style = getComputedStyle(node);
    for (const name of STYLES) to[i].setAttribute(name, style.getPropertyValue(name));
    for (const name of ["class", "tabindex"]) to[i].removeAttribute(name);
  });
  const ground = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  for (const [name, value] of Object.entries({ width, height, fill: getComputedStyle(document.body).backgroundColor })) ground.setAttribute(name, value);
  copy.prepend(ground);
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return new XMLSerializer().serializeToString(copy);
}

export function svgButton(title, drawing) {
  return saveButton("SVG", `Save as SVG: ${title}`, () => `${slug(title)}.svg`, "image/svg+xml", () => standalone(drawing()));
}
