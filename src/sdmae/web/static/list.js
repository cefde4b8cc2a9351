// The list of events, the latest first.

import { cameraPath, get, query } from "./api.js";
import { byId, h } from "./dom.js";
import { goTo } from "./route.js";
import { event, markOf, on, say, sinceOf, state } from "./state.js";
import { count, day, lasting, term, time, times } from "./words.js";

let asked = 0;
let trouble = "";
let loading = false;

export function startList() {
  on("event", ({ event: one, fresh }) => (fresh ? render() : refresh(one)));
  on("filter", () => load());
  on("selected", select);
  byId("scroll").addEventListener("click", (press) => {
    const row = press.target.closest("[data-event]");
    if (row) goTo("event", row.dataset.event);
  });
  new IntersectionObserver(([entry]) => entry.isIntersecting && state.next && !loading && load(true), { rootMargin: "400px" }).observe(byId("more"));
  return load();
}

/** What the filter asks for, as the API takes it. */
export const asking = () => ({ camera: state.filter.camera, state: state.filter.state, since: sinceOf(state.filter.since) });

/** Reads the list anew, or `more` of it. */
export async function load(more = false) {
  const own = ++asked;
  loading = true;
  trouble = "";
  try {
    const page = await get(query("/api/events", { ...asking(), limit: 50, after: more ? state.next : null }));
    if (own !== asked) return;
    state.events = more ? [...state.events, ...page.events.filter((one) => !event(one.id))] : page.events;
    state.next = page.next;
  } catch (error) {
    if (own !== asked) return;
    trouble = error.message;
  }
  loading = false;
  render();
  say("listed");
}

function render() {
  const list = byId("list");
  const held = list.contains(document.activeElement) ? document.activeElement.dataset.event : null;
  const lines = [];
  let last = "";
  for (const one of state.events) {
    const today = day(one.start);
    if (today !== last) lines.push(h("li", { class: "day" }, h("h3", {}, today)));
    last = today;
    lines.push(h("li", {}, row(one)));
  }
  list.replaceChildren(...lines);
  if (held) list.querySelector(`[data-event="${held}"]`)?.focus({ preventScroll: true });
  byId("more").replaceChildren(...foot());
}

function foot() {
  if (trouble) return [h("div", { class: "empty" }, h("p", {}, trouble), h("button", { type: "button", onclick: () => load() }, "Try again"))];
  if (state.next) return [h("p", { class: "quiet" }, "More …")];
  if (state.events.length) return [h("p", { class: "quiet" }, `That is all: ${count(state.events.length, "event")}.`)];
  if (Object.values(state.filter).some(Boolean)) {
    return [h("div", { class: "empty" }, h("p", {}, "No event is like that."), h("button", { type: "button", onclick: () => say("only", {}) }, "Show all events"))];
  }
  return [h("div", { class: "empty" }, h("p", {}, h("b", {}, "No events yet.")),
    h("p", {}, "The cameras are watched; the first alarm appears here by itself. If you expected one, lower the threshold of its camera with its slider."))];
}

function row(one) {
  const mark = markOf(one);
  const picture = one.thumbnail ? `/api/events/${one.id}/thumbnail` : one.open ? query(cameraPath(one.camera, "/picture"), { heat: "true", of: one.id }) : "";
  const thumbnail = picture && h("img", { src: picture, alt: "", loading: "lazy", decoding: "async", onerror: (failed) => failed.target.remove() });
  const words = { seen: "seen", normal: "normal", real: "real" }[mark];
  const label = `${one.camera}, ${time(one.start)}, ${lasting(one.seconds)}, ${term(one.term)}, ${one.open ? "going on" : words || "new"}`;
  return h("button", { type: "button", class: "row", "data-event": one.id, "data-mark": mark, "data-open": one.open, "aria-label": label,
    "aria-current": one.id === state.selected ? "true" : null },
    h("span", { class: "thumb" }, thumbnail || null),
    h("span", { class: "what" },
      h("span", { class: "line" }, h("b", {}, one.camera), h("time", { datetime: one.start_time }, time(one.start))),
      h("span", { class: "line soft" }, h("span", {}, term(one.term), one.keep ? ", kept" : ""), h("span", {}, one.open ? "going on" : lasting(one.seconds))),
      h("span", { class: "line" }, meter(one), one.open ? h("span", { class: "chip alarm" }, "alarm") : words ? h("span", { class: `chip ${mark}` }, words) : h("span", { class: "chip fresh" }, "new")),
    ));
}

/** How far above the threshold: an event of four times it fills the bar. */
function meter(one) {
  const share = one.threshold > 0 ? Math.min(Math.log2(Math.max(one.peak_score / one.threshold, 1)) / 2, 1) : 0.5;
  const bar = h("i", {});
  bar.style.width = `${Math.round(8 + 92 * share)}%`;
  return h("span", { class: "meter", title: "How high the score rose, in thresholds" }, h("span", {}, bar), times(one));
}

function refresh(one) {
  const old = byId("list").querySelector(`[data-event="${one.id}"]`);
  if (!old || !event(one.id)) return;
  const held = document.activeElement === old;
  const next = row(one);
  // A picture that is there already must not blink.
  const image = old.querySelector("img");
  const now = next.querySelector("img");
  if (image && now && image.src === now.src) now.replaceWith(image);
  old.replaceWith(next);
  if (held) next.focus({ preventScroll: true });
}

function select() {
  for (const old of byId("list").querySelectorAll("[aria-current]")) old.removeAttribute("aria-current");
  const chosen = byId("list").querySelector(`[data-event="${state.selected}"]`);
  chosen?.setAttribute("aria-current", "true");
  chosen?.scrollIntoView({ block: "nearest" });
}

/** The next or previous event of the list. */
export function step(by) {
  if (!state.events.length) return;
  const place = state.events.findIndex((one) => one.id === state.selected);
  const to = place < 0 ? 0 : Math.min(Math.max(place + by, 0), state.events.length - 1);
  goTo("event", state.events[to].id);
  if (to > state.events.length - 5 && state.next && !loading) load(true);
}
