// The threshold of a camera: how many alarms another one would have given last week.

import { cameraPath, get, put, query } from "./api.js";
import { blank, colour, h, icon, settled } from "./dom.js";
import { toast } from "./marks.js";
import { goTo } from "./route.js";
import { now } from "./state.js";
import { day, number, rate, time } from "./words.js";

const STEPS = 1000;
const DAYS = 7;
const POINTS = DAYS * 24 * 6;
const FROM = {
  page: "set on this page", settings: "written in the settings file", "warm-up": "learnt in the camera's own warm-up", detector: "calibrated in the detector file",
};

/** Fills the panel for a camera. */
export async function showThreshold(panel, name) {
  panel.dataset.event = "";
  panel.setAttribute("aria-label", `Threshold of ${name}`);
  const head = h("header", { class: "head" },
    h("button", { type: "button", class: "icon back", "aria-label": "Back", title: "Back (Esc)", onclick: () => goTo() }, icon("back")),
    h("h2", {}, name), h("p", { class: "times" }, "Threshold"),
    h("span", { class: "steps" }, h("button", { type: "button", class: "icon", "aria-label": "Close", title: "Close (Esc)", onclick: () => goTo() }, icon("close"))));
  panel.replaceChildren(head, h("p", { class: "empty" }, "Reading the week …"));
  const until = now();
  let known, week;
  try {
    [known, week] = await Promise.all([get(cameraPath(name, "/threshold")), history(name, until)]);
  } catch (error) {
    panel.replaceChildren(head, h("div", { class: "empty" }, h("p", {}, error.message), h("button", { type: "button", onclick: () => showThreshold(panel, name) }, "Try again")));
    return;
  }
  if (panel.getAttribute("aria-label") !== `Threshold of ${name}`) return;
  if (known.opens === null) {
    panel.replaceChildren(head, h("p", { class: "empty" }, "The threshold is still being learnt in the camera's warm-up."));
    return;
  }
  tuner(panel, head, name, known, week);
}

/** The week; where little of it is known, what is known, so that it can be seen. */
async function history(name, until) {
  const since = until - DAYS * 86400;
  const ask = (from) => get(query(cameraPath(name, "/history"), { since: from, until, points: POINTS }));
  const week = await ask(since);
  const first = week.scores.findIndex((score) => score !== null);
  if (first < 0.6 * POINTS) return week;
  return ask(Math.min(since + (first / POINTS) * DAYS * 86400, until - 600));
}

