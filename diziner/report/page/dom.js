// Elements, without markup: whatever a text holds, it is shown as text.

const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]/u;
const CONTROLS = new RegExp(CONTROL.source, "gu");

const code = (character) => "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");

/** A text for places that hold no elements (labels, options): control characters by their code point. */
export function plain(text) {
  return String(text).replace(CONTROLS, (character) => `[${code(character)}]`);
}

/** A text as nodes: characters that would hide or turn text around are shown by their code point. */
function nodes(text) {
  const whole = String(text);
  if (!CONTROL.test(whole)) return [document.createTextNode(whole)];
  const made = [];
  let at = 0;
  for (const found of whole.matchAll(CONTROLS)) {
    made.push(document.createTextNode(whole.slice(at, found.index)));
    const mark = document.createElement("span");
    mark.className = "control";
    mark.title = "a control character, shown by its code point";
    mark.textContent = code(found[0]);
    made.push(mark);
    at = found.index + found[0].length;
  }
  made.push(document.createTextNode(whole.slice(at)));
  return made;
}

function fill(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    node.append(...(child instanceof Node ? [child] : nodes(child)));
  }
  return node;
}

function set(node, properties) {
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else node.setAttribute(key, plain(value));
  }
  return node;
}

/** An element: `el("p", { class: "note" }, "text", el("b", null, "more"))`. */
export function el(tag, properties, ...children) {
  return fill(set(document.createElement(tag), properties), children);
}

/** The same for SVG. */
export function svg(tag, properties, ...children) {
  return fill(set(document.createElementNS("http://www.w3.org/2000/svg", tag), properties), children);
}

/** A text of documents, models or people: set apart from the text around it in both directions of writing. */
export function quoted(text, properties) {
  return el("bdi", properties, text);
}

/** A labelled select. `options` are [value, text]; `change` gets the value. */
export function choose(label, options, value, change) {
  const select = el(
    "select",
    { onchange: (event) => change(event.target.value) },
    options.map(([key, text]) => el("option", { value: key, selected: key === value }, plain(text))),
  );
  return el("label", { class: "choose" }, el("span", null, label), select);
}

/** A box that scrolls sideways, reachable by keyboard. */
export function scroller(label, ...children) {
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, children);
}

/** Let the Tab key reach the first card of a list; `walked` leads on from there. */
export function reachable(list) {
  if (list.children.length) list.children[0].tabIndex = 0;
}

/** Let the keys j and k go from one card of a list to the next and back, while the focus is in the list. */
export function walked(list) {
  list.addEventListener("keydown", (event) => {
    const step = { j: 1, k: -1 }[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const cards = [...list.children];
    const next = cards[cards.findIndex((card) => card.contains(event.target)) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  });
  return list;
}

/** What computed local models' answers, of all benchmarks or of one; a warning where it was not the same for all. */
export function computedNote({ computed }) {
  return computed && el("p", { class: computed.mixed ? "warn" : "note" }, computed.text);
}

/** Lines on what could not be read, each by itself. */
export function warnings(lines) {
  return (lines || []).map((line) => el("p", { class: "warn" }, line));
}

export function details(summary, ...children) {
  return el("details", null, el("summary", null, summary), children);
}

export function section(id, title, ...children) {
  return el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), children);
}
