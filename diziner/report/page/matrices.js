// Heat maps with their numbers: who agrees with whom, and which types are taken for which.

import { choose, details, el } from "./dom.js";
import { counted, figure, share } from "./format.js";
import { framed, table } from "./tables.js";

const state = { measure: "strict_span_f1", against: "" };

function heat(caption, head, rows, corner) {
  return framed(
    caption,
    el(
      "table",
      { class: "heat" },
      el("caption", { class: "hidden" }, caption),
      el("thead", null, el("tr", null, el("th", { scope: "col" }, corner), head.map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", null, rows.map(([name, cells]) => el("tr", null, el("th", { scope: "row" }, name), cells.map(cellOf)))),
    ),
  );
}

function cellOf({ text, value, own }) {
  const cell = el("td", { class: [own && "own", text === "0" && "zero"].filter(Boolean).join(" ") }, text);
  // The policy forbids style attributes, not the style of an element.
  cell.style.setProperty("--value", String(Math.max(0, Math.min(1, value))));
  return cell;
}

export function agreementMatrix(round, data, known = {}) {
  const { annotators, pairs, mean, weights, coalition, common } = round.agreement;
  const box = el("div");
  const measures = data.pair_measures.filter(([key]) => pairs[key]);
  const documents = (i, j) => (common && common[i][j] < round.agreement.documents ? ` (n = ${common[i][j]})` : "");
  const draw = () => {
    const name = measures.find(([key]) => key === state.measure)[1];
    const rows = annotators.map((one, i) => [
      one,
      annotators.map((_, j) => ({ text: i === j ? "–" : figure(pairs[state.measure][i][j], 2) + documents(i, j), value: i === j ? 0 : pairs[state.measure][i][j], own: i === j })),
    ]);
    box.replaceChildren(heat(`Pairwise ${name}, ${counted(round.agreement.documents, "document")}`, annotators, rows, "annotator"));
  };
  if (annotators.length < 2) return el("p", { class: "empty" }, "One annotator took part: there is nobody to agree with.");
  if (!measures.some(([key]) => key === state.measure)) state.measure = measures[0][0];
  draw();
  return el(
    "div",
    null,
    choose("Measure", measures, state.measure, (value) => {
      state.measure = value;
      draw();
    }),
    box,
    el("p", { class: "note" }, `Over the documents that both of a pair answered, at most ${counted(round.agreement.documents, "document")}. ${data.set_measures.map(([key, title]) => `${title} ${figure(round.figures[key])}`).join(", ")}.`),
    el("ul", { class: "weights" }, annotators.map((name) => el("li", null, el("b", null, name), ` mean agreement ${figure(mean[name])}, weight ${figure(weights[name], 2)}`, coalition.includes(name) ? el("span", { class: "tag" }, "coalition") : null, known[name]?.other ? el("span", { class: "tag" }, known[name].model) : null))),
  );
}

const dense = (cells, size) => {
  const made = Array.from({ length: size }, () => Array(size).fill(0));
  for (const [i, j, count] of cells) made[i][j] = count;
  return made;
};

export function confusionMatrix(round) {
  const { labels, between, consensus } = round.confusion;
  const names = Object.keys(consensus).sort();
  if (!names.includes(state.against)) state.against = "";
  const box = el("div");
  const draw = () => {
    const counts = dense(state.against ? consensus[state.against] : between, labels.length);
    const rows = counts.map((row, i) => {
      // O against O dwarfs everything and says nothing about types.
      const total = row.reduce((sum, count, j) => sum + (i || j ? count : 0), 0);
      return [labels[i], row.map((count, j) => ({ text: String(count), value: (i || j) && total ? (i === j ? 0.35 : 1) * (count / total) : 0, own: i === j }))];
    });
    const title = state.against ? `Tokens by the consensus's type (rows) and ${state.against}'s (columns)` : "Tokens by the types that two annotators gave, over all pairs";
    box.replaceChildren(heat(title, labels, rows, state.against ? "consensus" : "type"), el("p", { class: "note" }, `${title}; B and I put aside. Shades: share of the row, where sides differ.`));
  };
  draw();
  return el(
    "div",
    null,
    choose("Compare", [["", "annotators with each other"], ...names.map((name) => [name, `${name} with the consensus`])], state.against, (value) => {
      state.against = value;
      draw();
    }),
    box,
  );
}

/** Scores of the chosen annotator by type, with the counts they come from. */
export function typeScores(benchmark) {
  const types = benchmark.scores?.selected?.types;
  if (!types) return null;
  return details(
    `Scores by type: ${benchmark.scores.protocol}, ${counted(benchmark.scored, "test document")}`,
    table(
      "Scores by type",
      ["type", ...["F1", "precision", "recall", "correct", "predicted", "gold"].map((name) => [name, { class: "number" }])],
      Object.entries(types).map(([name, s]) => [name, ...[figure(s.f1), share(s.precision), share(s.recall), s.correct, s.predicted, s.gold].map((text) => [String(text), { class: "number" }])]),
    ),
  );
}
