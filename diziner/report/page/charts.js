// Plots as inline SVG. Each has axis titles, names on focus and hover, and a table beside it.

import { el, svg, plain } from "./dom.js";

const MARGIN = { top: 14, right: 18, bottom: 44, left: 52 };
const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];

/** A dot with its interval on a line from `least` to 1, with a tick at 0 where it goes below. */
export function whisker(value, low, high, label, least = 0) {
  const at = (x) => 2 + (86 * (x - least)) / (1 - least);
  const bar = low === null || low === undefined ? null : svg("line", { x1: at(low), x2: at(high), y1: 8, y2: 8, class: "bar" });
  return svg(
    "svg",
    { viewBox: "0 0 90 16", class: "glyph", role: "img", "aria-label": label },
    svg("line", { x1: 2, x2: 88, y1: 8, y2: 8, class: "axis" }),
    least < 0 ? svg("line", { x1: at(0), x2: at(0), y1: 2, y2: 14, class: "axis" }) : null,
    bar,
    svg("circle", { cx: at(value), cy: 8, r: 3.4, class: "dot" }),
  );
}

/** Values from left to right on a scale from 0 to 1. */
export function sparkline(values, label) {
  const x = (i) => 4 + (values.length > 1 ? (56 * i) / (values.length - 1) : 28);
  const y = (value) => 19 - 16 * value;
  const last = values.length - 1;
  return svg(
    "svg",
    { viewBox: "0 0 64 22", class: "glyph spark", role: "img", "aria-label": label },
    svg("polyline", { points: values.map((v, i) => `${x(i)},${y(v)}`).join(" "), class: "line" }),
    svg("circle", { cx: x(last), cy: y(values[last]), r: 2.8, class: "dot" }),
  );
}

/**
 * Series in a frame. `series` holds { name, points: [{ x, y, text, strong }], joined }; one at a time is brought out,
 * by pointer, by focus or by `select(name)`, and `says` is told what to say about it.
 */
export function plot(options, width) {
  const { series, xTitle, yTitle, xTicks, yTicks = TICKS, xRange, yRange, says } = options;
  // Names stand at the ends of lines where there is room for them.
  const direct = width > 460 && series.some((one) => one.joined);
  const right = direct ? Math.min(150, 14 + 6.6 * Math.max(...series.map((one) => one.name.length))) : MARGIN.right;
  const height = Math.round(Math.min(380, Math.max(260, width * 0.62)));
  const inner = { width: width - MARGIN.left - right, height: height - MARGIN.top - MARGIN.bottom };
  const span = (range) => range[1] - range[0] || 1;
  const x = (value) => MARGIN.left + (inner.width * (value - xRange[0])) / span(xRange);
  const y = (value) => MARGIN.top + inner.height * (1 - (value - yRange[0]) / span(yRange));
  const bottom = MARGIN.top + inner.height;
  const frame = svg(
    "g",
    { class: "frame", "aria-hidden": "true" },
    yTicks.map((t) => [
      svg("line", { x1: MARGIN.left, x2: MARGIN.left + inner.width, y1: y(t), y2: y(t) }),
      svg("text", { x: MARGIN.left - 8, y: y(t) + 4, class: "end" }, t.toFixed(1)),
    ]),
    xTicks.map(([t, text]) => svg("text", { x: x(t), y: bottom + 18, class: "middle" }, text)),
    svg("text", { x: MARGIN.left + inner.width / 2, y: height - 6, class: "middle title" }, xTitle),
    svg(
      "text",
      { x: 0, y: 0, class: "middle title", transform: `translate(13 ${MARGIN.top + inner.height / 2}) rotate(-90)` },
      yTitle,
    ),
  );
  const many = series.reduce((sum, one) => sum + one.points.length, 0) > 200;
  const labels = direct ? apart(series.map((one) => y(one.points[one.points.length - 1].y)), 13, MARGIN.top, bottom) : [];
  const groups = new Map();
  const select = (name) => {
    for (const [key, group] of groups) group.classList.toggle("on", key === name);
    drawing.classList.toggle("faded", Boolean(name));
    if (name) groups.get(name).parentNode.append(groups.get(name));
    says(name);
  };
  const drawn = series.map((one, number) => {
    const path = one.points.map((p) => `${x(p.x).toFixed(1)},${y(p.y).toFixed(1)}`).join(" ");
    const end = one.points[one.points.length - 1];
    const flip = end && x(end.x) > MARGIN.left + inner.width * 0.6;
    const group = svg(
      "g",
      { class: `series${direct ? " direct" : ""}`, tabindex: "0", role: "img", "aria-label": one.label, "data-name": one.name },
      one.joined && [svg("polyline", { points: path, class: "catch" }), svg("polyline", { points: path, class: "line" })],
      one.points.map((p) =>
        svg("circle", { cx: x(p.x), cy: y(p.y), r: (p.strong ? 5 : 3.6) * (many ? 0.75 : 1), class: p.strong ? "strong" : "dot" }, svg("title", null, plain(p.text))),
      ),
      end &&
        svg(
          "text",
          direct ? { x: MARGIN.left + inner.width + 10, y: labels[number] + 4, class: "name" } : { x: x(end.x) + (flip ? -8 : 8), y: y(end.y) - 9, class: flip ? "name end" : "name" },
          plain(one.name),
        ),
    );
    const on = () => select(one.name);
    group.addEventListener("pointerenter", on);
    group.addEventListener("focus", on);
    groups.set(one.name, group);
    return group;
  });
  const drawing = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "group", "aria-label": `${yTitle} by ${xTitle}` },
    frame,
    svg("g", null, drawn),
  );
  drawing.addEventListener("pointerleave", () => select(null));
  return drawing;
}

/** Places in the order of the wanted ones, at least `gap` apart: those that would overlap are spread around their middle. */
function apart(wanted, gap, low, high) {
  const order = wanted.map((_, i) => i).sort((a, b) => wanted[a] - wanted[b]);
  const runs = [];
  for (const i of order) {
    let run = { members: [i], start: wanted[i] };
    while (runs.length && runs[runs.length - 1].start + gap * runs[runs.length - 1].members.length > run.start) {
      const members = [...runs.pop().members, ...run.members];
      run = { members, start: members.reduce((sum, m, k) => sum + wanted[m] - k * gap, 0) / members.length };
    }
    runs.push(run);
  }
  const placed = [...wanted];
  for (const { members, start } of runs) {
    const first = Math.max(low, Math.min(start, high - gap * (members.length - 1)));
    members.forEach((m, k) => { placed[m] = first + k * gap; });
  }
  return placed;
}

/** A figure that is drawn to the width it has, again when that changes. */
export function figureOf(title, note, options, ...more) {
  const said = el("p", { class: "said", "aria-live": "polite" });
  const rest = "Point at a line or a dot, or go through them with the Tab key.";
  const says = (name) => {
    const one = options.series.find((each) => each.name === name);
    said.replaceChildren(el("span", { class: one ? "" : "faint" }, one ? one.label : rest));
  };
  const box = el("div", { class: "canvas" });
  const node = el("figure", null, el("figcaption", null, el("h3", null, title), el("p", { class: "note" }, note)), box, said, more);
  let width = 0;
  const draw = () => {
    const wide = Math.max(280, Math.floor(box.clientWidth || 520));
    if (wide === width) return;
    width = wide;
    box.replaceChildren(plot({ ...options, says }, wide));
  };
  new ResizeObserver(draw).observe(box);
  says(null);
  return node;
}
