// Names and times as people read them.

export const TERMS = {
  error: ["Prediction", "The picture is not what was expected there."],
  discrepancy: ["Disagreement", "Teacher and student expect different things there: it is unlike what both learned."],
  anomaly_map: ["Strange look", "It resembles what was pasted into the training video as strange."],
  classifier: ["Whole frame", "The frame as a whole resembles one with something strange in it."],
  still: ["Left behind", "Something stands still where nothing stood before."],
};

export const STATES = {
  starting: "Starting",
  "warming up": "Warming up",
  watching: "Watching",
  lost: "Lost",
  degraded: "Degraded",
  off: "Off",
};

export const ENDINGS = {
  scores: null,
  lost: "The camera was lost during it.",
  stopped: "The program was stopped during it.",
  crash: "The program was killed during it; the end is the last moment known.",
};

export const term = (name) => (TERMS[name] || [name || "Unknown"])[0];

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });

export const time = (seconds) => clock.format(seconds * 1000);

/** The day of a time, such as Today. */
export function day(seconds) {
  const midnight = new Date().setHours(0, 0, 0, 0);
  const then = new Date(seconds * 1000).setHours(0, 0, 0, 0);
  const days = Math.round((midnight - then) / 86400000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : date.format(then);
}

/** A length of time, such as 2.4 s, 3 min. */
export function lasting(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} days`;
}

/** A score, to as many digits as tell it from its neighbours. */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  return size >= 100 ? value.toFixed(0) : size >= 1 ? value.toFixed(2) : size >= 0.01 || size === 0 ? value.toFixed(3) : value.toPrecision(2);
}

/** A number of alarms that is expected. */
export const rate = (value) => (value >= 10 ? value.toFixed(0) : value.toFixed(1).replace(".0", ""));

/** How many times the threshold an event reached; empty where a threshold is no scale. */
export const times = (event) => (event.threshold > 0 ? `${(event.peak_score / event.threshold).toFixed(1)}×` : "");

export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
