// One benchmark: its figures, and everything about the chosen round.

import { el, computedNote, quoted, section, warnings } from "./dom.js";
import { counted, figure, interval, money, signed, toRound, verdict, whole } from "./format.js";
import { hotspotBrowser } from "./hotspots.js";
import { documentsView } from "./documents.js";
import { decisionsView } from "./decisions.js";
import { agreementMatrix, confusionMatrix, typeScores } from "./matrices.js";
import { table } from "./tables.js";
import { guidelineView, refinementView } from "./guideline.js";

/** The page of a benchmark; `show(route)` changes the round in place, so that focus and scroll stay. */
export function benchmarkPage(benchmark, data, route) {
  const head = [
    el("p", { class: "kicker" }, el("a", { href: "#/" }, "All benchmarks"), " / ", benchmark.domain),
    el("h1", { tabindex: "-1" }, benchmark.name),
    el("p", { class: "lead" }, benchmark.title),
    ...warnings(benchmark.state ? [benchmark.state.text] : []),
    ...warnings(benchmark.faults),
  ];
  if (!benchmark.rounds.length) {
    const why = benchmark.left_out ? `The last run left this benchmark out: ${benchmark.left_out}` : `${benchmark.figures ? "Its rounds are not here" : "Not run yet"}: \`diziner repro ${benchmark.name}\`, then build this page again.`;
    head.push(el("p", { class: "empty" }, why));
    return { nodes: head, show: () => {} };
  }
  const causes = causesOf(benchmark);
  const names = Object.keys(benchmark.annotators).sort();
  const answers = new Map(benchmark.rounds.flatMap((r) => (r.refinement ? r.refinement.answers : [])));
  const body = el("div", { id: "round" });
  const nav = roundNav(benchmark);
  const show = (next) => {
    const round = benchmark.rounds.find((r) => r.number === next.round) || benchmark.rounds[0];
    nav.set(round.number);
    const view = { benchmark, round, data, causes, answers, names };
    body.replaceChildren(...roundSections(view, next));
  };
  show(route);
  return { nodes: [...head, keyFigures(benchmark, data), choiceNote(benchmark), computedNote(benchmark), typeScores(benchmark), nav.node, body], show };
}

/** For every hotspot the lines it led to: "round id" -> [[round of the line, id of the line]]. */
function causesOf(benchmark) {
  const causes = new Map();
  for (const round of benchmark.rounds) {
    for (const line of round.guideline.flatMap((block) => block.lines)) {
      if (!line.receipt || line.status === "retained") continue;
      for (const [id, number] of line.receipt.hotspots) {
        const key = `${number} ${id}`;
        causes.set(key, [...(causes.get(key) || []), [round.number, line.name]]);
      }
    }
  }
  return causes;
}

function keyFigures(benchmark, data) {
  const { figures, scores, rounds, selection } = benchmark;
  const last = rounds[rounds.length - 1];
  const fact = (name, value, note) => el("div", null, el("dt", null, name), el("dd", null, el("b", null, value), el("small", null, note)));
  const scored = figures && figures.f1 !== null;
  return el(
    "dl",
    { class: "facts" },
    fact(data.protocol, scored ? figure(figures.f1) : "no gold", scored ? `95 % ${interval(figures.f1_low, figures.f1_high)}, n = ${benchmark.scored} test documents` : "scores need gold; agreement does not"),
    scores && scores.gain ? fact("gain over round 0", selection.round === 0 ? "–" : signed(scores.gain.difference), selection.round === 0 ? "round 0's guideline was chosen" : `95 % ${interval(scores.gain.low, scores.gain.high)}, same documents: ${verdict(scores.gain)}`) : null,
    fact("agreement", rounds.length > 1 ? `${figure(rounds[0].figures.agreement)} → ${figure(last.figures.agreement)}` : figure(rounds[0].figures.agreement), `mean pairwise strict span F1, n = ${rounds[0].agreement.documents}${rounds.length > 1 ? ` and ${last.agreement.documents}` : ""} pilot documents`),
    chosenFact(benchmark, fact),
    fact("cost", money(benchmark.usage), `${counted(benchmark.usage.answers, "answer")}, ${whole(benchmark.usage.prompt_tokens + benchmark.usage.completion_tokens)} tokens${benchmark.usage.known < benchmark.usage.answers ? `; ${benchmark.usage.answers - benchmark.usage.known} not at hand` : ""}`),
  );
}

function chosenFact(benchmark, fact) {
  const { selection } = benchmark;
  if (!selection) return fact("chosen", "–", "not yet");
  const how = `by agreement in round ${selection.round}, without gold`;
  const other = benchmark.annotators[selection.annotator]?.other ? `${benchmark.annotators[selection.annotator].model}; ` : "";
  if (!selection.voters.length) return fact("chosen", quoted(selection.annotator), `${other}${how}`);
  return fact("chosen", `vote of ${selection.voters.length}`, `${how}: ${selection.voters.join(", ")}; best of them ${selection.annotator}`);
}

function choiceNote(benchmark) {
  const { choice } = benchmark;
  if (!choice) return null;
  const ordinal = choice.place === 1 ? "the best" : `number ${choice.place}`;
  return el("p", { class: "note" }, `Held against gold, which the choice did not see: by pilot F1 the chosen annotator is ${ordinal} of ${choice.of} in its round (${figure(choice.f1)}, best ${figure(choice.best)}, ${counted(choice.documents, "document")}).`);
}

