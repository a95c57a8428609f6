// The guideline of a round: each line, what became of it, and the hotspots that caused it; the refinement's record.

import { details, el, quoted } from "./dom.js";
import { judge, judged, watch } from "./choices.js";
import { textOf } from "./texts.js";
import { counted, link, money, share, toHotspot, whole } from "./format.js";

const STATUS = { written: ["", "as written"], retained: ["=", "retained"], modified: ["±", "modified"], new: ["+", "new"], removed: ["−", "removed"] };
const GOAL = { documents: "Documents", purpose: "Purpose", types: "What counts", use: "Use" };
const state = { changes: false };

export function guidelineView(view) {
  const { round, focus } = view;
  const first = round.number === 0;
  const box = el("div", { class: "guideline" });
  if (focus) state.changes = false;
  const of = (part) => round.guideline.filter((block) => block.part === part);
  const draw = () => {
    const blocks = of("instructions").map((block) => blockView(block, view)).filter(Boolean);
    const none = first ? "No instructions yet: goal, definitions and examples are all that annotators are told." : state.changes ? "No instruction changed in this round." : "No instructions.";
    box.replaceChildren(...(blocks.length ? blocks : [el("p", { class: "empty" }, none)]));
  };
  draw();
  const only = el("input", { type: "checkbox", onchange: (event) => { state.changes = event.target.checked; draw(); } });
  only.checked = state.changes;
  return [
    first
      ? el("p", { class: "note" }, "Round 0's guideline is the one that people write; later rounds are compared with the round before.")
      : el("p", { class: "note" }, summary(of("instructions")), el("label", { class: "check" }, only, " changes only")),
    el("p", { class: "note" }, "C1.2 is the second line that round 1 wrote for all annotators, S1.2 one for a single annotator; lines by other names were written by people."),
    of("goal").map((block) => goalView(block.lines, first)),
    typesView(view.benchmark.types),
    first ? null : [...of("types"), ...of("examples")].map((block) => otherView(block.part === "types" ? "Definitions that changed" : "Example sentences that changed", block.lines.filter((line) => line.status !== "retained"))),
    of("agreed").map((block) => otherView("Examples from agreement: documents of the round before that annotators marked alike", block.lines)),
    of("choices").map((block) => otherView("Decided by a person", block.lines)),
    of("left_out").map((block) => otherView("Annotators left out, because they agreed too little", block.lines)),
    box,
  ];
}

function summary(blocks) {
  const count = {};
  for (const line of blocks.flatMap((block) => block.lines)) if (line.kind === "instruction") count[line.status] = (count[line.status] || 0) + 1;
  const said = ["new", "modified", "retained", "removed"].filter((key) => count[key]).map((key) => `${count[key]} ${STATUS[key][1]}`);
  return said.length ? `Instructions against the round before: ${said.join(", ")}.` : "No instructions in this round or the one before.";
}

const edited = (line) => {
  if (line.status === "removed") return el("del", null, quoted(line.text));
  if (!line.edits) return quoted(line.text);
  return line.edits.map(([sign, text]) => (sign === "=" ? quoted(text) : el(sign === "+" ? "ins" : "del", null, quoted(text))));
};

function goalView(lines, first) {
  const changed = lines.some((line) => line.status !== "retained" && line.status !== "written");
  const node = details(first ? "Goal" : changed ? "Goal (changed)" : "Goal (as before)", el("dl", { class: "terms" }, lines.map((line) => [el("dt", null, GOAL[line.name] || line.name), el("dd", null, edited(line))])));
  node.open = changed;
  return node;
}

function typesView(types) {
  return details(
    `Types and definitions (${types.length})`,
    el(
      "dl",
      { class: "terms" },
      types.map((t) => [
        el("dt", null, t.label, el("small", null, quoted(t.name))),
        el("dd", null, quoted(t.definition), examplesOf("for example", t.positive), examplesOf("but not", t.negative)),
      ]),
    ),
  );
}

