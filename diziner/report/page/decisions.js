// The decisions that would settle most of a round's disagreement, with their cases in whole sentences.

import { details, el, quoted } from "./dom.js";
import { counted, share, toBenchmark, toHotspot, typeClass } from "./format.js";
import { choicesPanel, decide, decided, watch } from "./choices.js";
import { marked, place, reading } from "./texts.js";

/** What is asked, in plain words: a cluster's name says it, a kind's is a term. */
function question({ name }) {
  const found = /^(.*) \(([^()]*)\)$/.exec(name);
  if (found) return found[2].startsWith("extent of ") ? `${found[1]}: how far does ${found[2].slice(10)} reach?` : `${found[1]}: ${found[2]}?`;
  if (name.endsWith("_bounds")) return `How far does ${name.replace(/_bounds$/, "")} reach?`;
  const [most, other] = name.split("_to_");
  return other === undefined ? name : `${most}, as most say, or ${other}?`;
}

export function decisionsView(view) {
  const { benchmark, round } = view;
  const { questions, share: part } = round.decisions;
  if (!questions.length) return [el("p", { class: "empty" }, "There is nothing to decide: annotators agree."), choicesPanel(benchmark.name)];
  return [
    el("p", { class: "note" }, `${counted(questions.length, "question")} behind ${share(part)} of all that annotators disagree about in round ${round.number}. What you decide here stays in this browser until you save it; the supervisor is told of it once you run the command. Gold is not shown here, so that no decision rests on it.`),
    questions.map((one) => decisionView(one, view)),
    choicesPanel(benchmark.name),
  ];
}

function decisionView(one, view) {
  const { benchmark, round } = view;
  const own = el("input", { type: "text", "aria-label": `A rule in your own words: ${question(one)}`, placeholder: "a rule in your own words" });
  const buttons = one.options.map(([option, text]) => el("button", { type: "button", onclick: () => set(decided(benchmark.name, round.number, one.name) === text ? "" : text) }, quoted(option), " is right"));
  const form = el(
    "form",
    { class: "decide", onsubmit: (event) => { event.preventDefault(); set(own.value); } },
    buttons,
    el("span", { class: "own" }, own, el("button", { type: "submit" }, "Use this rule")),
  );
  let last = null;
  const show = () => {
    const now = decided(benchmark.name, round.number, one.name);
    if (now === last) return; // what is being typed stays
    last = now;
    one.options.forEach(([, text], i) => buttons[i].setAttribute("aria-pressed", String(now === text)));
    own.value = one.options.some(([, text]) => now === text) ? "" : now;
  };
  const set = (text) => decide(benchmark.name, round.number, one.name, text);
  const node = el(
    "article",
    { class: "card decision", "data-kind": one.name, tabindex: "-1", "aria-label": question(one) },
    el("header", null, el("h3", null, quoted(question(one))), el("span", { class: "score" }, `in ${counted(one.places, "place")}`)),
    form,
    cases(one, view),
  );
  watch(node, show);
  return node;
}

function cases(one, view) {
  const { round, benchmark } = view;
  const byId = new Map(round.documents.map((doc) => [doc.id, doc]));
  const shown = one.cases.filter(([id, start, end]) => byId.has(id) && byId.get(id).from <= start && byId.get(id).to >= end);
  const items = shown.map(([id, start, end]) => {
    const doc = byId.get(id);
    const hotspot = round.hotspots.find((h) => round.documents[h.document] === doc && h.start < end && h.end > start);
    return el(
      "li",
      null,
      el("p", { class: "context", dir: "auto" }, marked(doc, start, end)),
      el("p", { class: "meta" }, readings(doc, start, end, view), hotspot ? [" · ", el("a", { href: toHotspot(benchmark.name, round.number, hotspot.id), title: hotspot.id }, place(doc, start, end))] : ` · ${place(doc, start, end)}`),
    );
  });
  const rest = one.places - items.length;
  if (!items.length) return el("p", { class: "note" }, "Its cases are not on this page.");
  return [
    el("ul", { class: "cases" }, items.slice(0, 2)),
    items.length > 2 ? details(`${counted(items.length - 2, "more case")} here`, el("ul", { class: "cases" }, items.slice(2))) : null,
    rest > 0 ? el("p", { class: "faint" }, `${counted(rest, "place")} besides: diziner refine ${benchmark.name} --round ${round.number}`) : null,
  ];
}

/** Who reads the place how: each reading once, with all who have it. Not gold: who decides has not seen it. */
function readings(doc, start, end, { benchmark, names }) {
  const groups = new Map();
  const add = (name, spans) => {
    if (!spans) return;
    const own = spans.filter(([s, e]) => s < end && e > start);
    const at = JSON.stringify(own);
    if (!groups.has(at)) groups.set(at, { own, names: [] });
    groups.get(at).names.push(name);
  };
  names.forEach((name, i) => add(name, reading(doc, i + 1)));
  return [...groups.values()].map(({ own, names: who }, i) => [i ? " · " : "", own.length ? own.map(([, , type]) => el("span", { class: `chip ${typeClass(type)}` }, benchmark.labels[type])) : el("span", { class: "chip" }, "nothing"), el("span", null, ` ${who.join(", ")}`)]);
}

/** The same for the whole run: the questions of all benchmarks' last rounds that most labels hang on. */
export function topDecisions(run, count = 5) {
  const all = run.flatMap((b) => {
    const round = b.rounds[b.rounds.length - 1];
    return round.decisions.questions.map((one) => ({ b, round, one }));
  });
  if (!all.length) return null;
  const top = all.sort((x, y) => y.one.differing - x.one.differing || (x.b.name < y.b.name ? -1 : 1)).slice(0, count);
  return [
    el("p", { class: "note" }, "The questions of the last rounds about which most pairs of annotators disagree. A person's answer goes to the supervisor, who follows it in every round."),
    el("ol", { class: "top" }, top.map(({ b, round, one }) => el("li", null, el("a", { href: `${toBenchmark(b.name)}/r${round.number}/d/${encodeURIComponent(one.name)}` }, quoted(question(one))), el("small", null, `${b.name}, in ${counted(one.places, "place")}`)))),
  ];
}
