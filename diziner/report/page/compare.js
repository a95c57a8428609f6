// Two runs side by side: the one that the page was built against, or another report's file that the reader opens.

import { el, quoted, section, warnings } from "./dom.js";
import { counted, figure, interval, signed, toBenchmark } from "./format.js";
import { scale, whisker } from "./charts.js";
import { table } from "./tables.js";

const KINDS = { settings: "Settings", prompts: "Prompts", guidelines: "Guidelines", data: "Data", code: "Code" };
let opened = null; // what was read from a file, as long as the page is open

export function compareView(data, redraw) {
  const found = opened || data.comparison;
  return [
    el("p", { class: "kicker" }, el("a", { href: "#/" }, "All benchmarks"), " / two runs"),
    el("h1", { tabindex: "-1" }, "Two runs side by side"),
    found ? el("p", { class: "lead" }, quoted(found.old), " and ", quoted(found.new)) : el("p", { class: "lead" }, "Open another report to see it beside this one."),
    opener(data, redraw),
    found ? section("figures", "Figures", figuresTable(found, data)) : null,
    found ? section("changed", "What else is different", changes(found)) : null,
  ].filter(Boolean);
}

/** Read another report's file; the browser gives it to the page, and nobody else. */
function opener(data, redraw) {
  const said = el("p", { class: "note", role: "status" });
  const input = el("input", {
    type: "file",
    accept: ".html,text/html",
    onchange: async (event) => {
      const [file] = event.target.files;
      if (!file) return;
      try {
        const other = new DOMParser().parseFromString(await file.text(), "text/html").getElementById("data");
        opened = between(JSON.parse(other.textContent), data, file.name);
        redraw();
      } catch {
        said.replaceChildren(...warnings([`${file.name}: is no report of this version of diziner`]));
      }
    },
  });
  return el("div", null, el("label", { class: "choose" }, el("span", null, "Another report.html, read in this browser alone"), input), said);
}

/** What `diziner report --against` says of two runs, as far as two pages tell: no test of what is noise. */
function between(old, data, name) {
  const figures = (of) => Object.fromEntries(of.benchmarks.filter((b) => b.figures).map((b) => [b.name, b.figures]));
  const names = [...new Set([...old.benchmarks, ...data.benchmarks].map((b) => b.name))].sort();
  const pick = (of, key) => of.benchmarks.find((b) => b.name === key);
  const lines = (b) => new Map(b ? b.rounds.slice(-1).flatMap((r) => r.guideline.filter((block) => block.part === "instructions").flatMap((block) => block.lines.filter((line) => line.kind === "instruction" && line.status !== "removed").map((line) => [line.text, `${b.name} ${line.name}: ${line.text}`]))) : []);
  const differing = (a, b) => [...[...a].filter(([key]) => !b.has(key)).map(([, text]) => `- ${text}`), ...[...b].filter(([key]) => !a.has(key)).map(([, text]) => `+ ${text}`)];
  const settings = (of) => new Map([`profile ${of.run.profile}`, `supervisor ${of.run.supervisor}`, `rounds ${of.run.rounds}`, `pilot documents ${JSON.stringify(of.run.pilot)}`, `test documents ${of.run.test}`, ...of.benchmarks.flatMap((b) => Object.entries(b.annotators).map(([key, own]) => `annotator ${key}: ${JSON.stringify(own)}`))].map((text) => [text, text]));
  const same = old.run.digest === data.run.digest;
  return {
    old: `${name} (run ${old.run.digest})`,
    new: `this page (run ${data.run.digest})${same ? ": the same run" : ""}`,
    figures: { old: figures(old), new: figures(data) },
    benchmarks: names.map((key) => ({ benchmark: key })),
    changes: { settings: differing(settings(old), settings(data)), guidelines: names.flatMap((key) => differing(lines(pick(old, key)), lines(pick(data, key)))) },
  };
}

function figuresTable(found, data) {
  const known = new Set(data.benchmarks.map((b) => b.name));
  const value = (own) => (own && own.f1 !== null && own.f1 !== undefined ? el("span", { class: "with" }, whisker(own.f1, own.f1_low, own.f1_high, `F1 ${figure(own.f1)} ${interval(own.f1_low, own.f1_high)}`), el("span", { class: "whole" }, figure(own.f1), el("small", null, interval(own.f1_low, own.f1_high)), own.documents ? el("small", null, `n = ${own.documents}`) : null)) : el("span", { class: "faint" }, own ? "no gold" : "not there"));
  const heads = ["benchmark", "F1, other run", "F1, this run", "change [95 %]", "agreement, other → this"];
  const rows = found.benchmarks.map((row) => {
    const [old, own] = [found.figures.old[row.benchmark], found.figures.new[row.benchmark]];
    const change = row.change ?? (old && own && typeof old.f1 === "number" && typeof own.f1 === "number" ? own.f1 - old.f1 : null);
    const said = change === null ? "–" : el("span", { class: "whole" }, signed(change), row.low !== null && row.low !== undefined ? el("small", null, `[${signed(row.low)}, ${signed(row.high)}]`) : null, el("small", null, row.verdict ? [row.verdict, row.note ? ` (${row.note})` : ""] : "not tested"));
    return [
      known.has(row.benchmark) ? el("a", { href: toBenchmark(row.benchmark) }, row.benchmark) : row.benchmark,
      ...[value(old), value(own), said, `${figure(old?.agreement_last)} → ${figure(own?.agreement_last)}`].map((cell, i) => [cell, { "data-label": heads[i + 1] }]),
    ];
  });
  return [
    table("Figures of two runs", heads.map((head, i) => (i === 1 || i === 2 ? [el("span", null, head, scale()), {}] : head)), rows, {
      class: "stack",
      csv: () => [
        ["benchmark", "f1_other", "f1_this", "change", "low", "high", "verdict", "agreement_other", "agreement_this"],
        ...found.benchmarks.map((row) => {
          const [old, own] = [found.figures.old[row.benchmark], found.figures.new[row.benchmark]];
          return [row.benchmark, old?.f1, own?.f1, row.change, row.low, row.high, row.verdict, old?.agreement_last, own?.agreement_last];
        }),
      ],
    }),
    el("p", { class: "note" }, found.benchmarks.some((row) => row.verdict) ? "Change: paired bootstrap of documents; the verdict is that of a randomization test after Holm's correction over all benchmarks that changed, as diziner diff says it." : "Two pages do not say what is noise: diziner diff and diziner report --against do."),
  ];
}

function changes(found) {
  const groups = Object.entries(KINDS).filter(([key]) => found.changes[key] && found.changes[key].length);
  if (!groups.length) return el("p", { class: "empty" }, "Nothing else is different, as far as is known.");
  return groups.map(([key, title]) => el("div", null, el("h3", null, `${title}: ${counted(found.changes[key].length, "difference")}`), el("ul", { class: "changes" }, found.changes[key].map((line) => el("li", { class: line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "" }, quoted(line))))));
}
