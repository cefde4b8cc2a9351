// Scores over time. The threshold is at the same height in every strip, so that cameras can be told at a glance.

import { blank, colour } from "./dom.js";
import { now, state } from "./state.js";

const AT = 0.6; // share of the height at which the threshold is
const GAP = 3; // seconds without a score that break the line

/** Height of a score as a share: straight up to the threshold, ever more slowly beyond it. */
export function heightOf(score, threshold, low) {
  const way = Math.max(threshold - low, 1e-9);
  const share = (score - low) / way;
  return share <= 1 ? Math.max(share, 0) * AT : AT + (1 - AT) * (1 - Math.exp(-0.7 * (share - 1)));
}

/** Draws points [time, score] from `since` to `until` into a canvas. `spans`: [start, end] to be shaded. */
export function drawStrip(canvas, points, { since, until, threshold, low, spans = [], margin = 3 }) {
  const sheet = blank(canvas);
  if (!sheet) return;
  const { pen, width, height } = sheet;
  const known = points.filter(([at, score]) => score !== null && at >= since - GAP);
  const values = known.map(([, score]) => score);
  const bottom = low ?? Math.min(...values, threshold ?? Infinity);
  const level = threshold ?? Math.max(...values, bottom + 1e-9) * 1.2;
  const x = (at) => ((at - since) / (until - since)) * width;
  const y = (score) => height - margin - heightOf(score, level, bottom) * (height - 2 * margin);
  pen.fillStyle = colour("alarm-soft");
  for (const [start, end] of spans) pen.fillRect(x(start), 0, Math.max(x(end) - x(start), 2), height);
  const runs = [];
  for (const point of known) {
    const run = runs.at(-1);
    if (run && point[0] - run.at(-1)[0] <= Math.max(GAP, ((until - since) / width) * 3)) run.push(point);
    else runs.push([point]);
  }
  const limit = y(level);
  for (const [inside, line, fill] of [["below", "score", "score-soft"], ["above", "alarm", "alarm-soft"]]) {
    pen.save();
    pen.beginPath();
    if (threshold === null || threshold === undefined) pen.rect(0, 0, width, inside === "below" ? height : 0);
    else if (inside === "below") pen.rect(0, limit, width, height - limit);
    else pen.rect(0, 0, width, limit);
    pen.clip();
    for (const run of runs) {
      pen.beginPath();
      run.forEach(([at, score], k) => (k ? pen.lineTo(x(at), y(score)) : pen.moveTo(x(at), y(score))));
      pen.lineWidth = 1.4;
      pen.lineJoin = "round";
      pen.strokeStyle = colour(line);
      pen.stroke();
      pen.lineTo(x(run.at(-1)[0]), height);
      pen.lineTo(x(run[0][0]), height);
      pen.fillStyle = colour(fill);
      pen.fill();
    }
    pen.restore();
  }
  if (threshold !== null && threshold !== undefined) {
    pen.strokeStyle = colour("limit");
    pen.lineWidth = 1;
    pen.setLineDash([4, 4]);
    pen.beginPath();
    pen.moveTo(0, Math.round(limit) + 0.5);
    pen.lineTo(width, Math.round(limit) + 0.5);
    pen.stroke();
  }
}

/** The last two minutes of a camera. */
export function drawLive(canvas, camera, low) {
  const until = now();
  const since = until - 120;
  const spans = state.events
    .filter((one) => one.camera === camera.name && one.end >= since)
    .map((one) => [one.start, one.open ? until : one.end]);
  drawStrip(canvas, state.scores.get(camera.name) || [], { since, until, threshold: camera.threshold, low, spans });
}
