// Decisions of the reader, kept until they are saved as a file that `diziner refine NAME --choices FILE` takes.

import { el, quoted } from "./dom.js";
import { counted } from "./format.js";
import { save } from "./download.js";

let digest = "";
let kept = { kinds: {}, lines: {} };
const watchers = new Set();

/** Take up what was decided about this run before, where the browser keeps it. */
export function takeUp(run) {
  digest = `diziner ${run}`;
  try {
    const found = JSON.parse(localStorage.getItem(digest) || "null");
    if (found && found.kinds && found.lines) kept = found;
  } catch {
    // Without a store, decisions last as long as the page is open.
  }
}

function changed() {
  try {
    localStorage.setItem(digest, JSON.stringify(kept));
  } catch {
    // As above.
  }
  for (const watch of watchers) watch();
}

/** Call `watch` after each change, as long as the node it draws is on the page. */
export function watch(node, draw) {
  const run = () => (node.isConnected ? draw() : watchers.delete(run));
  watchers.add(run);
  draw();
}

const key = (...parts) => JSON.stringify(parts);
const clean = (text) => text.split(/\s+/).filter(Boolean).join(" ");

/** The decision about a kind of disagreement of a round; "" takes it back. */
export function decide(benchmark, round, name, text) {
  const at = key(benchmark, round, name);
  if (clean(text)) kept.kinds[at] = clean(text);
  else delete kept.kinds[at];
  changed();
}

export const decided = (benchmark, round, name) => kept.kinds[key(benchmark, round, name)] || "";

/** What is thought of a line: `verdict` accept, reject, edit or ""; `about` is { round, name } of what it decides. */
export function judge(benchmark, line, verdict, text, about) {
  const at = key(benchmark, line);
  if (verdict) kept.lines[at] = { verdict, text: clean(text), about };
  else delete kept.lines[at];
  changed();
}

export const judged = (benchmark, line) => kept.lines[key(benchmark, line)] || null;

/** All decisions of a benchmark: [{ round, name, texts: [{ text, undo }] }], rounds and names in order. */
export function decisionsOf(benchmark) {
  const found = new Map();
  const add = (round, name, text, undo) => {
    const at = key(round, name);
    if (!found.has(at)) found.set(at, { round, name, texts: [] });
    found.get(at).texts.push({ text, undo });
  };
  for (const [at, text] of Object.entries(kept.kinds)) {
    const [own, round, name] = JSON.parse(at);
    if (own === benchmark) add(round, name, text, () => decide(benchmark, round, name, ""));
  }
  for (const [at, { verdict, text, about }] of Object.entries(kept.lines)) {
    const [own, line] = JSON.parse(at);
    if (own === benchmark && about) add(about.round, about.name, verdict === "reject" ? `do not use this rule: ${text}` : text, () => judge(benchmark, line, ""));
  }
  return [...found.values()].sort((a, b) => a.round - b.round || (a.name < b.name ? -1 : 1));
}

/** Several decisions about one thing as sentences; one is left as it is. */
const together = (texts) => (texts.length > 1 ? texts.map((text) => (/[.!?]$/.test(text) ? text : `${text}.`)).join(" ") : texts[0]);

/** The file of a round's decisions: YAML, with every text in quotes. */
export function choicesFile(benchmark, round) {
  const own = decisionsOf(benchmark).filter((one) => one.round === round);
  const lines = own.map((one) => `${JSON.stringify(one.name)}: ${JSON.stringify(together(one.texts.map(({ text }) => text)))}`);
  return `# Decisions about disagreements of ${benchmark}, round ${round}. Take them over with\n# diziner refine ${benchmark} --round ${round} --choices FILE\n${lines.join("\n")}\n`;
}

/** What was decided about a benchmark, to take back or to save. */
export function choicesPanel(benchmark) {
  const box = el("div", { class: "chosen", role: "region", "aria-label": "Your decisions" });
  const draw = () => {
    const all = decisionsOf(benchmark);
    const rounds = [...new Set(all.map((one) => one.round))];
    box.replaceChildren(
      el("h3", null, all.length ? `Your decisions: ${counted(all.length, "conflict")}` : "Your decisions: none yet"),
      all.length
        ? el("ul", null, all.map((one) => one.texts.map(({ text, undo }) => el("li", null, el("b", null, quoted(one.name)), ` (round ${one.round}): `, quoted(text), " ", el("button", { type: "button", class: "save", "aria-label": `Take back: ${text}`, onclick: undo }, "take back")))))
        : el("p", { class: "note" }, "Decide above, or accept, reject or edit lines of the guideline below; then save them here."),
      ...rounds.map((round) => {
        const name = `choices.${benchmark}.r${round}.yaml`;
        return el(
          "p",
          null,
          el("button", { type: "button", onclick: () => save(name, "application/yaml", choicesFile(benchmark, round)) }, `Save ${name}`),
          el("code", null, `diziner refine ${benchmark} --round ${round} --choices ${name}`),
        );
      }),
    );
  };
  watch(box, draw);
  return box;
}
