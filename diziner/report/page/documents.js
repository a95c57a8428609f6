// Documents with their annotations: pilot sets of a round and the test set; filtered, searched, and agreement by type.

import { choose, details, el, quoted, reachable, walked } from "./dom.js";
import { counted, figure, typeClass, whole } from "./format.js";
import { csv, saveButton } from "./download.js";
import { annotated, difference, goldOf, hasText, reading, textOf } from "./texts.js";
import { table } from "./tables.js";

const PAGE = 10;
const filters = { set: "pilot", show: "", type: "", as: "", order: "disputed", search: "" };

/** Sets of documents as one thing: { title, docs, all, names, readings(doc, i), where }. */
function sets({ benchmark, round, names }) {
  const pilot = { key: "pilot", title: `pilot documents of round ${round.number}`, docs: round.documents.filter((doc) => doc.from === 0 && doc.to === doc.of), all: round.documents_total, names: ["consensus", ...names], where: `corpus/pilot/r${round.number}.jsonl` };
  const own = benchmark.test_documents;
  const test = { key: "test", title: "test documents", docs: own.documents, all: own.all, names: own.names.map((name) => `guideline of ${name === "selected" ? "the chosen round" : "round 0"}`), where: "corpus/test.jsonl" };
  return own.documents.length ? [pilot, test] : [pilot];
}

const disputed = (doc, set) => {
  const own = set.names.map((_, i) => reading(doc, i));
  const base = set.key === "test" ? goldOf(doc) || own.find(Boolean) || [] : own[0] || [];
  return own.reduce((sum, spans) => sum + (spans ? difference(spans, base).length : 0), 0);
};

export function documentsView(view) {
  const { benchmark, data } = view;
  const all = sets(view);
  const list = el("div", { class: "documents" });
  const count = el("p", { class: "count", role: "status" });
  const more = el("button", { type: "button" });
  const controls = el("div", { class: "controls", role: "group", "aria-label": "Filter documents" });
  let limit = PAGE;
  let found = [];
  const current = () => all.find((set) => set.key === filters.set) || all[0];
  const sources = (set) => [...set.names.map((name, i) => [String(i), name]), ...(set.docs.some((doc) => doc.gold !== null) ? [["gold", "gold"]] : [])];
  const spansOf = (doc) => (filters.as === "gold" ? goldOf(doc) : reading(doc, Number(filters.as) || 0));
  const search = el("input", { type: "search", value: filters.search, oninput: (event) => { filters.search = event.target.value; limit = PAGE; draw(); } });
  const change = (name) => (value) => {
    filters[name] = value;
    limit = PAGE;
    if (name === "set") Object.assign(filters, { as: "", type: "" });
    frame();
    draw();
    controls.querySelector(`select[name="${name}"]`)?.focus();
  };
  const frame = () => {
    const set = current();
    if (!sources(set).some(([key]) => key === filters.as)) filters.as = "0";
    const select = (name, label, options) => {
      const node = choose(label, options, filters[name], change(name));
      node.querySelector("select").name = name;
      return node;
    };
    controls.replaceChildren(
      ...[
        all.length > 1 ? select("set", "Documents", all.map((one) => [one.key, `${one.title} (${one.all})`])) : null,
        set.docs.some(hasText) ? el("label", { class: "choose" }, el("span", null, "Text or id holds"), search) : null,
        select("show", "Show", [["", "all"], ["disputed", "where readings differ"], ["agreed", "where all agree"], ["failed", "with a failed answer"]]),
        select("type", "With type", [["", "any type"], ...benchmark.labels.map((type) => [type, type])]),
        select("as", "Marked by", sources(set)),
        select("order", "Order", [["disputed", "most disputed first"], ["text", "as in the file"]]),
      ].filter(Boolean),
    );
  };
  const matches = (doc, set) => {
    const differ = disputed(doc, set);
    if (filters.show === "disputed" && !differ) return false;
    if (filters.show === "agreed" && differ) return false;
    if (filters.show === "failed" && !doc.readings.includes(null)) return false;
    const type = benchmark.labels.indexOf(filters.type);
    if (type >= 0 && !doc.sets.some((spans) => spans.some((span) => span[2] === type))) return false;
    const wanted = filters.search.trim().toLowerCase();
    return !wanted || doc.id.toLowerCase().includes(wanted) || (hasText(doc) && textOf(doc).toLowerCase().includes(wanted));
  };
  const draw = () => {
    const set = current();
    found = set.docs.filter((doc) => matches(doc, set));
    if (filters.order === "disputed") found = [...found].sort((a, b) => disputed(b, set) - disputed(a, set));
    list.replaceChildren(...found.slice(0, limit).map((doc) => documentCard(doc, set, benchmark, spansOf(doc), sources(set).find(([key]) => key === filters.as)[1])));
    reachable(list);
    if (!found.length) list.append(el("p", { class: "empty" }, set.docs.length ? "No document fits these filters." : "No document is on this page."));
    const missing = set.all - set.docs.length;
    count.replaceChildren(`${whole(found.length)} of ${counted(set.docs.length, "document")} shown here${missing > 0 ? `; to keep the page small, it holds the ${data.document_limit} most disputed: ${whole(missing)} more are in ${set.where}` : ""}`);
    more.hidden = found.length <= limit;
    more.replaceChildren(`Show ${Math.min(PAGE, found.length - limit)} more`);
  };
  more.addEventListener("click", () => {
    const next = limit;
    limit += PAGE;
    draw();
    list.children[next]?.focus();
  });
  frame();
  draw();
  walked(list);
  const rows = () => [["document", "reading", "start", "end", "type", "text"], ...found.flatMap((doc) => sources(current()).flatMap(([key, name]) => ((key === "gold" ? goldOf(doc) : reading(doc, Number(key))) || []).map(([s, e, t]) => [doc.id, name, s, e, benchmark.labels[t], hasText(doc) ? textOf(doc, s, e) : ""])))];
  return [
    benchmark.text ? null : el("p", { class: "warn" }, "This page holds no texts of this benchmark: its licence forbids to pass them on, or it was built with --no-text. For your own eyes: diziner report --text."),
    typesTable(view),
    controls,
    el("p", { class: "saves" }, saveButton("CSV", "Save as CSV: the mentions in these documents", () => `${benchmark.name}-${filters.set}-mentions.csv`, "text/csv", () => csv(rows()))),
    count,
    list,
    more,
  ];
}

