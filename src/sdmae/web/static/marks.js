// What a person says of an event, and taking it back.

import { put } from "./api.js";
import { byId, h } from "./dom.js";
import { event, markOf, putEvent, say, state } from "./state.js";
import { count } from "./words.js";

const WORDS = { new: "Not seen any more", seen: "Acknowledged", normal: "Marked: this was normal", real: "Marked: this was real" };
const done = [];
let last = Promise.resolve();

/** One after the other, however fast keys are pressed: what is undone must have been done. */
const inTurn = (work) => (...values) => (last = last.then(() => work(...values)));

/** Gives an event a mark; the same mark again takes it back. */
const setMark = inTurn(async (wanted, id) => {
  const before = event(id);
  if (!before) return;
  const had = markOf(before);
  if (wanted === "seen" && (had === "normal" || had === "real")) return toast(`It was seen, and marked: ${had}`);
  const next = had === wanted ? (wanted === "seen" ? "new" : "seen") : wanted;
  if (await send(id, next)) {
    done.push([{ id, mark: had }]);
    toast(`${WORDS[next]}, ${before.camera}`, undo);
  }
});

/** Of the selected event, or another one. */
export const mark = (wanted, id = state.selected) => setMark(wanted, id);

/** Acknowledges all of the list that nobody has seen. */
export const acknowledgeAll = inTurn(async () => {
  const marked = [];
  for (const { id } of state.events.filter((one) => markOf(one) === "new")) {
    if (!(await send(id, "seen"))) break;
    marked.push({ id, mark: "new" });
  }
  if (!marked.length) return toast("There is nothing new in the list");
  done.push(marked);
  toast(`Acknowledged: ${count(marked.length, "event")}`, undo);
});

/** Gives what was marked last the mark that it had before. */
export const undo = inTurn(async () => {
  const marked = done.pop();
  if (!marked) return toast("There is nothing to undo");
  for (const { id, mark: had } of marked) if (!(await send(id, had))) return;
  toast(marked.length === 1 ? `Undone: event ${marked[0].id} is as it was` : `Undone: ${count(marked.length, "event")}`);
});

export async function keep(id = state.selected) {
  const one = event(id);
  if (!one) return;
  try {
    changed(await put(`/api/events/${id}/keep`, { keep: !one.keep }));
    toast(one.keep ? "May be deleted when it is old" : "Kept: never deleted");
  } catch (error) {
    toast(error.message);
  }
}

async function send(id, wanted) {
  try {
    changed(await put(`/api/events/${id}/mark`, { mark: wanted, by: localStorage.getItem("sdmae-name") || "" }));
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

function changed(one) {
  putEvent(one);
  say("event", { event: one, kind: "mark", fresh: false });
}

/** A line that goes away by itself, with a way back if there is one. */
export function toast(words, back) {
  const line = h("p", { class: "toast" }, h("span", {}, words),
    back && h("button", { type: "button", onclick: () => { line.remove(); back(); } }, "Undo"));
  byId("toasts").replaceChildren(line);
  setTimeout(() => line.remove(), back ? 9000 : 5000);
}