function tuner(panel, head, name, known, week) {
  const scores = week.scores.filter((score) => score !== null);
  const low = known.median ?? Math.min(...scores, known.opens) * 0.9;
  const high = Math.max(...scores, known.opens + 0.2 * (known.opens - low), low + 1e-6) * 1.05;
  // Most of what there is to choose lies low, so the slider goes slowly there.
  const valueAt = (place) => low + (high - low) * (place / STEPS) ** 2;
  const placeOf = (value) => Math.round(STEPS * Math.sqrt(Math.min(Math.max((value - low) / (high - low), 0), 1)));
  let threshold = known.opens;
  let waiting = null;

  const figure = h("b", { class: "figure" }, "…");
  const claim = h("p", { class: "claim", role: "status" }, h("span", {}), figure, h("span", {}));
  const ground = h("p", { class: "soft" });
  const slider = h("input", { type: "range", min: 0, max: STEPS, step: 1, value: placeOf(threshold), id: "slider", "aria-label": `Threshold of ${name}` });
  const field = h("input", { type: "number", step: "any", value: number(threshold), "aria-label": "Threshold as a number" });
  const chart = h("canvas", { class: "week", role: "img", "aria-label": "The highest scores of the last seven days, as far as they are known" });
  const days = h("ol", { class: "days", "aria-label": "Alarms by day" });
  const use = h("button", { type: "button", class: "primary", onclick: () => set(threshold) }, "Use this threshold");
  const usual = h("button", { type: "button", onclick: () => set(null) }, "Back to the usual one");
  const source = h("p", { class: "soft" });
  const body = h("div", { class: "tune" },
    h("div", { class: "answer" }, claim, ground),
    h("figure", {}, chart, h("figcaption", { class: "axis" }, h("span", {}, `${day(week.since)}, ${time(week.since)}`), h("span", {}, "now"))),
    h("div", { class: "slide" }, slider, field), days,
    h("div", { class: "deeds" }, use, usual), source);
  panel.replaceChildren(head, body);

  const draw = () => drawWeek(chart, week, threshold, known.opens, (value) => placeOf(value) / STEPS);
  const ask = settled(async () => {
    waiting?.abort();
    const own = (waiting = new AbortController());
    const asked = threshold;
    try {
      const found = await get(query(cameraPath(name, "/would-be"), { threshold: asked, days: DAYS }), { signal: own.signal });
      if (asked === threshold) tell(found);
    } catch (error) {
      if (error.name !== "AbortError") claim.lastChild.textContent = error.message;
    }
  }, 120);

  function tell(found) {
    const { alarms, least, most, hours } = found;
    body.dataset.known = hours > 0;
    if (!hours) {
      figure.textContent = "–";
      claim.firstChild.textContent = "";
      claim.lastChild.textContent = " There is no history yet: it begins with the first minute that is watched.";
      ground.textContent = "";
    } else {
      figure.textContent = alarms;
      const same = number(threshold) === number(known.opens);
      claim.firstChild.textContent = same ? "" : "This would have been ";
      claim.lastChild.textContent = ` ${alarms === 1 ? "alarm" : "alarms"} last week${same ? ", at the threshold that holds now" : ""}`;
      const range = least === most ? "" : `, certainly ${least} to ${most}`;
      ground.textContent = `Known of last week: ${hours < 1.5 ? `${Math.max(Math.round(hours * 60), 1)} min` : `${Math.round(hours)} h`} of ${DAYS * 24} h${range}.`;
    }
    const top = Math.max(...found.by_day.map((one) => one.alarms), 1);
    days.replaceChildren(...found.by_day.map((one) => {
      const bar = h("i", {});
      bar.style.height = `${(100 * one.alarms) / top}%`;
      const weekday = new Date(`${one.day}T12:00`).toLocaleDateString([], { weekday: "short" });
      return h("li", { "data-none": !one.alarms }, h("b", {}, String(one.alarms)), h("span", { class: "column", "aria-hidden": "true" }, bar), h("span", {}, weekday));
    }));
  }

  function choose(value, from) {
    threshold = value;
    if (from !== slider) slider.value = placeOf(value);
    if (from !== field) field.value = number(value);
    slider.setAttribute("aria-valuetext", number(value));
    use.disabled = number(value) === number(known.opens);
    draw();
    ask();
  }

  async function set(value) {
    try {
      known = await put(cameraPath(name, "/threshold"), { threshold: value });
      toast(value === null ? `${name} has its usual threshold again` : `${name} alarms above ${number(known.opens)} from now on`);
      describe();
      choose(known.opens);
    } catch (error) {
      toast(error.message);
    }
  }

  function describe() {
    const by = FROM[known.set_by] || "";
    const expected = known.a_day === null ? "" : ` Calibration expects ${rate(known.a_day)} false alarms a day at it (90 % interval: ${rate(known.low)} to ${rate(known.high)}).`;
    source.replaceChildren(`Now ${number(known.opens)}, ${by}.${expected} For good: `, h("code", {}, `threshold: ${number(threshold)}`), " in the settings file.");
    usual.hidden = known.set_by !== "page" || known.usual === null;
    usual.textContent = `Back to the usual one${known.usual === null ? "" : `, ${number(known.usual)}`}`;
  }

  slider.addEventListener("input", () => { choose(valueAt(Number(slider.value)), slider); describe(); });
  field.addEventListener("change", () => { if (Number.isFinite(field.valueAsNumber)) choose(field.valueAsNumber, field); describe(); });
  chart.addEventListener("pointerdown", (press) => chart.setPointerCapture(press.pointerId));
  chart.addEventListener("pointermove", (move) => move.buttons && drag(move));
  chart.addEventListener("pointerdown", (press) => drag(press));
  const drag = (move) => {
    const box = chart.getBoundingClientRect();
    choose(valueAt(STEPS * Math.min(Math.max(1 - (move.clientY - box.top) / box.height, 0), 1)));
    describe();
  };
  chart.redraw = draw; // in other colours
  new ResizeObserver(draw).observe(chart);
  describe();
  choose(threshold);
}

function drawWeek(canvas, week, threshold, held, share) {
  const sheet = blank(canvas);
  if (!sheet) return;
  const { pen, width, height } = sheet;
  const step = width / week.scores.length;
  week.scores.forEach((score, k) => {
    if (score === null) return;
    const tall = Math.max(share(score) * height, 1);
    pen.fillStyle = colour(score > threshold ? "alarm" : "score");
    pen.fillRect(k * step, height - tall, Math.max(step, 0.75), tall);
  });
  pen.strokeStyle = colour("line");
  for (const midnight = new Date(week.since * 1000); ; ) {
    midnight.setHours(24, 0, 0, 0);
    const at = ((midnight / 1000 - week.since) / (week.until - week.since)) * width;
    if (at >= width) break;
    pen.beginPath();
    pen.moveTo(Math.round(at) + 0.5, 0);
    pen.lineTo(Math.round(at) + 0.5, height);
    pen.stroke();
  }
  for (const [value, dash, name] of [[held, [2, 4], "soft"], [threshold, [], "limit"]]) {
    const at = Math.round(height - share(value) * height) + 0.5;
    pen.setLineDash(dash);
    pen.strokeStyle = colour(name);
    pen.lineWidth = dash.length ? 1 : 1.5;
    pen.beginPath();
    pen.moveTo(0, at);
    pen.lineTo(width, at);
    pen.stroke();
  }
}
