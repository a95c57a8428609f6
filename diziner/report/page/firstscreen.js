// The first screen: which run this is, its models and settings, its cost, and what refinement changed.

import { details, el, quoted } from "./dom.js";
import { counted, figure, money, whole } from "./format.js";
import { table } from "./tables.js";

export function firstScreen(data, run) {
  const fact = (name, value, ...notes) => el("div", null, el("dt", null, name), el("dd", null, el("b", null, value), notes.filter(Boolean).map((note) => el("small", null, note))));
  const { usage, supervisor, digest, profile } = data.run;
  const annotators = entries(data);
  const models = [...new Set(annotators.map(([, own]) => own.model))];
  return el(
    "dl",
    { class: "facts", id: "run" },
    fact("run", digest, ...when(data.run), profile ? `profile ${profile}` : null),
    fact("annotators", whole(annotators.length), models.join(", "), `refined by ${supervisor}`),
    fact("documents", documents(data, run), sources(data.run)),
    run.length ? fact("agreement", moved(run), `mean over ${counted(run.length, "benchmark")}, first to last round`) : null,
    fact("cost", money(usage), `${counted(usage.answers, "answer")}, ${whole(usage.prompt_tokens + usage.completion_tokens)} tokens${usage.known < usage.answers ? `; ${usage.answers - usage.known} not at hand` : ""}`),
    run.length ? fact("what changed", changed(run), "lines of guidelines that refinement wrote, changed or took out") : null,
  );
}

/** When this was: the commit's date in a copy that names one, else the file's own, which the browser knows. */
function when({ commit }) {
  if (commit) return [`commit ${commit.id}, ${commit.date}`, commit.subject, commit.changed ? "with changes that are not committed" : null];
  if (location.protocol !== "file:") return [];
  const written = new Date(document.lastModified);
  return [`file written ${new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(written)}`];
}

const entries = (data) => [...new Map(data.benchmarks.flatMap((b) => Object.entries(b.annotators)))].sort(([a], [b]) => (a < b ? -1 : 1));

function documents(data, run) {
  const test = run.reduce((sum, b) => sum + (b.scored || (b.test[0] ? b.test[0].documents : 0)), 0);
  const pilot = run.reduce((sum, b) => sum + b.rounds.reduce((all, r) => all + r.documents_total, 0), 0);
  return run.length ? `${whole(pilot)} + ${whole(test)}` : "–";
}

const sources = ({ sources: names, rounds, pilot }) => `pilot + test; ${counted(rounds, "round")} of ${pilot.documents}${names.length ? `, source ${names.join(", ")}` : ""}`;

function moved(run) {
  const mean = (pick) => run.reduce((sum, b) => sum + pick(b).figures.agreement, 0) / run.length;
  const [first, last] = [mean((b) => b.rounds[0]), mean((b) => b.rounds[b.rounds.length - 1])];
  return run.some((b) => b.rounds.length > 1) ? `${figure(first)} → ${figure(last)}` : figure(first);
}

function changed(run) {
  const count = { new: 0, modified: 0, removed: 0 };
  for (const line of run.flatMap((b) => b.rounds.flatMap((r) => r.guideline.flatMap((block) => block.lines)))) if (line.kind === "instruction" && line.status in count) count[line.status] += 1;
  return `+${count.new} ±${count.modified} −${count.removed}`;
}

/** The way to the comparison, with what it says in a line where there is one. */
export function comparisonLine({ comparison }) {
  const verdicts = comparison ? comparison.benchmarks.map((row) => row.verdict) : [];
  const many = (word) => verdicts.filter((verdict) => verdict === word).length;
  const said = comparison ? [`Against `, quoted(comparison.old), `: better on ${many("better")}, worse on ${many("worse")}, within noise on ${many("within noise")}, the same on ${many("same")}. `] : [];
  return el("p", { class: "note" }, said, el("a", { href: "#/compare" }, comparison ? "Both side by side" : "Beside another run"));
}

/** All models with their settings, and how documents were drawn. */
export function settingsTable(data) {
  const { pilot, test, rounds, supervisor } = data.run;
  const rows = entries(data).map(([name, own]) => [quoted(name), own.other ? `${own.model} (not a language model)` : own.model, own.style ? own.style.replace("_", "-") : "–", own.temperature === undefined ? "–" : String(own.temperature)]);
  return details(
    "Models and settings",
    table("Annotators and their settings", ["annotator", "model", "prompt style", "temperature"], rows),
    el("p", { class: "note" }, `Supervisor: ${supervisor}. ${counted(rounds, "round")}; ${counted(pilot.documents, "pilot document")} a round, drawn by ${pilot.method}, ${pilot.mode === "fixed" ? "the same in each" : "new in each"}; at most ${counted(test, "test document")}.`),
  );
}
