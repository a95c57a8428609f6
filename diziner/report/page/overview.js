// All benchmarks on one page: the table, agreement by round, F1 by agreement.

import { el, computedNote, details, section, table, warnings } from "./dom.js";
import { counted, figure, interval, money, signed, toBenchmark, verdict, whole } from "./format.js";
import { figureOf, sparkline, whisker } from "./charts.js";
import { correlation } from "./correlation.js";

export function overview(data) {
  const run = data.benchmarks.filter((b) => b.rounds.length);
  return [
    el("h1", { tabindex: "-1" }, "Where annotators disagree, and what refinement made of it"),
    el("p", { class: "lead" }, headline(data, run)),
    run.length ? null : el("p", { class: "empty" }, "Nothing has been run yet. `dvc repro` runs the pipeline; then build this page again."),
    ...warnings(data.unread),
    section("benchmarks", "Benchmarks", data.benchmarks.length ? benchmarkTable(data) : null, tableNote(data), computedNote(data), published(data)),
    correlation(data),
    run.length ? section("plots", "Agreement and scores", el("div", { class: "pair" }, agreementPlot(run), scorePlot(data, run))) : null,
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

const last = (benchmark) => benchmark.rounds[benchmark.rounds.length - 1];

/** The test predictions that the headline is made of, whatever the guideline is called. */
function failures(benchmark) {
  const rows = [...benchmark.rounds.flatMap((r) => r.annotators.filter((a) => !a.left_out)), ...benchmark.test];
  return [rows.reduce((sum, row) => sum + row.failed, 0), rows.reduce((sum, row) => sum + row.documents, 0)];
}

function benchmarkTable(data) {
  const columns = ["benchmark", "rounds", "agreement, first to last round", "chosen annotator", `${data.protocol} [95 %]`, "gain over round 0 [95 %]", "failed", "cost"];
  const labelled = (content, i, extra) => [content, { "data-label": columns[i], ...extra }];
  const rows = data.benchmarks.map((b) => {
    const name = el("a", { href: toBenchmark(b.name) }, b.name);
    const figures = b.figures;
    const title = el("span", null, name, el("small", null, b.title), b.state ? el("small", { class: "state" }, b.state.text) : null);
    if (!b.rounds.length) return figures ? [[title, {}], ...metricCells(b, figures, labelled)] : [name, [b.left_out ? `left out: ${b.left_out}` : b.state ? b.state.text : "not run yet", { colspan: columns.length - 1 }]];
    const [failed, asked] = failures(b);
    return [
      [title, {}],
      labelled(`${b.rounds.length}`, 1, { class: "number" }),
      labelled(agreementCell(b), 2),
      labelled(b.selection ? el("span", { class: "whole" }, b.selection.voters.length ? `vote of ${b.selection.voters.length}` : b.selection.annotator, el("small", null, `round ${b.selection.round}`)) : "–", 3),
      labelled(scoreCell(b, figures), 4),
      labelled(gainCell(b), 5),
      labelled(el("span", null, whole(failed), el("small", null, `of ${whole(asked)}`)), 6, { class: "number" }),
      labelled(el("span", null, money(b.usage), el("small", null, counted(b.usage.answers, "answer"))), 7, { class: "number" }),
    ];
  });
  return table("Benchmarks with agreement, chosen annotator and scores", columns, rows, { class: "stack" });
}

/** A benchmark of which nothing is here but its metrics: its outputs have not been fetched, or its rounds cannot be read. */
function metricCells(b, figures, labelled) {
  const none = el("span", { class: "faint" }, "–");
  return [
    labelled(`${figures.rounds}`, 1, { class: "number" }),
    labelled(`${figure(figures.agreement_first)} → ${figure(figures.agreement_last)}`, 2),
    labelled(el("span", { class: "whole" }, figures.annotator, el("small", null, `round ${figures.round}`)), 3),
    labelled(scoreCell(b, figures), 4),
    labelled(figures.gain === null || figures.round === 0 ? none : el("span", { class: "whole" }, signed(figures.gain), el("small", null, interval(figures.gain_low, figures.gain_high))), 5),
    labelled(none, 6, { class: "number" }),
    labelled(none, 7, { class: "number" }),
  ];
}

function agreementCell(b) {
  const values = b.rounds.map((r) => r.figures.agreement);
  const text = values.length > 1 ? `${figure(values[0])} → ${figure(values[values.length - 1])}` : figure(values[0]);
  const n = [...new Set([b.rounds[0].agreement.documents, last(b).agreement.documents])].join(", then ");
  return el("span", { class: "with" }, sparkline(values, `Agreement by round: ${values.map((v) => figure(v)).join(", ")}`), el("span", null, text, el("small", null, `n = ${n} documents`)));
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
  return el("span", { class: "whole" }, signed(gain.difference), el("small", null, interval(gain.low, gain.high)), el("small", null, verdict(gain)));
}

function tableNote(data) {
  return el(
    "p",
    { class: "note" },
    `Agreement: mean pairwise strict span F1 of the annotators on a round's n pilot documents. ${data.protocol}: the chosen annotator on n test documents; intervals by document bootstrap. Gain: against round 0's guideline on the same documents, paired. Failed: documents without an answer, of all that annotators were asked, pilot and test. Cost: of the answers behind these results, each counted once; calls that failed are not in it.`,
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

function agreementPlot(run) {
  const rounds = 1 + Math.max(...run.map((b) => last(b).number));
  const series = run.map((b) => {
    return {
      name: b.name,
      joined: true,
      label: `${b.name}: ${b.rounds.map((r) => `round ${r.number} ${figure(r.figures.agreement)}`).join(", ")}`,
      points: b.rounds.map((r) => ({ x: r.number, y: r.figures.agreement, text: `${b.name}, round ${r.number}: ${figure(r.figures.agreement)}` })),
    };
  });
  const numbers = Array.from({ length: rounds }, (_, k) => k);
  const fresh = run.some((b) => b.rounds.length > 1 && !b.same_documents);
  const note =
    rounds === 1
      ? "One round so far: a line needs two."
      : fresh
        ? "Each round has documents of its own, so a step up or down is partly the documents."
        : "All rounds have the same documents.";
  return figureOf(
    "Agreement by round",
    note,
    { series, xTitle: "round", yTitle: "agreement (strict span F1)", xTicks: numbers.map((k) => [k, `${k}`]), xRange: [0, Math.max(1, rounds - 1)], yRange: [0, 1] },
    details(
      "The figures as a table",
      table("Agreement by round", ["benchmark", ...numbers.map((k) => [`round ${k}`, { class: "number" }])], run.map((b) => [b.name, ...numbers.map((k) => [b.rounds.some((r) => r.number === k) ? figure(b.rounds.find((r) => r.number === k).figures.agreement) : "–", { class: "number" }])])),
    ),
  );
}

/** Every annotator in every round that has gold: what agreement says about F1. */
function scorePlot(data, run) {
  const points = run.flatMap((b) =>
    b.rounds.flatMap((r) => {
      const scores = (b.scores && b.scores.pilot[r.number]) || {};
      return r.agreement.annotators
        .filter((name) => scores[name] !== null && scores[name] !== undefined)
        .map((name) => ({ benchmark: b.name, round: r.number, name, n: r.gold, agreement: r.agreement.mean[name], f1: scores[name], chosen: Boolean(b.selection) && b.selection.round === r.number && b.selection.annotator === name }));
    }),
  );
  if (!points.length) return el("figure", null, el("figcaption", null, el("h3", null, "F1 by agreement")), el("p", { class: "empty" }, "No pilot document has gold, so what agreement says about F1 cannot be shown."));
  const series = run
    .map((b) => ({ b, own: points.filter((p) => p.benchmark === b.name) }))
    .filter(({ own }) => own.length)
    .map(({ b, own }) => ({
      name: b.name,
      label: `${b.name}: ${place(b)}`,
      points: own.map((p) => ({ x: p.agreement, y: p.f1, strong: p.chosen, text: `${p.name}, ${b.name}, round ${p.round}: agreement ${figure(p.agreement)}, F1 ${figure(p.f1)}, n = ${p.n}${p.chosen ? "; chosen" : ""}` })),
    }));
  const checked = run.filter((b) => b.choice);
  const best = checked.filter((b) => b.choice.place === 1).length;
  return figureOf(
    "F1 by agreement",
    `Each dot is an annotator in a round; filled: the chosen one. The choice saw no gold, and is the best by pilot F1 on ${best} of ${checked.length}.`,
    { series, xTitle: "mean agreement with the others", yTitle: `pilot ${data.protocol}`, xTicks: [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => [t, t.toFixed(1)]), xRange: [0, 1], yRange: [0, 1] },
    details(
      "The figures as a table",
      table(
        "Agreement and pilot F1 by annotator and round",
        ["benchmark", ["round", { class: "number" }], "annotator", ["agreement", { class: "number" }], ["F1", { class: "number" }], ["n", { class: "number" }]],
        points.map((p) => [p.benchmark, [`${p.round}`, { class: "number" }], p.name + (p.chosen ? " (chosen)" : ""), [figure(p.agreement), { class: "number" }], [figure(p.f1), { class: "number" }], [`${p.n}`, { class: "number" }]]),
      ),
    ),
  );
}

const place = (b) => (b.choice ? `the chosen annotator is number ${b.choice.place} of ${b.choice.of} by pilot F1 (${figure(b.choice.f1)}; best ${figure(b.choice.best)})` : "no choice yet");
