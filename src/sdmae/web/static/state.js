// All that the page knows, and who is told when it changes.

const listeners = new Map();

/** Has `work` done whenever something is said under that name. */
export const on = (name, work) => listeners.set(name, [...(listeners.get(name) || []), work]);

/** Says that something has changed. */
export const say = (name, value) => (listeners.get(name) || []).forEach((work) => work(value));

export const KEPT = 150; // seconds of scores

export const state = {
  cameras: [], // as the API gives them, in the order of the settings
  counts: {}, // events of each camera
  scores: new Map(), // of each camera: [time, score], oldest first
  events: [], // of the list, the latest first
  next: null, // where the list goes on
  selected: null, // number of the event that is shown
  filter: { camera: "", state: "", since: "" },
  linked: false,
  heard: 0, // when the server was heard last
  offset: 0, // seconds by which the server's clock is ahead of this one's
};

/** Seconds since 1970 by the server's clock. */
export const now = () => Date.now() / 1000 + state.offset;

export const camera = (name) => state.cameras.find((one) => one.name === name);

export const event = (id) => state.events.find((one) => one.id === id);

/** What has become of an event: open counts apart, since it may be seen already. */
export const markOf = (one) => one.verdict || (one.acknowledged_at === null ? "new" : "seen");

/** A new score of a camera. */
export function addScore(name, time, score) {
  const kept = state.scores.get(name) || [];
  const last = kept.at(-1);
  if (last && time < last[0]) return;
  if (last && time === last[0]) last[1] = Math.max(last[1], score);
  else kept.push([time, score]);
  while (kept.length && kept[0][0] < time - KEPT) kept.shift();
  state.scores.set(name, kept);
}

/** An event into the list, where it belongs; true where it is new there. */
export function putEvent(one) {
  const place = state.events.findIndex((other) => other.id === one.id);
  if (place >= 0) {
    state.events[place] = one;
    return false;
  }
  if (!matches(one) || (state.next && state.events.length && one.start < state.events.at(-1).start)) return false;
  const before = state.events.findIndex((other) => other.start < one.start || (other.start === one.start && other.id < one.id));
  state.events.splice(before < 0 ? state.events.length : before, 0, one);
  return true;
}

function matches(one) {
  const { camera: name, state: wanted } = state.filter;
  if (name && one.camera !== name) return false;
  const since = sinceOf(state.filter.since);
  if (since !== null && one.end < since) return false;
  if (wanted === "open") return one.open;
  if (wanted === "seen") return one.acknowledged_at !== null;
  return !wanted || markOf(one) === wanted;
}

/** The start of the time that is asked for, in seconds since 1970. */
export function sinceOf(words) {
  if (words === "today") return new Date().setHours(0, 0, 0, 0) / 1000;
  return { hour: now() - 3600, day: now() - 86400, week: now() - 7 * 86400 }[words] ?? null;
}
