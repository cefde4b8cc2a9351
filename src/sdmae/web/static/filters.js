// Which events the list shows, and taking them away as a file.

import { query } from "./api.js";
import { byId, h, icon } from "./dom.js";
import { asking } from "./list.js";
import { acknowledgeAll } from "./marks.js";
import { on, say, state } from "./state.js";

const STATES = [["", "All"], ["new", "New"], ["open", "Open"], ["real", "Real"], ["normal", "Normal"]];
const TIMES = [["", "Any time"], ["hour", "Last hour"], ["today", "Today"], ["day", "Last 24 hours"], ["week", "Last 7 days"]];

export function startFilters() {
  const option = ([value, words]) => h("option", { value }, words);
  const camera = h("select", { id: "camera", "aria-label": "Camera", title: "Camera (/)" }, option(["", "All cameras"]));
  const since = h("select", { id: "since", "aria-label": "Time" }, ...TIMES.map(option));
  const states = STATES.map(([value, words]) =>
    h("label", {}, h("input", { type: "radio", name: "state", value, checked: value === "" }), h("span", {}, words)));
  const menu = h("details", { class: "menu" },
    h("summary", { class: "icon", title: "Export, and acknowledge all (e)", "aria-label": "Export, and acknowledge all" }, icon("save")),
    h("div", {},
      h("button", { type: "button", id: "acknowledge-all", onclick: () => { menu.open = false; acknowledgeAll(); } }, "Acknowledge all that are listed"),
      h("p", {}, "The events that are listed, as a file"),
      h("a", { id: "export-csv", download: "events.csv" }, "Table (CSV)"),
      h("a", { id: "export-json", download: "events.json" }, "JSON")));
  const form = byId("filters");
  form.append(h("div", { class: "fields" }, camera, since, menu), h("fieldset", { class: "switch" }, h("legend", {}, "State"), ...states));
  form.addEventListener("submit", (sent) => sent.preventDefault());
  form.addEventListener("change", () => {
    state.filter = { camera: camera.value, since: since.value, state: form.elements.state.value };
    say("filter");
  });
  menu.addEventListener("toggle", () => {
    byId("export-csv").href = query("/api/export/events.csv", asking());
    byId("export-json").href = query("/api/export/events.json", asking());
    if (menu.open) byId("acknowledge-all").focus();
  });
  document.addEventListener("click", (press) => menu.contains(press.target) || (menu.open = false));
  on("cameras", () => {
    const names = state.cameras.map((one) => one.name);
    const there = [...camera.options].slice(1).map((one) => one.value);
    if (names.join("\n") !== there.join("\n")) {
      camera.replaceChildren(option(["", "All cameras"]), ...names.map((name) => option([name, name])));
      camera.value = state.filter.camera;
    }
  });
  on("only", ({ camera: name = "", state: wanted = "" }) => {
    camera.value = name;
    since.value = "";
    form.elements.state.value = wanted;
    state.filter = { camera: name, since: "", state: wanted };
    document.body.dataset.tab = "events";
    say("tab");
    say("filter");
  });
  return { focus: () => camera.focus(), menu };
}