const examplesOf = (word, texts) => (texts.length ? el("p", { class: "faint" }, `${word}: `, texts.map((text, i) => [i ? " · " : "", quoted(text)])) : null);

function otherView(title, lines) {
  return el("div", null, el("h3", null, title), el("ul", null, lines.map((line) => el("li", null, line.name && line.name !== line.text ? [el("b", null, quoted(line.name)), ": "] : null, edited(line), line.status === "written" || line.status === "retained" ? null : [" ", status(line.status)], line.cause ? el("small", { class: "faint" }, " ", quoted(line.cause)) : null))));
}

/** Instructions of one scope; an example belongs to the instruction above it. */
function blockView(block, view) {
  const groups = [];
  for (const line of block.lines) {
    if (line.kind === "example" && groups.length) groups[groups.length - 1].examples.push(line);
    else groups.push({ line, examples: [] });
  }
  const still = (line) => line.status === "retained" && !line.moved;
  const chosen = state.changes ? groups.filter(({ line, examples }) => !(still(line) && examples.every(still))) : groups;
  if (!chosen.length) return null;
  return el("div", { class: "block" }, el("h3", null, block.annotator ? ["Only for ", quoted(block.annotator)] : "For all annotators"), el("ol", null, chosen.map((group) => lineView(group, view))));
}

const status = (key) => el("span", { class: `status ${key}` }, STATUS[key][0] ? el("span", { "aria-hidden": "true" }, `${STATUS[key][0]} `) : null, STATUS[key][1]);

function lineView({ line, examples }, view) {
  return el(
    "li",
    { class: `line depth${line.depth || 0} ${line.status}`, tabindex: "-1", "data-line": line.status === "removed" ? null : line.name },
    el("p", { class: "head" }, el("b", null, quoted(line.name)), status(line.status), line.moved ? el("span", { class: "faint" }, "moved") : null, line.was && line.was !== line.name ? el("span", { class: "faint" }, "in place of ", quoted(line.was)) : null),
    el("p", { class: "says" }, edited(line)),
    examples.length ? el("ul", { class: "examples" }, examples.map((e) => el("li", null, edited(e), e.status === line.status || e.status === "retained" ? null : [" ", status(e.status)]))) : null,
    line.status === "removed" ? null : receiptView(line.receipt, view),
    line.status === "removed" || !line.receipt ? null : judgement(line, view),
  );
}

/** The kind of disagreement that a line is about: the one that most of its hotspots are examples of. */
function about(line, benchmark) {
  const votes = new Map();
  for (const [id, number] of line.receipt.hotspots) {
    const round = benchmark.rounds.find((r) => r.number === number);
    const name = round && round.kinds_of[id];
    if (name === undefined) continue;
    const at = `${number} ${name}`;
    votes.set(at, { round: number, name, count: (votes.get(at)?.count || 0) + 1 });
  }
  const best = [...votes.values()].sort((a, b) => b.count - a.count || b.round - a.round || (a.name < b.name ? -1 : 1))[0];
  return best ? { round: best.round, name: best.name } : null;
}

