// Puts the page together.

import { get, logOut } from "./api.js";
import { changeEvent, showEvent } from "./detail.js";
import { byId, h, icon, settled } from "./dom.js";
import { startFiles } from "./files.js";
import { startFilters } from "./filters.js";
import { startKeys } from "./keys.js";
import { load, startList } from "./list.js";
import { connect, silentFor } from "./live.js";
import { here } from "./route.js";
import { on, say, state } from "./state.js";
import { showThreshold } from "./tune.js";
import { startWall } from "./wall.js";
import { count, time } from "./words.js";

const panel = byId("panel");

function follow() {
  const { what, which } = here();
  const before = state.selected;
  state.selected = what === "event" ? Number(which) : null;
  if (before !== state.selected) say("selected");
  document.body.dataset.panel = what;
  panel.hidden = !what;
  if (what === "event") showEvent(panel, state.selected);
  else if (what === "threshold") showThreshold(panel, which);
  else panel.replaceChildren();
}

function summary() {
  const on = state.cameras.filter((one) => one.state !== "off");
  const well = on.filter((one) => one.state === "watching").length;
  const alarms = state.cameras.filter((one) => one.event !== null);
  const news = Object.values(state.counts).reduce((sum, one) => sum + one.unseen, 0);
  const words = [];
  if (alarms.length) words.push(h("b", { class: "alarm" }, `Alarm: ${alarms.map((one) => one.name).join(", ")}`));
  if (on.length) words.push(h("span", {}, well === on.length ? `${count(on.length, "camera")} watched` : `${well} of ${count(on.length, "camera")} watched`));
  if (news) words.push(h("span", {}, `${news} new`));
  const line = byId("summary");
  if (line.textContent !== words.map((one) => one.textContent).join("")) line.replaceChildren(...words);
  document.title = `${alarms.length ? "Alarm – " : news ? `(${news}) ` : ""}sdmae`;
  byId("new-count").textContent = news;
  byId("new-count").hidden = !news;
}

function link() {
  const own = byId("link");
  const word = state.linked ? "Live" : state.heard ? "Cut off" : "Connecting";
  own.dataset.state = state.linked ? "live" : state.heard ? "lost" : "waiting";
  own.lastElementChild.textContent = word;
  const late = !state.linked && (silentFor() ?? (state.retry ? 99 : 0)) > 3;
  const banner = byId("banner");
  banner.hidden = !late;
  document.body.classList.toggle("late", late);
  if (!late) return;
  const wait = Math.max(Math.ceil((state.retry - Date.now()) / 1000), 0);
  const last = state.heard ? ` What is shown is of ${time(state.heard / 1000)}.` : "";
  banner.textContent = `sdmae serve does not answer; ${wait ? `tried again in ${wait} s` : "trying again"}.${last} Is it running, and can this device reach it?`;
}

const recount = settled(async () => {
  try {
    for (const one of await get("/api/cameras")) if (one.events) state.counts[one.name] = one.events;
    say("cameras");
  } catch {
    // What is shown is a little old; that nothing answers is said at the top.
  }
}, 300);

function heard({ event, kind, fresh }) {
  recount();
  if (event.id === state.selected) changeEvent(panel, event);
  if (kind === "start" && fresh) byId("spoken").textContent = `Alarm: ${event.camera}, ${time(event.start)}`;
}

function theme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("sdmae-theme", root.dataset.theme);
  nameTheme();
  for (const canvas of document.querySelectorAll("canvas")) canvas.redraw?.();
}

function nameTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  byId("theme").setAttribute("aria-label", dark ? "Light" : "Dark");
}

function tabs() {
  const buttons = document.querySelectorAll(".tabs button");
  for (const button of buttons) button.addEventListener("click", () => {
    document.body.dataset.tab = button.dataset.tab;
    say("tab");
  });
  on("tab", () => {
    for (const button of buttons) button.setAttribute("aria-current", button.dataset.tab === document.body.dataset.tab);
    scrollTo(0, 0);
  });
}

byId("theme").append(icon("theme"));
byId("show-help").append(icon("help"));
byId("leave").append(icon("leave"));
byId("leave").addEventListener("click", logOut);
byId("theme").addEventListener("click", theme);
nameTheme();
on("cameras", summary);
on("link", link);
on("event", heard);
on("listed", () => state.selected && say("selected"));
tabs();
startFiles();
startWall();
startKeys(startFilters(), theme);
addEventListener("popstate", follow);
addEventListener("hashchange", follow);
recount();
startList().then(follow);
connect(() => {
  load();
  recount();
});
get("/api/session").then(({ token }) => (byId("leave").hidden = !token)).catch(() => {});
