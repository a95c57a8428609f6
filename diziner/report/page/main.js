// Routes, theme and what frames every view.

import { choose, el, quoted } from "./dom.js";
import { toBenchmark } from "./format.js";
import { takeUp } from "./choices.js";
import { overview } from "./overview.js";
import { benchmarkPage } from "./benchmark.js";
import { compareView } from "./compare.js";

const data = JSON.parse(document.getElementById("data").textContent);
for (const benchmark of data.benchmarks) {
  // What is whole goes without saying in the file.
  for (const doc of [...benchmark.test_documents.documents, ...benchmark.rounds.flatMap((round) => round.documents)]) Object.assign(doc, { from: doc.from ?? 0, to: doc.to ?? doc.of });
}
const main = document.getElementById("main");
const byName = new Map(data.benchmarks.map((b) => [b.name, b]));
let open = null; // { name, show } of the benchmark on the page

/** `#/b/NAME/rK/h/HOTSPOT` and the like; parts that cannot be read are as if they were not there. */
function parse(hash) {
  let parts;
  try {
    parts = hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    parts = [];
  }
  const number = /^r\d+$/.test(parts[2] || "") ? Number(parts[2].slice(1)) : null;
  return { view: parts[0] || "", name: parts[1], round: number, hotspot: parts[3] === "h" ? parts[4] : null, line: parts[3] === "i" ? parts[4] : null, kind: parts[3] === "d" ? parts[4] : null };
}

function render() {
  const route = parse(location.hash);
  const benchmark = route.view === "b" ? byName.get(route.name) : null;
  if (benchmark && open && open.name === benchmark.name) {
    if (route.round === null && open.round !== undefined) route.round = firstRound(benchmark);
    open.show(route);
  } else if (benchmark) {
    if (route.round === null) route.round = firstRound(benchmark);
    const page = benchmarkPage(benchmark, data, route);
    open = { name: benchmark.name, show: page.show };
    main.replaceChildren(...page.nodes.filter(Boolean));
    arrive();
  } else {
    open = null;
    const other = route.view === "compare";
    const unknown = route.view && !other ? el("p", { class: "warn" }, "There is no such page: ", quoted(location.hash), ". This is the overview.") : null;
    main.replaceChildren(...(other ? compareView(data, render) : [unknown, ...overview(data)].filter(Boolean)));
    arrive();
  }
  document.title = `${benchmark ? `${benchmark.name}: ` : ""}where annotators disagree · diziner report`;
  const select = document.querySelector("#nav select");
  if (select) select.value = benchmark ? benchmark.name : route.view === "compare" ? "#/compare" : "";
  target(route);
}

/** The round to open with: the chosen one, else the last. */
function firstRound(benchmark) {
  if (benchmark.selection && benchmark.rounds.some((r) => r.number === benchmark.selection.round)) return benchmark.selection.round;
  return benchmark.rounds.length - 1;
}

let arrived = false;

function arrive() {
  // Not on the first view: the reader starts at the top of the file.
  if (arrived) {
    scrollTo({ top: 0, behavior: "instant" });
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
  arrived = true;
}

/** Go to the hotspot or line that the address names, and mark it. */
function target(route) {
  const key = ["hotspot", "line", "kind"].find((each) => route[each]);
  if (!key) return;
  const node = [...main.querySelectorAll(`[data-${key}]`)].find((each) => each.dataset[key] === route[key]);
  if (!node) return;
  node.classList.add("target");
  node.scrollIntoView({ block: "center", behavior: "instant" });
  node.focus({ preventScroll: true });
}

const THEMES = ["system", "light", "dark"];

function theme(name) {
  const button = document.getElementById("theme");
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  button.replaceChildren(`Theme: ${name}`);
  button.onclick = () => theme(THEMES[(THEMES.indexOf(name) + 1) % THEMES.length]);
}

function frame() {
  const go = (name) => { location.hash = name.startsWith("#") ? name : name ? toBenchmark(name) : "#/"; };
  document.getElementById("nav").append(choose("Page", [["", "Overview"], ["#/compare", "Two runs side by side"], ...data.benchmarks.map((b) => [b.name, b.name])], "", go));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  const run = data.benchmarks.filter((b) => b.rounds.length);
  const closed = run.filter((b) => b.closed && b.text).map((b) => b.name);
  const without = run.filter((b) => !b.text).map((b) => b.name);
  document.getElementById("foot").append(
    el("p", null, `Made from the outputs of the pipeline${data.profile ? `, profile ${data.profile}` : ""}. This file asks for nothing else and can be kept or sent as it is.`),
    closed.length ? el("p", null, `It holds texts that may not be passed on: ${closed.join(", ")}. See the benchmark's licence before you share it.`) : "",
    without.length ? el("p", null, `Texts of ${without.join(", ")} are left out: they may not be passed on, or the page was built without texts.`) : "",
  );
}

takeUp(data.run.digest);
frame();
theme("system");
addEventListener("hashchange", render);
render();