function roundNav(benchmark) {
  const numbers = benchmark.rounds.map((r) => r.number);
  const last = numbers[numbers.length - 1];
  const said = el("output", { for: "slider" });
  const go = (number) => location.replace(toRound(benchmark.name, Math.max(0, Math.min(last, number))));
  const slider = el("input", { type: "range", id: "slider", min: "0", max: String(last), step: "1", "aria-label": "Round", oninput: (event) => go(Number(event.target.value)) });
  const step = (by, sign, name) => el("button", { type: "button", class: "quiet", "aria-label": name, onclick: () => go(Number(slider.value) + by) }, sign);
  const [back, forth] = [step(-1, "←", "Round before"), step(1, "→", "Next round")];
  const jumps = [["decide", "Decide"], ["hotspots", "Hotspots"], ["documents", "Documents"], ["matrices", "Agreement"], ["guideline", "Guideline"], ["refinement", "Refinement"], ["annotators", "Annotators"]];
  const jump = (id) => (event) => {
    event.preventDefault();
    const target = document.getElementById(`${id}-title`);
    target.scrollIntoView();
    target.setAttribute("tabindex", "-1");
    target.focus({ preventScroll: true });
  };
  const node = el(
    "div",
    { class: "rounds" },
    numbers.length > 1 ? el("div", { class: "slide" }, back, slider, forth, said) : el("div", { class: "slide" }, said),
    el("nav", { "aria-label": "Parts of the round" }, jumps.map(([id, name]) => el("button", { type: "button", class: "quiet", onclick: jump(id) }, name))),
  );
  const set = (number) => {
    slider.value = String(number);
    slider.setAttribute("aria-valuetext", `round ${number} of ${last}`);
    back.disabled = number === 0;
    forth.disabled = number === last;
    const chosen = benchmark.selection && benchmark.selection.round === number ? ", the chosen one" : "";
    said.replaceChildren(numbers.length > 1 ? `Round ${number} (0 to ${last})${chosen}` : "Round 0, the only one: there was no refinement");
  };
  return { node, set };
}

function roundSections(view, route) {
  const { round, data } = view;
  return [
    section("decide", "Decisions that would settle most", decisionsView(view)),
    section(
      "hotspots",
      "Where they disagree",
      el("p", { class: "note" }, `${counted(round.all, "hotspot")} on ${whole(round.totals.hot_tokens)} of ${counted(round.totals.tokens, "token")} in ${counted(round.documents_total, "pilot document")}; ${whole(round.totals.disagreeing)} of ${counted(round.totals.labels, "label")} differ from the consensus.${round.gold ? ` Gold is there for ${counted(round.gold, "document")}; no annotator or supervisor saw it.` : " No gold for these documents."}`),
      round.hotspots.length ? hotspotBrowser({ ...view, focus: route.hotspot }) : el("p", { class: "empty" }, "No hotspot: annotators agree on every token."),
    ),
    section("documents", "Documents and what was marked", documentsView(view)),
    section("matrices", "Who agrees with whom", el("div", { class: matricesFit(round) ? "pair" : "" }, agreementMatrix(round, data, view.benchmark.annotators), confusionMatrix(round))),
    section("guideline", `The guideline of round ${round.number}`, guidelineView({ ...view, focus: route.line })),
    section("refinement", "How this guideline came about", refinementView(view)),
    section("annotators", "Annotators: failures and cost", annotatorTable(view), testTable(view)),
  ];
}

const matricesFit = (round) => round.agreement.annotators.length <= 4 && round.confusion.labels.length <= 7;

const dropped = (row) => Object.entries(row.drops).map(([why, count]) => `${count} ${why}`).join(", ") || "0";

const HEAD = ["mentions", "dropped", "repairs", "failed", "tokens read", "tokens written", "cost"].map((name) => [name, { class: "number" }]);

const figuresOf = (row) =>
  row.left_out
    ? [[`not asked: left out ${row.left_out}`, { colspan: HEAD.length }]]
    : [whole(row.spans), dropped(row), whole(row.repairs), `${row.failed} of ${row.documents}`, whole(row.usage.prompt_tokens), whole(row.usage.completion_tokens), money(row.usage)].map((text) => [text, { class: "number" }]);

function annotatorTable(view) {
  const { benchmark, round } = view;
  const rows = round.annotators.map((row) => {
    const settings = benchmark.annotators[row.name];
    const how = `${settings.model}${settings.style ? `, ${settings.style.replace("_", "-")}` : ""}${settings.temperature !== undefined ? `, temperature ${settings.temperature}` : ""}`;
    return [el("span", null, row.name, el("small", null, how)), ...figuresOf(row)];
  });
  const failed = round.annotators.filter((row) => row.failures.length);
  return [
    table(`Annotators in round ${round.number}`, ["annotator", ...HEAD], rows),
    failed.length
      ? failed.map((row) => el("div", null, el("h3", null, `${row.name}: ${counted(row.failed, "document")} without an answer${row.failures.length < row.failed ? `, the first ${row.failures.length}` : ""}`), el("ul", null, row.failures.map(([id, code, why]) => el("li", null, quoted(id), ": ", el("b", null, code), ", ", quoted(why))))))
      : el("p", { class: "note" }, "No document failed in this round. A failed document would be left out of its annotator's votes, never counted as empty."),
  ];
}

function testTable(view) {
  const { test } = view.benchmark;
  if (!test.length) return null;
  return el("div", null, el("h3", null, "On the test documents, chosen annotator"), table("Test predictions", ["guideline", ...HEAD], test.map((row) => [`${row.guideline === "selected" ? "of the chosen round" : "of round 0"}`, ...figuresOf(row)])));
}
