// Figures as people read them, and links between views.

export const figure = (value, places = 3) => (value === null || value === undefined ? "–" : value.toFixed(places).replace("-", "−"));

export const signed = (value, places = 3) =>
  value === null || value === undefined ? "–" : (value < 0 ? "−" : value > 0 ? "+" : "±") + Math.abs(value).toFixed(places);

export const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);

export const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");

export const counted = (count, one, many = `${one}s`) => `${whole(count)} ${count === 1 ? one : many}`;

export const interval = (low, high) =>
  low === null || low === undefined ? "" : `[${figure(low)}, ${figure(high)}]`;

/** US dollars; free is said in words, unknown is not zero. */
export function money(usage) {
  if (usage.usd === null) return "not known";
  if (usage.usd === 0) return usage.answers ? "free" : "–";
  return usage.usd < 0.01 ? `$${usage.usd.toFixed(6)}` : `$${usage.usd.toFixed(2)}`;
}

/** A gain in words: is it more than noise? */
export function verdict(gain) {
  if (!gain) return "";
  if (gain.low > 0) return "better";
  if (gain.high < 0) return "worse";
  return "within noise";
}

/** A difference from the consensus in plain words: its family and subtype are the terms behind them. */
export function differs(family, subtype) {
  if (family === "Span_Error") return `other extent of ${subtype.replace(/_bounds$/, "")}`;
  if (family === "O_to_Ent") return `marks ${subtype.replace(/^O_to_/, "")}`;
  if (family === "Ent_to_O") return `misses ${subtype.replace(/_to_O$/, "")}`;
  const types = subtype.split("_to_");
  return types.length === 2 ? `${types[1]} instead of ${types[0]}` : subtype;
}

export const link = (...parts) => "#/" + parts.map(encodeURIComponent).join("/");
export const toBenchmark = (name) => link("b", name);
export const toRound = (name, number) => link("b", name, `r${number}`);
export const toHotspot = (name, number, id) => link("b", name, `r${number}`, "h", id);
export const toLine = (name, number, id) => link("b", name, `r${number}`, "i", id);

/** The class that colours a type; its label always stands beside the colour. */
export const typeClass = (index) => `t${index % 8}${index >= 8 ? " other" : ""}`;
