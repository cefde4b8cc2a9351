// The wall of cameras: how each one is, what it sees, its scores.

import { cameraPath, get, picture, query } from "./api.js";
import { byId, h, icon } from "./dom.js";
import { goTo, here } from "./route.js";
import { addScore, now, on, say, state } from "./state.js";
import { drawLive } from "./strip.js";
import { STATES, count, lasting, number } from "./words.js";

const cards = new Map();
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const seen = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) for (const card of cards.values()) if (card.root === target) card.visible = isIntersecting;
});

export function startWall() {
  on("cameras", render);
  let drawn = 0;
  const frame = (at) => {
    if (at - drawn > (calm.matches ? 1000 : 120)) {
      drawn = at;
      for (const [name, card] of cards) {
        const camera = state.cameras.find((one) => one.name === name);
        if (camera && card.visible) drawLive(card.strip, camera, card.low);
      }
    }
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  setInterval(look, 500);
}

function render() {
  const wall = byId("wall");
  if (!state.cameras.length) {
    wall.replaceChildren(h("p", { class: "empty" }, "No camera is in the settings file. Add one to ", h("code", {}, "cameras.yaml"), " and start sdmae serve again."));
    return;
  }
  for (const [name, card] of cards) {
    if (!state.cameras.some((one) => one.name === name)) {
      card.root.remove();
      cards.delete(name);
    }
  }
  wall.dataset.count = Math.min(state.cameras.length, 5);
  for (const camera of state.cameras) {
    if (!cards.has(camera.name)) {
      if (!cards.size) wall.replaceChildren();
      const card = make(camera);
      cards.set(camera.name, card);
      wall.append(card.root);
      seen.observe(card.root);
      fill(camera.name);
    }
    update(cards.get(camera.name), camera);
  }
}

function make(camera) {
  const { name } = camera;
  const card = { visible: true, heat: false, large: false, looked: 0, busy: false, low: undefined, threshold: undefined };
  const tool = (drawing, words, work, pressed) =>
    h("button", { type: "button", class: "icon", title: words, "aria-label": `${words}, ${name}`, "aria-pressed": pressed, onclick: work }, icon(drawing));
  card.state = h("span", { class: "state" }, h("span", {}));
  card.image = h("img", { alt: "", decoding: "async" });
  card.image.hidden = true;
  card.over = h("p", { class: "over" });
  card.heatButton = tool("heat", "Heat map (h)", () => toggleHeat(name), "false");
  card.largeButton = tool("larger", "Larger", () => toggleLarge(name), "false");
  card.strip = h("canvas", { class: "strip", role: "img" });
  card.numbers = h("span", { class: "numbers" });
  card.news = h("button", { type: "button", class: "news", onclick: () => say("only", { camera: name, state: "new" }) });
  card.root = h("article", { class: "card", "aria-label": `Camera ${name}`, "data-camera": name },
    h("header", {}, h("h2", {}, name), card.state),
    h("div", { class: "sight" }, card.image, card.over, h("div", { class: "controls" }, card.heatButton, card.largeButton)),
    card.strip,
    h("footer", {}, card.numbers, card.news, tool("level", "Threshold (t)", () => goTo("threshold", name), null)),
  );
  return card;
}

function update(card, camera) {
  const alarm = camera.event !== null;
  const { name, why } = camera;
  card.root.dataset.state = alarm ? "alarm" : camera.state;
  const words = alarm ? "Alarm" : STATES[camera.state] || camera.state;
  if (card.state.textContent !== words) card.state.firstChild.textContent = words;
  card.root.title = camera.source;
  const since = lasting(Math.max(now() - camera.since, 0));
  const over = {
    starting: `Waiting for the first picture, ${since} so far.`,
    "warming up": camera.warm_up === null ? "Scores are settling." : `Learning what is usual: ${Math.round(100 * camera.warm_up)} %`,
    lost: `No picture for ${since}${why ? `: ${why}` : ""}. It is tried again by itself.`,
    degraded: `Its decoder fails again and again${why ? `: ${why}` : ""}. It is tried again, more seldom.`,
    off: "Not watched: enabled is false in the settings.",
  }[camera.state];
  card.over.textContent = over || (card.image.hidden ? "Waiting for the first picture." : "");
  card.over.hidden = !card.over.textContent;
  const news = state.counts[name]?.unseen || 0;
  card.news.hidden = !news;
  card.news.textContent = `${news} new`;
  card.news.setAttribute("aria-label", `${count(news, "new event")} of ${name}`);
  const { received, scored, unscored, shed, waiting } = camera.counts;
  card.numbers.textContent = camera.score === null ? "no score" : `${number(camera.score)} of ${number(camera.threshold)}`;
  card.numbers.title =
    `Latest score, and the threshold. ${camera.rate.toFixed(1)} frames a second are looked at. Of ${count(received, "frame")}: ${scored} scored, ` +
    `${unscored} without a score, ${shed} shed, ${waiting} waiting. Opened again ${count(camera.reconnects, "time")}.`;
  const close = camera.score === null || camera.threshold === null ? "" : camera.score > camera.threshold ? ", above the threshold" : ", below the threshold";
  card.strip.setAttribute("aria-label", `Scores of the last two minutes; latest ${number(camera.score)}${close}`);
  if (card.threshold !== camera.threshold) {
    card.threshold = camera.threshold;
    get(cameraPath(name, "/threshold")).then((known) => (card.low = known.median ?? undefined)).catch(() => {});
  }
}

/** The scores that came before this page did. */
async function fill(name) {
  try {
    const { times, scores } = await get(query(cameraPath(name, "/strip"), { seconds: 150 }));
    const kept = state.scores.get(name) || [];
    state.scores.set(name, []);
    times.forEach((time, k) => addScore(name, time, scores[k]));
    kept.forEach(([time, score]) => addScore(name, time, score));
  } catch {
    // The next ones come by themselves; that nothing answers is said at the top.
  }
}

/** Fetches the pictures that are due: only of what is on the screen, and never two at a time of one camera. */
function look() {
  if (document.hidden || !state.linked) return;
  const saving = navigator.connection?.saveData;
  for (const [name, card] of cards) {
    const camera = state.cameras.find((one) => one.name === name);
    const every = (card.large ? 500 : card.heat ? 1000 : 2000) * (saving ? 5 : 1);
    const live = camera && ["watching", "warming up"].includes(camera.state);
    const shown = card.visible && card.image.parentElement.offsetParent !== null;
    if (card.busy || !shown || (!live && card.looked) || Date.now() - card.looked < every) continue;
    show(name, card);
  }
}

async function show(name, card) {
  card.busy = true;
  card.looked = Date.now();
  try {
    const blob = await picture(query(cameraPath(name, "/picture"), { heat: card.heat ? "true" : "" }));
    if (blob) {
      const before = card.image.src;
      card.image.src = URL.createObjectURL(blob);
      await card.image.decode();
      card.image.hidden = false;
      card.image.alt = `What ${name} sees${card.heat ? ", with the heat map" : ""}`;
      card.root.dataset.heat = card.heat;
      if (before) URL.revokeObjectURL(before);
    }
  } catch {
    // The picture before stays; that the camera is lost, or nothing answers, is said elsewhere.
  }
  card.busy = false;
}

export function toggleHeat(name) {
  const card = cards.get(name || nearest());
  if (!card) return;
  card.heat = !card.heat;
  card.heatButton.setAttribute("aria-pressed", card.heat);
  card.looked = 0;
  look();
}

function toggleLarge(name) {
  for (const [other, card] of cards) {
    card.large = other === name && !card.large;
    card.root.classList.toggle("large", card.large);
    card.largeButton.setAttribute("aria-pressed", card.large);
    if (card.large) card.root.scrollIntoView({ block: "nearest" });
  }
}

/** The camera that a key means: that of the focus, of what is shown, the large one, or the first. */
export function nearest() {
  const focused = document.activeElement?.closest("[data-camera]")?.dataset.camera;
  const route = here();
  const shown = route.what === "threshold" ? route.which : state.events.find((one) => one.id === state.selected)?.camera;
  const large = [...cards].find(([, card]) => card.large)?.[0];
  return focused || shown || large || state.cameras[0]?.name;
}
