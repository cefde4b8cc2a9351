// What a person says of an event, and taking it back.

import { put } from "./api.js";
import { byId, h } from "./dom.js";
import { event, markOf, putEvent, say, state } from "./state.js";

const WORDS = { new: "Not seen any more", seen: "Acknowledged", normal: "Marked: this was normal", real: "Marked: this was real" };
const done = [];

/** Gives the selected event, or another one, a mark; the same mark again takes it back. */
export async function mark(wanted, id = state.selected) {
  const before = event(id);
  if (!before) return;
  const had = markOf(before);
  if (wanted === "seen" && (had === "normal" || had === "real")) return toast(`It was seen, and marked: ${had}`);
  const next = had === wanted ? (wanted === "seen" ? "new" : "seen") : wanted;
  if (await send(id, next)) {
    done.push({ id, mark: had });
    toast(`${WORDS[next]}, ${before.camera}`, undo);
  }
}

/** Gives the event that was marked last the mark that it had before. */
export async function undo() {
  const last = done.pop();
  if (!last) return toast("There is nothing to undo");
  if (await send(last.id, last.mark)) toast(`Undone: event ${last.id} is as it was`);
}

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