function documentCard(doc, set, benchmark, spans, name) {
  const readings = set.names.map((title, i) => [title, reading(doc, i)]);
  if (doc.gold !== null) readings.push(["gold", goldOf(doc)]);
  const differ = disputed(doc, set);
  return el(
    "article",
    { class: "card document", tabindex: "-1", "aria-label": `Document ${doc.number ?? doc.id}` },
    el("p", { class: "context", dir: "auto" }, spans ? annotated(doc, spans, benchmark.labels) : [annotated(doc, [], benchmark.labels), el("span", { class: "faint" }, ` (no answer: ${name})`)]),
    el("p", { class: "meta" }, quoted(doc.id), ` · ${counted(doc.of, "word")} · ${differ ? `${counted(differ, "mention")} read differently` : "all agree"}`),
    details(
      "All readings",
      el("dl", { class: "terms" }, readings.map(([title, own]) => [el("dt", null, title), el("dd", null, own ? (own.length ? own.map(([s, e, t], i) => [i ? " " : "", el("span", { class: `chip ${typeClass(t)}` }, quoted(textOf(doc, s, e)), el("span", { class: "label" }, benchmark.labels[t]))]) : "nothing") : "no answer")])),
    ),
  );
}

/** Which types annotators agree about, and which not. */
function typesTable({ benchmark, round, names }) {
  const test = benchmark.scores?.selected?.types || {};
  const scored = Object.keys(test).length > 0;
  const number = (text) => [text, { class: "number" }];
  const of = (name) => names.filter((one) => round.agreement.annotators.includes(one)).includes(name);
  const shown = names.filter(of);
  return el(
    "div",
    null,
    el("h3", null, "Agreement by type"),
    table(
      `Agreement by type in round ${round.number}`,
      ["type", number("agreement"), ...shown.map((name) => number(name)), ...(scored ? [number("F1 on test")] : [])],
      round.types.map((row) => [el("span", { class: `chip ${typeClass(benchmark.labels.indexOf(row.type))}` }, row.type), number(figure(row.f1)), ...shown.map((name) => number(String(row.mentions[name] ?? 0))), ...(scored ? [number(figure(test[row.type]?.f1))] : [])]),
      { csv: () => [["type", "agreement", "pairs", ...shown.map((name) => `mentions_${name}`), "f1_test"], ...round.types.map((row) => [row.type, row.f1, row.pairs, ...shown.map((name) => row.mentions[name] ?? 0), test[row.type]?.f1])] },
    ),
    el("p", { class: "note" }, "Agreement: mean pairwise strict span F1 on mentions of this type alone; the other columns are how many mentions each annotator marked."),
  );
}