/** Buttons to accept, reject or edit a line: a decision about the disagreement that led to it. */
function judgement(line, { benchmark }) {
  const where = about(line, benchmark);
  if (!where) return el("p", { class: "receipt faint" }, "No conflict of an earlier round stands behind this line: change it in the guideline itself.");
  const area = el("textarea", { rows: "3", "aria-label": `New words for line ${line.name}` });
  const editor = el("div", { class: "editor" }, area, el("button", { type: "button", onclick: () => set("edit", area.value) }, "Use these words"));
  const words = { accept: "Accept", reject: "Reject", edit: "Edit" };
  const buttons = Object.entries(words).map(([verdict, word]) => el("button", { type: "button", class: "save", "aria-label": `${word} line ${line.name}`, onclick: () => press(verdict) }, word));
  const note = el("span", { class: "faint", role: "status" });
  const show = () => {
    const now = judged(benchmark.name, line.name);
    Object.keys(words).forEach((verdict, i) => buttons[i].setAttribute("aria-pressed", String(Boolean(now) && now.verdict === verdict)));
    note.replaceChildren(...(now ? ["decides ", quoted(where.name), ` in round ${where.round}`] : []));
    if (now && now.verdict === "edit") area.value = now.text;
  };
  const set = (verdict, text) => judge(benchmark.name, line.name, verdict, text, where);
  const press = (verdict) => {
    const now = judged(benchmark.name, line.name);
    if (verdict === "edit") {
      editor.hidden = !editor.hidden;
      if (!editor.hidden) {
        area.value = now && now.verdict === "edit" ? now.text : line.text;
        area.focus();
      } else if (now && now.verdict === "edit") set("", "");
      return;
    }
    editor.hidden = true;
    set(now && now.verdict === verdict ? "" : verdict, line.text);
  };
  editor.hidden = true;
  const node = el("div", { class: "judge" }, el("p", null, buttons, " ", note), editor);
  watch(node, show);
  return node;
}

/** A hotspot by its words, if it is on the page. */
function named(benchmark, number, id) {
  const round = benchmark.rounds.find((r) => r.number === number);
  const hotspot = round && round.hotspots.find((h) => h.id === id);
  return hotspot ? textOf(round.documents[hotspot.document], hotspot.start, hotspot.end) : id;
}

function receiptView(receipt, view) {
  if (!receipt) return el("p", { class: "receipt faint" }, "written by a person");
  const chip = ([id, number]) => (number === null ? el("span", { class: "chip gone", title: "this hotspot is not in the outputs" }, quoted(id)) : el("a", { class: "chip", title: id, href: toHotspot(view.benchmark.name, number, id) }, quoted(named(view.benchmark, number, id))));
  const answers = receipt.responses.filter((key) => view.answers.has(key));
  return el(
    "div",
    { class: "receipt" },
    el("span", { class: "faint" }, `written in round ${receipt.round}, because of `, receipt.hotspots.length ? `${counted(receipt.hotspots.length, "hotspot")} in ${counted(receipt.documents, "document")}: ` : "no single hotspot"),
    receipt.hotspots.map(chip),
    answers.length ? details(`the supervisor's ${answers.length === 1 ? "answer" : "answers"} behind it`, answers.map((key) => el("pre", null, view.answers.get(key)))) : null,
  );
}

export function refinementView(view) {
  const { round } = view;
  const record = round.refinement;
  if (!record) return el("p", { class: "empty" }, "No refinement led to round 0.");
  if (!view.benchmark.text) record.hidden = "What may quote texts is left out: answers of the supervisor, patterns, diagnoses and examples.";
  return [
    record.hidden ? el("p", { class: "note" }, record.hidden) : null,
    verdicts(record).map((text) => el("p", { class: "warn" }, text)),
    el("p", { class: "note" }, `The supervisor, ${view.benchmark.supervisor}, gave ${counted(record.responses, "answer")} (${whole(record.usage.prompt_tokens)} tokens read, ${whole(record.usage.completion_tokens)} written; cost: ${money(record.usage)}). Of the words that stood, ${share(record.changed_share)} changed.`),
    record.hidden ? null : record.patterns.length ? el("div", null, el("h3", null, "Patterns it saw"), record.patterns.map(patternView)) : el("p", { class: "empty" }, "It found no pattern."),
    diagnosesView(record.diagnoses),
    el("p", null, countsText(record.counts)),
    outcomesView(record, view),
    record.cut.length
      ? el("div", null, el("h3", null, "Cut, and why"), el("ul", { class: "cuts" }, record.cut.map((entry) => el("li", null, el("del", null, quoted(entry.text)), el("span", { class: "reason" }, quoted(entry.reason))))))
      : el("p", { class: "note" }, "Nothing was cut by a limit."),
    record.rejected.length ? details(`Tried and taken back (${record.rejected.length})`, el("ul", null, record.rejected.map((text) => el("li", null, quoted(text))))) : null,
    phasesView(record),
    record.answers.length
      ? details(`The supervisor's answers, word for word (${record.answers.length} of ${record.responses})`, record.answers.map(([key, text]) => el("div", null, el("p", { class: "faint" }, `response ${key}`), el("pre", null, text))))
      : record.hidden ? null : el("p", { class: "faint" }, "The supervisor's answers are not at hand, or were left out to keep this page small."),
  ];
}

