// The two charts of the overview: agreement by round, F1 by agreement.

import { choose, details, el } from "./dom.js";
import { counted, figure, interval } from "./format.js";
import { figureOf, legend, multiples, scatter } from "./charts.js";
import { table } from "./tables.js";

const number = (text) => [text, { class: "number" }];
const last = (benchmark) => benchmark.rounds[benchmark.rounds.length - 1];

export function agreementPlot(run) {
  const numbers = Array.from({ length: 1 + Math.max(...run.map((b) => last(b).number)) }, (_, k) => k);
  const series = run.map((b) => ({
    name: b.name,
    label: `${b.name}: ${b.rounds.map((r) => `round ${r.number} ${figure(r.figures.agreement)}`).join(", ")}`,
    points: b.rounds.map((r) => ({ x: r.number, y: r.figures.agreement })),
  }));
  const fresh = run.some((b) => b.rounds.length > 1 && !b.same_documents);
  const documents = numbers.length === 1 ? "One round so far: a line needs two." : fresh ? "Each round has documents of its own, so a step up or down is partly the documents." : "All rounds have the same documents.";
  const of = (b, k) => b.rounds.find((r) => r.number === k);
  return figureOf(
    "Agreement by round",
    `Mean pairwise strict span F1 of the annotators; at the right the last round's, above it the change since the first. ${documents}`,
    (width) => multiples({ series, rounds: numbers, xTitle: "round", yTitle: "agreement (strict span F1)" }, width),
    details(
      "The figures as a table",
      table("Agreement by round", ["benchmark", ...numbers.map((k) => number(`round ${k}`))], run.map((b) => [b.name, ...numbers.map((k) => number(of(b, k) ? figure(of(b, k).figures.agreement) : "–"))]), {
        csv: () => [["benchmark", "round", "agreement", "documents"], ...run.flatMap((b) => b.rounds.map((r) => [b.name, r.number, r.figures.agreement, r.agreement.documents]))],
      }),
    ),
  ).node;
}

/** Every annotator in every round that has gold: what agreement says about F1. */
export function scorePlot(data, run) {
  const points = run.flatMap((b) =>
    b.rounds.flatMap((r) => {
      const scores = (b.scores && b.scores.pilot[r.number]) || {};
      return r.agreement.annotators
        .filter((name) => scores[name] !== null && scores[name] !== undefined)
        .map((name) => ({ benchmark: b.name, round: r.number, name, n: r.gold, agreement: r.agreement.mean[name], f1: scores[name], chosen: Boolean(b.selection) && b.selection.round === r.number && b.selection.annotator === name }));
    }),
  );
  if (!points.length) return el("figure", null, el("figcaption", null, el("h3", null, "F1 by agreement")), el("p", { class: "empty" }, "No pilot document has gold, so what agreement says about F1 cannot be shown."));
  const state = { benchmark: "", on: null };
  const names = [...new Set(points.map((p) => p.name))].sort();
  const shown = () =>
    names.map((name) => {
      const own = points.filter((p) => p.name === name && (!state.benchmark || p.benchmark === state.benchmark));
      const chosen = own.filter((p) => p.chosen).length;
      const mean = (key) => figure(own.reduce((sum, p) => sum + p[key], 0) / own.length);
      return {
        name,
        label: own.length ? `${name}: ${counted(own.length, "point")}, mean agreement ${mean("agreement")}, mean F1 ${mean("f1")}; chosen ${chosen} times` : `${name}: no point here`,
        points: own.map((p) => ({ x: p.agreement, y: p.f1, strong: p.chosen, text: `${p.name}, ${p.benchmark}, round ${p.round}: agreement ${figure(p.agreement)}, F1 ${figure(p.f1)}, n = ${p.n}${p.chosen ? "; chosen" : ""}` })),
      };
    });
  const checked = run.filter((b) => b.choice);
  const best = checked.filter((b) => b.choice.place === 1).length;
  const said = el("p", { class: "said", "aria-live": "polite" });
  const keys = el("div");
  const update = () => {
    keys.replaceChildren(legend(shown(), state.on, (name) => { state.on = name; update(); plot.redraw(); const at = names.indexOf(name ?? state.last); state.last = name ?? state.last; keys.querySelectorAll("button")[at]?.focus(); }));
    const one = shown().find((each) => each.name === state.on);
    said.replaceChildren(one ? one.label : "");
  };
  const plot = figureOf(
    "F1 by agreement",
    `Each mark is an annotator in a round; filled: the chosen one. The choice saw no gold, and is the best by pilot F1 on ${best} of ${checked.length}.`,
    (width) => scatter({ series: shown(), on: state.on, xTitle: "mean agreement with the others", yTitle: `pilot ${data.protocol}`, diagonal: "F1 = agreement", said: coefficient(data, state.benchmark) }, width),
    keys,
    said,
    run.length > 1 ? choose("Points of", [["", "all benchmarks"], ...run.filter((b) => points.some((p) => p.benchmark === b.name)).map((b) => [b.name, b.name])], "", (value) => { state.benchmark = value; update(); plot.redraw(); }) : null,
    details(
      "The figures as a table",
      table(
        "Agreement and pilot F1 by annotator and round",
        ["benchmark", number("round"), "annotator", number("agreement"), number("F1"), number("n")],
        points.map((p) => [p.benchmark, number(`${p.round}`), p.name + (p.chosen ? " (chosen)" : ""), number(figure(p.agreement)), number(figure(p.f1)), number(`${p.n}`)]),
        { csv: () => [["benchmark", "round", "annotator", "agreement", "f1", "documents", "chosen"], ...points.map((p) => [p.benchmark, p.round, p.name, p.agreement, p.f1, p.n, p.chosen ? "yes" : "no"])] },
      ),
    ),
  );
  update();
  return plot.node;
}

/** The correlation that the points have, as two lines in the chart. */
function coefficient({ correlation }, name) {
  if (!correlation) return [];
  const rows = Object.entries(correlation.rows);
  const [whole, own] = name ? [`of ${name}`, correlation.rows[name]] : rows.length > 1 ? [`mean over ${rows.length} benchmarks`, correlation.mean] : ["", rows[0][1]];
  const pearson = own && own.pearson;
  if (!pearson || pearson.value === null) return ["r is not defined here"];
  return [`Pearson's r = ${figure(pearson.value)} ${interval(pearson.low, pearson.high)}`, whole].filter(Boolean);
}
