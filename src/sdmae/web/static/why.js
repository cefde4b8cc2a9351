// Why an event was an alarm: what made the score, where it was, how it rose.

import { cameraPath, get, query } from "./api.js";
import { h } from "./dom.js";
import { state } from "./state.js";
import { drawStrip } from "./strip.js";
import { TERMS, lasting, number, term } from "./words.js";

const AROUND = 20; // seconds of the curve before and after
const MEMORY = 100; // seconds for which every score is in memory

/** The terms of the score as bars, the one that carried it named in words, and the place. */
export function whyOf(one, camera) {
  const parts = Object.entries(one.parts).filter(([name, value]) => value > 0 || name === one.term);
  const most = Math.max(...parts.map(([, value]) => value), 1e-12);
  const bars = parts.map(([name, value]) => {
    const bar = h("i", {});
    bar.style.width = `${Math.max((100 * value) / most, 1)}%`;
    return h("li", { title: (TERMS[name] || [])[1], "data-carrier": name === one.term },
      h("span", {}, term(name)), h("span", { class: "bar", "aria-hidden": "true" }, bar), h("b", {}, number(value)));
  });
  return h("section", { class: "why" },
    h("h3", {}, "Why"),
    h("p", { class: "because" }, one.term ? [h("b", {}, term(one.term)), ": ", (TERMS[one.term] || ["", ""])[1]] : "What carried the score is not known."),
    h("p", { class: "level" }, "The score rose to ", h("b", {}, number(one.peak_score)), `; the threshold was ${number(one.threshold)}.`),
    bars.length ? h("ul", { class: "bars", "aria-label": "What each term of the score added there" }, ...bars) : null,
    bars.length > 1 ? h("p", { class: "note" }, "What each term added there. The one that carried the alarm is the furthest above its usual.") : null,
    where(one, camera));
}

function where(one, camera) {
  if (!one.box || !camera?.size) return null;
  const [rows, columns] = camera.size;
  const [left, top, right, bottom] = one.box;
  const frame = h("span", { class: "place", "aria-hidden": "true" }, h("i", {}));
  frame.style.aspectRatio = `${columns} / ${rows}`;
  Object.assign(frame.firstChild.style, {
    left: `${(100 * left) / columns}%`, top: `${(100 * top) / rows}%`,
    width: `${(100 * (right - left)) / columns}%`, height: `${(100 * (bottom - top)) / rows}%`,
  });
  const third = (middle, whole, words) => words[Math.min(Math.floor((3 * middle) / whole), 2)];
  const across = third((left + right) / 2, columns, ["on the left", "in the middle", "on the right"]);
  const down = third((top + bottom) / 2, rows, ["at the top", "half-way down", "at the bottom"]);
  const pixels = `x ${Math.round(left)} to ${Math.round(right)}, y ${Math.round(top)} to ${Math.round(bottom)} of ${columns}×${rows}`;
  return h("div", { class: "where" }, frame, h("p", {}, h("b", {}, "Where"), h("span", {}, `${down[0].toUpperCase()}${down.slice(1)}, ${across}`), h("span", { class: "soft" }, pixels)));
}

/** The score around an event, from memory while it is fresh, from the history later. */
export async function drawCurve(canvas, caption, one) {
  const since = one.start - AROUND;
  const until = (one.open ? Date.now() / 1000 + state.offset : one.end) + AROUND;
  let points = (state.scores.get(one.camera) || []).filter(([at]) => at >= since && at <= until);
  if (!points.length || points[0][0] > one.start - Math.min(MEMORY, AROUND) / 2) {
    try {
      const asked = { since, until, points: Math.min(Math.max(Math.round((until - since) * 4), 60), 600) };
      const kept = await get(query(cameraPath(one.camera, "/history"), asked));
      const width = (until - since) / kept.scores.length;
      points = kept.scores.map((score, k) => [since + (k + 0.5) * width, score]);
    } catch {
      points = [];
    }
  }
  if (!canvas.isConnected) return;
  const found = points.some(([, score]) => score !== null);
  const before = lasting(AROUND);
  caption.textContent = found ? `Score, from ${before} before to ${before} after` : "Score: no history of that time is kept";
  canvas.hidden = !found;
  canvas.setAttribute("aria-label", `The score rose to ${number(one.peak_score)}, above the threshold of ${number(one.threshold)}`);
  const draw = () => drawStrip(canvas, points, { since, until, threshold: one.threshold, spans: [[one.start, one.end]] });
  canvas.redraw = draw; // in other colours
  new ResizeObserver(draw).observe(canvas);
}
