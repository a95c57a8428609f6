// Texts of documents as they were written, and what was read in them.

import { el, plain, quoted } from "./dom.js";
import { typeClass } from "./format.js";

const opened = new WeakMap();

/** A document's words from `from` on, with what stands behind each; null where the page holds no texts. */
function words(doc) {
  if (!opened.has(doc)) {
    const tokens = typeof doc.tokens === "string" ? doc.tokens.split(" ") : doc.tokens;
    const gaps = tokens && tokens.map(() => " ");
    for (const place of (tokens && doc.glued) || []) gaps[place] = "";
    for (const [place, gap] of (tokens && doc.gaps) || []) gaps[place] = gap;
    opened.set(doc, { tokens, gaps });
  }
  return opened.get(doc);
}

export const hasText = (doc) => words(doc).tokens !== null;

/** A word by its place in the whole document; its number where there are no texts. */
export const word = (doc, place) => (hasText(doc) ? words(doc).tokens[place - doc.from] : `[${place + 1}]`);

/** The text of the words `[start, end)` of the whole document, as far as they are here. */
export function textOf(doc, start = doc.from, end = doc.to) {
  const [first, last] = [Math.max(start, doc.from), Math.min(end, doc.to)];
  if (first >= last) return "";
  const { tokens, gaps } = words(doc);
  if (!tokens) return first + 1 === last ? `[word ${first + 1}]` : `[words ${first + 1} to ${last}]`;
  let text = "";
  for (let i = first - doc.from; i < last - doc.from; i += 1) text += tokens[i] + (i + 1 < last - doc.from ? gaps[i] : "");
  return text;
}

/** What stands between the words before and behind a place: a blank where there is no text. */
const gapBefore = (doc, place) => (place <= doc.from || place >= doc.to ? "" : hasText(doc) ? words(doc).gaps[place - 1 - doc.from] : " ");

/** A reading by its place in `readings`: the consensus first, then annotators by name; null for no answer. */
export const reading = (doc, i) => (doc.readings[i] === null || doc.readings[i] === undefined ? null : doc.sets[doc.readings[i]]);
export const goldOf = (doc) => (doc.gold === null ? null : doc.sets[doc.gold]);

/** A document's text with a place marked. */
export function marked(doc, start, end) {
  const before = textOf(doc, doc.from, start);
  const after = textOf(doc, end, doc.to);
  return [
    doc.from > 0 ? "… " : "",
    before ? quoted(before + gapBefore(doc, start)) : "",
    el("mark", null, quoted(textOf(doc, start, end))),
    after ? quoted(gapBefore(doc, end) + after) : "",
    doc.to < doc.of ? " …" : "",
  ];
}

/** A document's text with all mentions of a reading, nested ones within each other. */
export function annotated(doc, spans, labels) {
  const sorted = [...(spans || [])].sort((a, b) => a[0] - b[0] || b[1] - a[1]);
  const crossing = [];
  const inside = (start, end, own) => {
    const nodes = [];
    let at = start;
    for (let i = 0; i < own.length; i += 1) {
      const [from, to, type] = own[i];
      if (from < at || to > end) {
        crossing.push(own[i]);
        continue;
      }
      if (from > at) nodes.push(quoted(gapBefore(doc, at).repeat(at > start ? 1 : 0) + textOf(doc, at, from)));
      if (from > start) nodes.push(gapBefore(doc, from));
      const nested = own.filter((other, k) => k > i && other[0] >= from && other[1] <= to && !(other[0] === from && other[1] === to && other[2] === type));
      nodes.push(el("span", { class: `mention ${typeClass(type)}` }, nested.length ? inside(from, to, nested) : quoted(textOf(doc, from, to)), el("span", { class: "label" }, plain(labels[type]))));
      at = to;
      while (i + 1 < own.length && own[i + 1][0] < to) i += 1;
    }
    if (at < end) nodes.push(quoted((at > start ? gapBefore(doc, at) : "") + textOf(doc, at, end)));
    return nodes;
  };
  const nodes = inside(doc.from, doc.to, sorted.filter(([s, e]) => s >= doc.from && e <= doc.to));
  return [doc.from > 0 ? "… " : "", nodes, doc.to < doc.of ? " …" : ""];
}

const same = (one, other) => one[0] === other[0] && one[1] === other[1] && one[2] === other[2];

/** The mentions that stand in one of two readings alone. */
export const difference = (one, other) => [...one.filter((a) => !other.some((b) => same(a, b))), ...other.filter((a) => !one.some((b) => same(a, b)))];

/** Where a document and a place in it are, in plain words; the id is the term behind them. */
export const place = (doc, start, end) => `document ${doc.number ?? doc.id}, ${end - start === 1 ? `word ${start + 1}` : `words ${start + 1} to ${end}`} of ${doc.of}`;
