// One event: what was to be seen, why it was an alarm, and what a person says of it.

import { cameraPath, get, query } from "./api.js";
import { h, icon } from "./dom.js";
import { load, step } from "./list.js";
import { keep, mark } from "./marks.js";
import { goTo } from "./route.js";
import { camera, event, markOf, now, putEvent } from "./state.js";
import { drawCurve, whyOf } from "./why.js";
import { ENDINGS, day, lasting, time } from "./words.js";

const MARKS = [
  ["seen", "Acknowledge", "a", "I have seen it"],
  ["normal", "This was normal", "n", "A false alarm: nothing out of the ordinary"],
  ["real", "It was real", "r", "Something that was to be found"],
];

/** What the panel holds for an event; fetches it where the list has not got that far. */
export async function showEvent(panel, id) {
  let one = event(id);
  if (!one) {
    panel.replaceChildren(h("p", { class: "empty" }, "Reading …"));
    try {
      one = await get(`/api/events/${id}`);
    } catch (error) {
      panel.replaceChildren(h("div", { class: "empty" }, h("p", {}, error.message), h("button", { type: "button", onclick: () => goTo() }, "Back to the cameras")));
      return;
    }
    if (!putEvent(one)) await load(); // a filter hides it, or it is older than what is listed
  }
  render(panel, one);
}

/** The same event, changed: what is playing goes on. */
export function changeEvent(panel, one) {
  const shown = panel.querySelector(".film");
  if (panel.dataset.event !== String(one.id) || !shown) return;
  changeMarks(panel.querySelector(".marks"), one);
  panel.querySelector(".facts").replaceWith(facts(one));
  panel.querySelector(".times").replaceWith(when(one));
  if (shown.dataset.of !== filesOf(one)) shown.replaceWith(film(one));
  if (panel.dataset.peak !== String(one.peak_score)) {
    panel.querySelector(".why").replaceWith(whyOf(one, camera(one.camera)));
    drawCurve(panel.querySelector(".curve canvas"), panel.querySelector(".curve figcaption"), one);
  }
  panel.dataset.peak = one.peak_score;
}

function render(panel, one) {
  panel.dataset.event = one.id;
  panel.dataset.peak = one.peak_score;
  panel.setAttribute("aria-label", `Event ${one.id}, ${one.camera}`);
  const tool = (drawing, words, work, more = "") => h("button", { type: "button", class: `icon ${more}`, title: words, "aria-label": words, onclick: work }, icon(drawing));
  const canvas = h("canvas", { role: "img", "aria-label": "Score" });
  const caption = h("figcaption", {}, "Score");
  panel.replaceChildren(
    h("header", { class: "head" },
      h("button", { type: "button", class: "icon back", "aria-label": "Back", title: "Back (Esc)", onclick: () => goTo() }, icon("back")),
      h("h2", {}, one.camera), when(one),
      h("span", { class: "steps" }, tool("previous", "The one above (k)", () => step(-1)), tool("next", "The one below (j)", () => step(1)),
        tool("close", "Close (Esc)", () => goTo(), "shut"))),
    h("div", { class: "body" },
      h("div", { class: "left" }, film(one), marks(one), h("figure", { class: "curve" }, caption, canvas)),
      h("div", { class: "right" }, whyOf(one, camera(one.camera)), facts(one))));
  panel.scrollTop = 0;
  drawCurve(canvas, caption, one);
}

function when(one) {
  const until = one.open ? "going on" : lasting(one.seconds);
  return h("p", { class: "times" }, h("time", { datetime: one.start_time }, `${day(one.start)}, ${time(one.start)}`), h("span", { class: one.open ? "chip alarm" : "soft" }, until));
}

const soon = (one) => one.open || now() - one.end < 60;

const filesOf = (one) => `${one.id} ${one.clip} ${one.thumbnail} ${one.open}`;

