// All benchmarks on one page: the table, agreement by round, F1 by agreement.

import { el, computedNote, details, section, warnings } from "./dom.js";
import { counted, figure, interval, money, signed, toBenchmark, verdict, whole } from "./format.js";
import { scale, sparkline, whisker } from "./charts.js";
import { correlation } from "./correlation.js";
import { comparisonLine, firstScreen, settingsTable } from "./firstscreen.js";
import { topDecisions } from "./decisions.js";
import { agreementPlot, scorePlot } from "./plots.js";
import { table } from "./tables.js";

export function overview(data) {
  const run = data.benchmarks.filter((b) => b.rounds.length);
  const decisions = topDecisions(run);
  return [
    el("h1", { tabindex: "-1" }, "Where annotators disagree, and what refinement made of it"),
    el("p", { class: "lead" }, headline(data, run)),
    run.length ? null : el("p", { class: "empty" }, "Nothing has been run yet. `dvc repro` runs the pipeline; then build this page again."),
    ...warnings(data.unread),
    firstScreen(data, run),
    comparisonLine(data),
    settingsTable(data),
    section("benchmarks", "Benchmarks", data.benchmarks.length ? benchmarkTable(data) : null, tableNote(data), computedNote(data), published(data)),
    decisions ? section("decide", "Five decisions that would settle most", decisions) : null,
    run.length ? section("plots", "Agreement and scores", el("div", { class: run.length > 4 ? "stacked" : "pair" }, agreementPlot(run), scorePlot(data, run))) : null,
    correlation(data),
  ];
}

function headline(data, run) {
  if (!run.length) return `${counted(data.benchmarks.length, "benchmark")} in the pipeline.`;
  const rounds = Math.max(...run.map((b) => b.rounds.length));
  const annotators = new Set(run.flatMap((b) => Object.keys(b.annotators))).size;
  const rose = run.filter((b) => last(b).figures.agreement > b.rounds[0].figures.agreement).length;
  const scored = run.filter((b) => b.scores && b.scores.gain);
  const gains = scored.filter((b) => b.selection.round > 0).map((b) => verdict(b.scores.gain));
  const text = [
    `${counted(annotators, "annotator")} labelled the same pilot documents of ${counted(run.length, "benchmark")} in ${counted(rounds, "round")}.`,
  ];
  if (rounds > 1) text.push(`Agreement rose from the first to the last round on ${rose} of ${run.length}.`);
  if (scored.length) {
    const initial = scored.length - gains.length;
    const many = (word) => gains.filter((g) => g === word).length;
    if (gains.length) text.push(`On ${gains.length} of ${scored.length} a refined guideline was chosen; against the initial one, on the same test documents, it scores better beyond noise on ${many("better")}, worse on ${many("worse")}, and within noise on ${many("within noise")}.`);
    if (initial) text.push(`On ${gains.length ? `the other ${initial}` : `all ${initial}`} agreement chose the initial guideline.`);
  } else text.push("There is no gold, so there are no scores: agreement is all that is known.");
  return text.join(" ");
}

const GAIN = 0.2; // the ends of the scale of gains; beyond it a whisker stands at the end

const last = (benchmark) => benchmark.rounds[benchmark.rounds.length - 1];

/** The test predictions that the headline is made of, whatever the guideline is called. */
function failures(benchmark) {
  const rows = [...benchmark.rounds.flatMap((r) => r.annotators.filter((a) => !a.left_out)), ...benchmark.test];
  return [rows.reduce((sum, row) => sum + row.failed, 0), rows.reduce((sum, row) => sum + row.documents, 0)];
}

function benchmarkTable(data) {
  const columns = ["benchmark", "agreement, first to last round", "chosen annotator", `${data.protocol} [95 %]`, "gain over round 0 [95 %]", "failed", "cost"];
  const labelled = (content, i, extra) => [content, { "data-label": columns[i], ...extra }];
  const rows = data.benchmarks.map((b) => {
    const name = el("a", { href: toBenchmark(b.name) }, b.name);
    const figures = b.figures;
    const title = el("span", null, name, el("small", null, b.title), b.state ? el("small", { class: "state" }, b.state.text) : null);
    if (!b.rounds.length) return figures ? [[title, {}], ...metricCells(b, figures, labelled)] : [name, [b.left_out ? `left out: ${b.left_out}` : b.state ? b.state.text : "not run yet", { colspan: columns.length - 1 }]];
    const [failed, asked] = failures(b);
    return [
      [title, {}],
      labelled(agreementCell(b), 1),
      labelled(b.selection ? el("span", { class: "whole" }, b.selection.voters.length ? `vote of ${b.selection.voters.length}` : b.selection.annotator, el("small", null, `round ${b.selection.round}`)) : "–", 2),
      labelled(scoreCell(b, figures), 3),
      labelled(gainCell(b), 4),
      labelled(el("span", null, whole(failed), el("small", null, `of ${whole(asked)}`)), 5, { class: "number" }),
      labelled(el("span", null, money(b.usage), el("small", null, counted(b.usage.answers, "answer"))), 6, { class: "number" }),
    ];
  });
  const heads = columns.map((name, i) => (i === 3 ? [el("span", null, name, scale()), {}] : i === 4 ? [el("span", null, name, scale(-GAIN, GAIN)), {}] : name));
  return table("Benchmarks with agreement, chosen annotator and scores", heads, rows, { class: "stack", csv: () => benchmarkRows(data) });
}

