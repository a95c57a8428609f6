// Charts as inline SVG. Each has axis titles, its figures in a table beside it, and can be saved.

import { el, svg, plain, quoted } from "./dom.js";
import { figure, signed } from "./format.js";
import { svgButton } from "./download.js";

const TICKS = [0, 0.2, 0.4, 0.6, 0.8, 1];
const at = (value) => value.toFixed(1);

/** A value with its interval on a line from `least` to `most`: a tick at each end and a longer one at 0. */
export function whisker(value, low, high, label, least = 0, most = 1) {
  const x = (given) => 3 + (84 * (Math.max(least, Math.min(most, given)) - least)) / (most - least);
  const tick = (given, half) => svg("line", { x1: x(given), x2: x(given), y1: 8 - half, y2: 8 + half, class: given === 0 ? "axis zero" : "axis" });
  return svg(
    "svg",
    { viewBox: "0 0 90 16", class: "glyph", role: "img", "aria-label": label },
    svg("line", { x1: x(least), x2: x(most), y1: 8, y2: 8, class: "axis" }),
    tick(least, 3),
    tick(most, 3),
    least ? tick(0, 7) : null,
    low === null || low === undefined ? null : svg("line", { x1: x(low), x2: x(high), y1: 8, y2: 8, class: "bar" }),
    svg("circle", { cx: x(value), cy: 8, r: 3.4, class: "dot" }),
  );
}

/** The scale of a column of whiskers, for its head. */
export function scale(least = 0, most = 1) {
  const x = (given) => 3 + (84 * (given - least)) / (most - least);
  const marks = least ? [least, 0, most] : [0, 0.5, 1];
  const word = (given) => String(Math.abs(given)).replace(/^/, given < 0 ? "−" : "");
  return svg("svg", { viewBox: "0 0 90 12", class: "glyph scale", "aria-hidden": "true" }, marks.map((mark) => svg("text", { x: x(mark), y: 10, class: mark === least ? "" : mark === most ? "end" : "middle" }, word(mark))));
}

/** Values from left to right between the lines of 0 and 1. */
export function sparkline(values, label) {
  const x = (i) => 4 + (values.length > 1 ? (56 * i) / (values.length - 1) : 28);
  const y = (value) => 19 - 16 * value;
  const last = values.length - 1;
  return svg(
    "svg",
    { viewBox: "0 0 64 22", class: "glyph spark", role: "img", "aria-label": label },
    [0, 1].map((v) => svg("line", { x1: 2, x2: 62, y1: y(v), y2: y(v), class: v ? "axis faintly" : "axis" })),
    svg("polyline", { points: values.map((v, i) => `${x(i)},${y(v)}`).join(" "), class: "line" }),
    svg("circle", { cx: x(last), cy: y(values[last]), r: 2.8, class: "dot" }),
  );
}

const CELL = { width: 168, height: 118, left: 24, right: 40, top: 26, bottom: 22 };

/**
 * One small chart for each series, all on the same scale from 0 to 1: the values at both ends stand beside their dots, so
 * nothing needs pointing at. `series` holds { name, points: [{ x, y }] }; `rounds` are the places on the x axis.
 */
export function multiples({ series, rounds, xTitle, yTitle }, width) {
  const columns = Math.max(1, Math.min(series.length, Math.floor(width / CELL.width)));
  const wide = Math.min(300, Math.floor(width / columns));
  const height = CELL.height * Math.ceil(series.length / columns) + 18;
  const inner = { width: wide - CELL.left - CELL.right, height: CELL.height - CELL.top - CELL.bottom };
  const x = (round) => CELL.left + (rounds.length > 1 ? (inner.width * rounds.indexOf(round)) / (rounds.length - 1) : inner.width / 2);
  const y = (value) => CELL.top + inner.height * (1 - value);
  const fits = Math.max(6, Math.floor((wide - 8) / 6.6));
  const one = ({ name, points, label }, i) => {
    const [first, last] = [points[0], points[points.length - 1]];
    const change = last.y - first.y;
    const way = points.length < 2 || Math.abs(change) < 0.0005 ? "" : change > 0 ? "up" : "down";
    return svg(
      "g",
      { class: `multiple ${way}`, role: "img", "aria-label": label, "data-name": name, transform: `translate(${(i % columns) * wide} ${Math.floor(i / columns) * CELL.height})` },
      svg("text", { x: 2, y: 14, class: "head" }, plain(name.length > fits ? `${name.slice(0, fits - 1)}…` : name), svg("title", null, plain(name))),
      [0, 0.5, 1].map((t) => svg("line", { x1: CELL.left, x2: CELL.left + inner.width, y1: y(t), y2: y(t), class: t ? "grid" : "zero" })),
      [0, 1].map((t) => svg("text", { x: CELL.left - 6, y: y(t) + 4, class: "end" }, String(t))),
      rounds.map((round) => svg("text", { x: x(round), y: CELL.height - 6, class: "middle" }, String(round))),
      svg("polyline", { points: points.map((p) => `${x(p.x).toFixed(1)},${y(p.y).toFixed(1)}`).join(" "), class: "line" }),
      points.map((p) => svg("circle", { cx: x(p.x), cy: y(p.y), r: 3, class: "dot" }, svg("title", null, `round ${p.x}: ${figure(p.y)}`))),
      svg("text", { x: x(last.x) + 7, y: y(last.y) + 4, class: "value" }, figure(last.y, 2)),
      points.length > 1 && svg("text", { x: wide - 10, y: 14, class: "change end" }, signed(change, 2)),
    );
  };
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "group", "aria-label": `${yTitle} by ${xTitle}` },
    series.map(one),
    svg("text", { x: 2, y: height - 4, class: "title" }, `${xTitle} (left to right); ${yTitle} from 0 to 1`),
  );
}

