// The hotspot browser: where annotators disagree most, and how each of them reads the place.

import { choose, details, el, plain, quoted, reachable, scroller, walked } from "./dom.js";
import { csv, saveButton } from "./download.js";
import { goldOf, marked, place, reading, textOf, word } from "./texts.js";
import { counted, differs, figure, toLine, typeClass } from "./format.js";

const PAGE = 12;
const filters = { kind: "", family: "", annotator: "", type: "", order: "score" };

/** The browser of one round. `view` says what is shown: { benchmark, round, data, focus, causes }. */
export function hotspotBrowser(view) {
  const { benchmark, round, data } = view;
  const { names } = view;
  const found = new Map(round.hotspots.map((h) => [h.id, h]));
  if (view.focus && found.has(view.focus)) Object.assign(filters, { kind: "", family: "", annotator: "", type: "" });
  const list = el("div", { class: "hotspots" });
  const count = el("p", { class: "count", role: "status" });
  const more = el("button", { type: "button" });
  let limit = PAGE;
  const draw = (focus) => {
    const chosen = ordered(round.hotspots.filter((h) => matches(h, round, benchmark, names)));
    const at = focus ? chosen.findIndex((h) => h.id === focus) : -1;
    limit = Math.max(limit, at + 1);
    list.replaceChildren(...chosen.slice(0, limit).map((h) => card(h, view, names)));
    reachable(list);
    if (!chosen.length) list.append(el("p", { class: "empty" }, "No hotspot fits these filters."));
    count.replaceChildren(`${chosen.length} of ${counted(round.hotspots.length, "hotspot")} shown here${left(round, data)}`);
    more.hidden = chosen.length <= limit;
    more.replaceChildren(`Show ${Math.min(PAGE, chosen.length - limit)} more`);
  };
  more.addEventListener("click", () => {
    const next = limit;
    limit += PAGE;
    draw();
    list.children[next]?.focus();
  });
  const change = (key) => (value) => {
    filters[key] = value;
    limit = PAGE;
    draw();
  };
  const subtypes = new Set(round.subtypes.map(([family]) => family));
  const controls = el(
    "div",
    { class: "controls", role: "group", "aria-label": "Filter hotspots" },
    choose("Kind", [["", "all kinds"], ...data.kinds.map((k) => [k.key, k.plain])], filters.kind, change("kind")),
    choose("Error", [["", "all errors"], ...data.families.filter((f) => subtypes.has(f.key)).map((f) => [f.key, f.plain])], filters.family, change("family")),
    choose("Annotator who differs", [["", "anyone"], ...names.map((n) => [n, n])], filters.annotator, change("annotator")),
    choose("Type involved", [["", "any type"], ...benchmark.labels.map((t) => [t, t])], filters.type, change("type")),
    choose("Order", [["score", "most disputed first"], ["text", "as in the documents"]], filters.order, change("order")),
  );
  draw(view.focus);
  walked(list);
  const saved = saveButton("CSV", "Save as CSV: all hotspots of this round", () => `${benchmark.name}-r${round.number}-hotspots.csv`, "text/csv", () => csv(rows(view)));
  return [controls, explained(data, round), el("p", { class: "saves" }, saved), count, list, more];
}

/** What was left out of the page, if anything. */
const left = (round, data) => {
  const missing = round.all - round.hotspots.length;
  return missing > 0 ? `; to keep the page small, it holds the ${data.hotspot_limit} most disputed of a round and those that led to instructions: ${missing} more are in rounds/r${round.number}/hotspots.jsonl` : "";
};

function explained(data, round) {
  const { totals } = round;
  const terms = (rows, count) => el("dl", { class: "terms" }, rows.map((row) => [el("dt", null, `${row.plain} (${count(row.key)})`, el("small", null, `term: ${row.term}`)), el("dd", null, row.meaning)]));
  return details(
    "What a hotspot is, and what the kinds and errors mean",
    el("p", null, "A hotspot is a run of words with the highest disagreement of a round. Its disagreement is the mean over its words, from 0 (all annotators agree) to 1, of the highest of three: on labels, on types and on bounds (term: U*). The consensus is a weighted majority vote of the annotators; it is not the truth."),
    terms(data.kinds, (key) => totals.hotspots[key] ?? 0),
    terms(data.families, (key) => counted(totals.families[key] ?? 0, "word")),
  );
}

const ordered = (hotspots) => (filters.order === "score" ? [...hotspots].sort((a, b) => b.score - a.score) : hotspots);

function matches(hotspot, round, benchmark, names) {
  if (filters.kind && hotspot.kind !== filters.kind) return false;
  if (filters.family && !hotspot.errors.some(([, s]) => round.subtypes[s][0] === filters.family)) return false;
  if (filters.annotator && !hotspot.errors.some(([a]) => names[a] === filters.annotator)) return false;
  if (!filters.type) return true;
  const type = benchmark.labels.indexOf(filters.type);
  const document = round.documents[hotspot.document];
  return document.sets.some((spans) => spans.some(([s, e, t]) => t === type && s < hotspot.end && e > hotspot.start));
}