/** A benchmark of which nothing is here but its metrics: its outputs have not been fetched, or its rounds cannot be read. */
function metricCells(b, figures, labelled) {
  const none = el("span", { class: "faint" }, "–");
  return [
    labelled(`${figure(figures.agreement_first)} → ${figure(figures.agreement_last)}`, 1),
    labelled(el("span", { class: "whole" }, figures.annotator, el("small", null, `round ${figures.round}`)), 2),
    labelled(scoreCell(b, figures), 3),
    labelled(figures.gain === null || figures.round === 0 ? none : el("span", { class: "whole" }, signed(figures.gain), el("small", null, interval(figures.gain_low, figures.gain_high))), 4),
    labelled(none, 5, { class: "number" }),
    labelled(none, 6, { class: "number" }),
  ];
}

function agreementCell(b) {
  const values = b.rounds.map((r) => r.figures.agreement);
  const text = values.length > 1 ? `${figure(values[0])} → ${figure(values[values.length - 1])}` : figure(values[0]);
  const n = [...new Set([b.rounds[0].agreement.documents, last(b).agreement.documents])].join(", then ");
  return el("span", { class: "with" }, sparkline(values, `Agreement by round: ${values.map((v) => figure(v)).join(", ")}`), el("span", null, text, el("small", null, `${counted(b.rounds.length, "round")}, n = ${n}`)));
}

function scoreCell(b, figures) {
  if (!figures || figures.f1 === null) return el("span", { class: "faint" }, "no gold");
  const bounds = interval(figures.f1_low, figures.f1_high);
  return el(
    "span",
    { class: "with" },
    whisker(figures.f1, figures.f1_low, figures.f1_high, `F1 ${figure(figures.f1)} ${bounds}`),
    el("span", null, `${figure(figures.f1)} ${bounds}`, el("small", null, `n = ${b.scored} test documents`)),
  );
}

function gainCell(b) {
  const gain = b.scores && b.scores.gain;
  if (!gain) return el("span", { class: "faint" }, "–");
  if (b.selection.round === 0) return el("span", { class: "faint" }, "–", el("small", null, "round 0 was chosen"));
  const bounds = interval(gain.low, gain.high);
  return el(
    "span",
    { class: "with" },
    whisker(gain.difference, gain.low, gain.high, `gain ${signed(gain.difference)} ${bounds}`, -GAIN, GAIN),
    el("span", { class: "whole" }, signed(gain.difference), el("small", null, bounds), el("small", null, verdict(gain))),
  );
}

/** The table's figures by themselves, for a file. */
function benchmarkRows(data) {
  const head = ["benchmark", "state", "rounds", "agreement_first", "agreement_last", "annotator", "round", "f1", "f1_low", "f1_high", "test_documents", "gain", "gain_low", "gain_high", "answers", "usd"];
  return [
    head,
    ...data.benchmarks.map((b) => {
      const f = b.figures || {};
      return [b.name, b.left_out ? "left out" : b.state ? b.state.state : b.rounds.length || b.figures ? "" : "not run", b.rounds.length || f.rounds, f.agreement_first, f.agreement_last, f.annotator, f.round, f.f1, f.f1_low, f.f1_high, b.scored, f.gain, f.gain_low, f.gain_high, b.usage.answers, b.usage.usd];
    }),
  ];
}

function tableNote(data) {
  return el(
    "p",
    { class: "note" },
    `Agreement: mean pairwise strict span F1 of the annotators on a round's n pilot documents, drawn between the lines of 0 and 1. ${data.protocol}: the chosen annotator on n test documents; intervals by document bootstrap. Gain: against round 0's guideline on the same documents, paired. Failed: documents without an answer, of all that annotators were asked, pilot and test. Cost: of the answers behind these results, each counted once; calls that failed are not in it.`,
  );
}

/** Published figures of others, apart from ours. */
function published(data) {
  const { heading, columns, rows, notes } = data.published || { rows: {} };
  const known = data.benchmarks.filter((b) => rows[b.name]);
  if (!known.length) return null;
  const cell = (value) => [value ? el("span", null, value[0].toFixed(1), el("small", null, value[1])) : "–", { class: "number" }];
  return details(
    heading,
    table("Published F1 by benchmark, in percent", ["benchmark", ...columns.map(([, title]) => [title, { class: "number" }])], known.map((b) => [b.name, ...columns.map(([key]) => cell(rows[b.name][key]))])),
    el("p", { class: "note" }, notes.join(". ")),
  );
}
