// Does agreement predict F1? Correlations by benchmark, beside the paper's.

import { el, section } from "./dom.js";
import { figure, interval, toBenchmark } from "./format.js";
import { scale, whisker } from "./charts.js";
import { table } from "./tables.js";

/** The answer in a sentence and by benchmark; nothing where no benchmark has scores. */
export function correlation({ correlation: data }) {
  if (!data) return null;
  const { question, answer, kinds, rows, mean, paper, notes } = data;
  const text = (own) => el("span", { class: "whole" }, figure(own.value), el("small", null, interval(own.low, own.high)));
  // The first alone is drawn: the page is no wider.
  const shown = (own, title, first) => {
    if (!own || own.value === null) return el("span", { class: "faint" }, "not defined");
    if (!first) return text(own);
    return el("span", { class: "with" }, whisker(own.value, own.low, own.high, `${title} ${figure(own.value)} ${interval(own.low, own.high)}`, -1), text(own));
  };
  // The paper's column stands beside the one that it is to be compared with.
  const columns = kinds.flatMap(([kind, title], i) => [
    { head: `${title} [95 %]`, cell: (own) => shown(own[kind], title, i === 0) },
    ...(paper && paper.kind === kind ? [{ head: "the paper's", cell: (own, name) => figure(name === null ? paper.mean : paper.values[name]) }] : []),
  ]);
  const heads = ["benchmark", "points", ...columns.map(({ head }) => head)];
  const cells = (own, name) => [own.points ?? "", ...columns.map(({ cell }) => cell(own, name))].map((content, i) => [content, { "data-label": heads[i + 1] }]);
  const lines = Object.entries(rows).map(([name, own]) => [el("a", { href: toBenchmark(name) }, name), ...cells(own, name)]);
  if (lines.length > 1) lines.push(["mean", ...cells(mean, null)]);
  return section(
    "correlation",
    question,
    el("p", { class: "lead" }, answer),
    table("Correlation of agreement with F1 by benchmark", heads.map((head, i) => (i === 2 ? [el("span", null, head, scale(-1, 1)), {}] : head)), lines, {
      class: "stack",
      csv: () => [
        ["benchmark", "points", ...kinds.flatMap(([kind]) => [kind, `${kind}_low`, `${kind}_high`]), ...(paper ? [`paper_${paper.kind}`] : [])],
        ...Object.entries(rows).map(([name, own]) => [name, own.points, ...kinds.flatMap(([kind]) => [own[kind]?.value, own[kind]?.low, own[kind]?.high]), ...(paper ? [paper.values[name]] : [])]),
      ],
    }),
    el("p", { class: "note" }, notes.join(" ")),
  );
}