function card(hotspot, view, names) {
  const { benchmark, round, data } = view;
  const document = round.documents[hotspot.document];
  const words = textOf(document, hotspot.start, hotspot.end);
  const kind = data.kinds.find(({ key }) => key === hotspot.kind);
  const causes = view.causes.get(`${round.number} ${hotspot.id}`) || [];
  return el(
    "article",
    { class: "card", tabindex: "-1", "data-hotspot": hotspot.id, "aria-label": `Hotspot: ${words}` },
    el("header", null, el("h3", null, quoted(words)), el("span", { class: `kind ${hotspot.kind}`, title: `${kind.term}: ${kind.meaning}` }, kind.plain), el("span", { class: "score", title: "mean U* over the hotspot, from 0 to 1" }, `disagreement ${figure(hotspot.score, 2)}`)),
    el("p", { class: "context", dir: "auto" }, marked(document, hotspot.start, hotspot.end)),
    readings(hotspot, document, benchmark, round, names),
    el(
      "p",
      { class: "meta" },
      el("span", { title: hotspot.id }, place(document, hotspot.start, hotspot.end)),
      document.number ? [" · ", quoted(document.id)] : "",
      causes.length ? [" · led to ", causes.map(([number, id], i) => [i ? ", " : "", el("a", { href: toLine(benchmark.name, number, id) }, id)])] : null,
    ),
  );
}

/** The hotspots as rows of a file: what each annotator marked in the place. */
function rows({ benchmark, round, names }) {
  const said = (doc, spans, h) => (spans ? spans.filter(([s, e]) => s < h.end && e > h.start).map(([s, e, t]) => `${benchmark.labels[t]}: ${textOf(doc, s, e)}`).join("; ") : "no answer");
  return [
    ["hotspot", "document", "start", "end", "text", "kind", "disagreement", "consensus", "gold", ...names],
    ...round.hotspots.map((h) => {
      const doc = round.documents[h.document];
      return [h.id, doc.id, h.start, h.end, textOf(doc, h.start, h.end), h.kind, h.score, said(doc, reading(doc, 0), h), doc.gold === null ? "" : said(doc, goldOf(doc), h), ...names.map((_, i) => said(doc, reading(doc, i + 1), h))];
    }),
  ];
}

/** Tokens as columns, readings as rows: what each annotator marked stands below the words it marked. */
function readings(hotspot, document, benchmark, round, names) {
  const touching = document.sets.flat().filter(([s, e]) => s < hotspot.end && e > hotspot.start);
  const start = Math.max(document.from, Math.min(hotspot.start - 2, ...touching.map(([s]) => s)));
  const end = Math.min(document.to, Math.max(hotspot.end + 2, ...touching.map(([, e]) => e)));
  const errors = new Map();
  for (const [a, s, tokens] of hotspot.errors) errors.set(a, [...(errors.get(a) || []), el("span", { title: `${round.subtypes[s].join(": ")}, ${counted(tokens, "word")}` }, differs(...round.subtypes[s]))]);
  const row = (name, spans, properties, note) =>
    layers(spans).map((layer, number) =>
      el("tr", properties, el("th", { scope: "row" }, number ? el("span", { class: "hidden" }, quoted(name), ", nested") : [quoted(name), benchmark.annotators[name]?.other ? el("small", null, " (not a language model)") : null]), spans ? cells(layer, start, end, benchmark) : el("td", { colspan: end - start, class: "faint" }, note), el("td", { class: "why" }, spans && !number ? note : "")),
    );
  const gold = document.gold === null ? null : row("gold", goldOf(document), { class: "gold" }, "");
  const known = new Map(round.annotators.map((a) => [a.name, a]));
  const head = Array.from({ length: end - start }, (_, i) => {
    const token = start + i;
    const hot = token >= hotspot.start && token < hotspot.end;
    return el("th", { scope: "col", class: hot ? "hot" : "" }, quoted(word(document, token)));
  });
  return scroller(
    `Readings of ${place(document, hotspot.start, hotspot.end)}`,
    el(
      "table",
      { class: "readings" },
      el("caption", { class: "hidden" }, "What each annotator marked, token by token"),
      el("thead", null, el("tr", null, el("th", { scope: "col" }, el("span", { class: "hidden" }, "annotator")), head, el("th", { scope: "col", class: "why" }, el("span", { class: "hidden" }, "difference from the consensus")))),
      el(
        "tbody",
        null,
        row("consensus", reading(document, 0), { class: "consensus" }, ""),
        gold,
        names.map((name, a) => {
          const found = errors.get(a);
          const missing = known.get(name)?.left_out ? `left out ${known.get(name).left_out}` : "no answer: failed";
          const own = reading(document, a + 1);
          return row(name, own, { class: found ? "differs" : "same" }, own ? (found ? ["≠ ", found.map((node, i) => [i ? ", " : "", node])] : "=") : missing);
        }),
      ),
    ),
  );
}

/** A reading as rows in which no two spans share a token: one row, unless spans are nested. */
function layers(spans) {
  const made = [[]];
  for (const span of [...(spans || [])].sort((a, b) => a[0] - b[0] || b[1] - a[1])) {
    const free = made.find((layer) => layer.every(([s, e]) => e <= span[0] || s >= span[1]));
    if (free) free.push(span);
    else made.push([span]);
  }
  return made;
}

function cells(spans, start, end, benchmark) {
  const made = [];
  let at = start;
  for (const [from, to, type] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (to <= start || from >= end) continue;
    const [s, e] = [Math.max(from, start), Math.min(to, end)];
    for (; at < s; at += 1) made.push(el("td", null, el("span", { class: "none", "aria-label": "none" }, "·")));
    const label = `${from < start ? "… " : ""}${benchmark.labels[type]}${to > end ? " …" : ""}`;
    made.push(el("td", { colspan: e - s }, el("span", { class: `span ${typeClass(type)}`, title: plain(benchmark.labels[type]) }, label)));
    at = e;
  }
  for (; at < end; at += 1) made.push(el("td", null, el("span", { class: "none", "aria-label": "none" }, "·")));
  return made;
}