function film(one) {
  const picture = `/api/events/${one.id}/thumbnail`;
  const clip = one.clip && h("video", { src: `/api/events/${one.id}/clip`, controls: true, muted: true, loop: true, playsinline: true, preload: "metadata",
    poster: one.thumbnail ? picture : null, "aria-label": `Clip of event ${one.id}` });
  const still = one.thumbnail && h("img", { src: picture, alt: `The frame with the highest score, with the heat map; ${one.camera}, ${time(one.peak_at)}` });
  const frame = h("div", { class: "film", "data-of": filesOf(one) });
  if (!clip && !still) {
    frame.append(one.open ? liveNow(one) : h("p", { class: "empty" }, "Neither clip nor picture of it is kept."));
    return frame;
  }
  const show = (what) => {
    frame.dataset.shows = what;
    for (const button of frame.querySelectorAll(".choice button")) button.setAttribute("aria-pressed", button.dataset.what === what);
    if (clip && what === "clip") clip.play().catch(() => {});
    else clip?.pause();
  };
  if (clip) {
    clip.muted = true;
    clip.addEventListener("error", () => {
      clip.replaceWith(h("p", { class: "empty" }, "This browser cannot play the clip. ", h("a", { href: clip.src, download: `${one.camera}-${one.id}.mp4` }, "Save it"), " and open it with another program."));
    });
  }
  frame.append(clip || h("p", { class: "empty" }, soon(one) ? "The clip comes a little after the end of the event." : "No clip of it is kept."), still || h("p", { class: "empty" }, "No picture of it is kept."));
  frame.append(h("div", { class: "choice", role: "group", "aria-label": "What to see" },
    ...[["clip", "Clip"], ["still", "Heat map"]].map(([what, words]) => h("button", { type: "button", "data-what": what, onclick: () => show(what) }, words))));
  show(clip ? "clip" : "still");
  return frame;
}

/** What the camera sees while the event goes on, with the heat map. */
function liveNow(one) {
  const address = () => query(cameraPath(one.camera, "/picture"), { heat: "true", at: Date.now() });
  const image = h("img", { src: address(), alt: `What ${one.camera} sees now, with the heat map` });
  const again = () => setTimeout(() => image.isConnected && (image.src = address()), 1000);
  image.addEventListener("load", again);
  image.addEventListener("error", again);
  return image;
}

function marks(one) {
  const has = markOf(one);
  const buttons = MARKS.map(([what, words, key, title]) =>
    h("button", { type: "button", "data-mark": what, title, "aria-pressed": has === what || (what === "seen" && has !== "new"), onclick: () => mark(what, one.id) },
      icon(what), h("span", {}, words), h("kbd", {}, key)));
  return h("div", { class: "marks", role: "group", "aria-label": "What was it?" }, ...buttons,
    h("button", { type: "button", class: "keep", title: "Never delete it for its age, or for want of room", "aria-pressed": one.keep, onclick: () => keep(one.id) }, icon("keep"), h("span", {}, one.keep ? "Kept" : "Keep")));
}

/** Whoever has pressed a button with the keyboard stays on it. */
function changeMarks(old, one) {
  const place = [...old.children].indexOf(document.activeElement);
  const next = marks(one);
  old.replaceWith(next);
  next.children[place]?.focus();
}

function facts(one) {
  const pair = (name, value) => value && [h("dt", {}, name), h("dd", {}, value)];
  const seen = one.acknowledged_at && `${one.acknowledged_by === "page" ? "" : `${one.acknowledged_by}, `}${day(one.acknowledged_at)}, ${time(one.acknowledged_at)}`;
  return h("dl", { class: "facts" },
    pair("Begun", time(one.start)), pair("Highest", time(one.peak_at)), pair("Over", one.open ? "not yet" : time(one.end)), pair("Seen", seen),
    pair("Number", h("a", { href: `/api/events/${one.id}`, title: "As the API gives it" }, String(one.id))),
    pair("Detector", h("span", { title: one.detector }, one.detector.slice(0, 8))),
    ENDINGS[one.ended_by] && h("dd", { class: "wide" }, ENDINGS[one.ended_by]));
}