function verdicts(record) {
  const said = [];
  if (record.kept_previous) said.push("The guideline was kept as it was: no phase gave anything usable.");
  if (!record.accepted) said.push("The round before was taken back, because agreement fell; this one starts from the last guideline that was accepted.");
  if (record.stopped) said.push("Refinement has ended here: agreement hardly moved.");
  if (record.goal_updated) said.push("The goal was rewritten, too.");
  return said;
}

const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function patternView(pattern) {
  const readings = Array.isArray(pattern.readings) ? pattern.readings : [];
  return el(
    "article",
    { class: "pattern" },
    el("h4", null, quoted(text(pattern.name ?? "pattern"))),
    pattern.root_cause ? el("p", null, el("b", null, "Root cause: "), quoted(text(pattern.root_cause))) : null,
    readings.length ? el("ul", null, readings.map((r) => el("li", null, el("b", null, quoted(text(r.reading ?? r))), r.reason ? [": ", quoted(text(r.reason))] : null))) : null,
    pattern.principle ? el("p", null, el("b", null, "Principle: "), quoted(text(pattern.principle))) : null,
    pattern.covered_by ? el("p", { class: "faint" }, "covered by ", quoted(text(pattern.covered_by))) : null,
  );
}

function diagnosesView(diagnoses) {
  const names = Object.keys(diagnoses).sort();
  if (!names.length) return null;
  return el(
    "div",
    null,
    el("h3", null, "What it says of annotators"),
    el("dl", { class: "terms" }, names.map((name) => [el("dt", null, name), el("dd", null, quoted(text(diagnoses[name].summary ?? diagnoses[name])), (diagnoses[name].needs || []).map((n) => el("p", null, el("b", null, quoted(text(n.kind ?? "need"))), ": ", quoted(text(n.need ?? n)))))])),
  );
}

// What became of what the supervisor wrote, in one sentence: nothing is left out unseen.
function countsText(counts) {
  const more = [["dropped", counts.dropped], ["waiting for the next round", counts.waiting], ["cut", counts.cut], ["examples cut", counts.examples_cut]];
  const said = more.filter(([, count]) => count).map(([word, count]) => `, ${word} ${count}`);
  return `Wrote ${counts.written}, kept ${counts.kept}${said.join("")}.`;
}

function outcomesView(record, view) {
  const names = Object.keys(record.outcomes);
  if (!names.length) return null;
  const here = new Set(view.round.guideline.flatMap((block) => block.lines.filter((line) => line.kind === "instruction" && line.status !== "removed").map((line) => line.name)));
  const name = (id) => (here.has(id) ? el("a", { href: link("b", view.benchmark.name, `r${view.round.number}`, "i", id) }, id) : id);
  return el("div", null, el("h3", null, "What became of each candidate"), el("ul", { class: "outcomes" }, names.map((id) => el("li", null, el("b", null, name(id)), ` ${record.outcomes[id]}`))));
}

function phasesView(record) {
  const said = record.phases.map((p) => `${p.phase} ${counted(p.calls, "call")}${p.repairs ? `, ${counted(p.repairs, "repair")}` : ""}${p.failed.length ? `, ${p.failed.length} failed (${p.failed.join("; ")})` : ""}`);
  return said.length ? el("p", { class: "note" }, `Phases: ${said.join(" · ")}.`) : null;
}
