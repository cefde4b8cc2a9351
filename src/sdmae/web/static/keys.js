// The keyboard, and the page that explains it.

import { byId, h, icon } from "./dom.js";
import { step } from "./list.js";
import { acknowledgeAll, mark, undo } from "./marks.js";
import { goTo, here } from "./route.js";
import { nearest, toggleHeat } from "./wall.js";
import { TERMS } from "./words.js";

/** `filters`: what `startFilters` gave; `theme`: changes between dark and light. */
export function startKeys(filters, theme) {
  const film = () => document.querySelector(".film");
  const keys = {
    j: ["The next event", () => step(1)],
    k: ["The one before", () => step(-1)],
    a: ["Acknowledge it", () => mark("seen")],
    n: ["This was normal", () => mark("normal")],
    r: ["It was real", () => mark("real")],
    A: ["Acknowledge all that are listed", acknowledgeAll],
    u: ["Undo", undo],
    p: ["Play the clip, or pause it", () => { const clip = film()?.querySelector("video"); if (clip) clip.paused ? clip.play() : clip.pause(); }],
    m: ["Clip or heat map of the event", () => film()?.querySelector('.choice button[aria-pressed="false"]')?.click()],
    h: ["Heat map of the camera", () => toggleHeat()],
    t: ["Threshold of the camera", () => (here().what === "threshold" ? goTo() : nearest() && goTo("threshold", nearest()))],
    "/": ["Choose a camera", filters.focus],
    e: ["Export the list", () => (filters.menu.open = !filters.menu.open)],
    d: ["Dark or light", theme],
    "?": ["This help", () => (help.open ? help.close() : help.showModal())],
    Escape: ["Close", () => (filters.menu.open ? (filters.menu.open = false) : here().what && goTo())],
  };
  const help = byId("help");
  fill(help, keys);
  byId("show-help").addEventListener("click", () => help.showModal());
  help.addEventListener("click", (press) => press.target === help && help.close());
  addEventListener("keydown", (press) => {
    if (press.ctrlKey || press.metaKey || press.altKey) return;
    const typing = press.target.closest?.('select, textarea, input:not([type="radio"], [type="range"])');
    if (typing && press.key !== "Escape") return;
    if (typing) press.target.blur();
    if (help.open && press.key !== "?") return;
    const known = keys[press.key];
    if (!known) return;
    press.preventDefault();
    known[1]();
  });
}

function fill(help, keys) {
  const name = h("input", { id: "name", autocomplete: "name", maxlength: 128, value: localStorage.getItem("sdmae-name") || "" });
  name.addEventListener("change", () => localStorage.setItem("sdmae-name", name.value.trim()));
  help.append(
    h("header", {}, h("h2", {}, "Help"), h("form", { method: "dialog" }, h("button", { class: "icon", "aria-label": "Close", title: "Close (Esc)" }, icon("close")))),
    h("div", { class: "columns" },
      h("section", {}, h("h3", {}, "Keys"),
        h("dl", { class: "keys" }, ...Object.entries(keys).map(([key, [words]]) => h("div", {}, h("dt", {}, h("kbd", {}, key === "Escape" ? "Esc" : key)), h("dd", {}, words))))),
      h("section", {}, h("h3", {}, "Why an alarm"),
        h("p", {}, "The score is a sum of terms. The one furthest above what it is in normal video carried the alarm."),
        h("dl", { class: "terms" }, ...Object.values(TERMS).map(([word, meaning]) => h("div", {}, h("dt", {}, word), h("dd", {}, meaning)))),
        h("p", {}, "In a strip the dashed line is the threshold, at the same height for every camera."),
        h("h3", {}, "Your name"),
        h("p", {}, h("label", { for: "name" }, "Noted with what you mark, kept in this browser"), name))));
}