// A shape beside the colour: neither alone has to be seen.
const SHAPES = [
  (x, y, r) => svg("circle", { cx: x, cy: y, r }),
  (x, y, r) => svg("rect", { x: x - r * 0.9, y: y - r * 0.9, width: r * 1.8, height: r * 1.8 }),
  (x, y, r) => svg("path", { d: `M${x} ${y - r * 1.2}L${x + r * 1.1} ${y + r * 0.8}L${x - r * 1.1} ${y + r * 0.8}Z` }),
  (x, y, r) => svg("path", { d: `M${x} ${y - r * 1.3}L${x + r * 1.3} ${y}L${x} ${y + r * 1.3}L${x - r * 1.3} ${y}Z` }),
];

/** The mark of a series: eight colours, four shapes. */
export const mark = (number, x, y, r, filled) => {
  const drawn = SHAPES[number % SHAPES.length](x, y, r);
  drawn.setAttribute("class", `mark m${number % 8}${filled ? " filled" : ""}`);
  return drawn;
};

/** Points in a square of 0 to 1, a colour and shape for each series, and the diagonal on which both are the same. */
export function scatter({ series, xTitle, yTitle, diagonal, said, on }, width) {
  const margin = { top: 12, right: 16, bottom: 44, left: 52 };
  const height = Math.round(Math.min(460, Math.max(270, width * 0.8)));
  const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };
  const x = (value) => margin.left + inner.width * value;
  const y = (value) => margin.top + inner.height * (1 - value);
  const many = series.reduce((sum, one) => sum + one.points.length, 0) > 200;
  const slope = (Math.atan2(inner.height, inner.width) * -180) / Math.PI;
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: `plot${on ? " faded" : ""}`, role: "group", "aria-label": `${yTitle} by ${xTitle}` },
    svg(
      "g",
      { class: "frame", "aria-hidden": "true" },
      TICKS.map((t) => [
        svg("line", { x1: x(0), x2: x(1), y1: y(t), y2: y(t), class: t ? "grid" : "zero" }),
        svg("line", { x1: x(t), x2: x(t), y1: y(0), y2: y(1), class: t ? "grid" : "zero" }),
        svg("text", { x: x(0) - 8, y: y(t) + 4, class: "end" }, at(t)),
        svg("text", { x: x(t), y: y(0) + 18, class: "middle" }, at(t)),
      ]),
      svg("line", { x1: x(0), y1: y(0), x2: x(1), y2: y(1), class: "diagonal" }),
      svg("text", { class: "end", transform: `translate(${x(0.97)} ${y(0.97) + 18}) rotate(${slope})`, x: 0, y: 0 }, diagonal),
      svg("text", { x: x(0.5), y: height - 6, class: "middle title" }, xTitle),
      svg("text", { x: 0, y: 0, class: "middle title", transform: `translate(13 ${y(0.5)}) rotate(-90)` }, yTitle),
    ),
    series.map((one, i) =>
      svg(
        "g",
        { class: `series${on === one.name ? " on" : ""}`, role: "img", "aria-label": one.label, "data-name": one.name },
        one.points.map((p) => {
          const drawn = mark(i, x(p.x), y(p.y), (p.strong ? 4.6 : 3.8) * (many ? 0.75 : 1), p.strong);
          drawn.append(svg("title", null, plain(p.text)));
          return drawn;
        }),
      ),
    ),
    said.map((line, i) => svg("text", { x: x(0.02), y: y(1) + 17 + 15 * i, class: i ? "over" : "over strong" }, line)),
  );
}

/** Buttons that name the series and bring one out. */
export function legend(series, on, change) {
  return el(
    "div",
    { class: "legend", role: "group", "aria-label": "Bring out" },
    series.map((one, i) =>
      el("button", { type: "button", class: "quiet", "aria-pressed": String(on === one.name), title: plain(one.label), onclick: () => change(on === one.name ? null : one.name) }, svg("svg", { viewBox: "0 0 14 14", class: "sign", "aria-hidden": "true" }, mark(i, 7, 7, 4.6, true)), quoted(one.name)),
    ),
  );
}

/** A figure that is drawn to the width it has, again when that changes. `draw(width)` gives the chart; `redraw` is for what changes it. */
export function figureOf(title, note, draw, ...more) {
  const box = el("div", { class: "canvas" });
  let drawing = null;
  let width = 0;
  const redraw = () => {
    drawing = draw(width);
    box.replaceChildren(drawing);
  };
  const fit = () => {
    const wide = Math.max(260, Math.floor(box.clientWidth || 520));
    if (wide === width) return;
    width = wide;
    redraw();
  };
  new ResizeObserver(fit).observe(box);
  const node = el("figure", null, el("figcaption", null, el("h3", null, title), el("p", { class: "note" }, note)), box, more, el("p", { class: "saves" }, svgButton(title, () => drawing)));
  return { node, redraw: () => width && redraw() };
}
