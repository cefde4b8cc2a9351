// The WebSocket: hears what happens, and comes back when it was cut off.

import { addScore, now, putEvent, say, state } from "./state.js";

const SILENT = 7000; // milliseconds: the server says something every two seconds
let socket = null;
let tries = 0;
let due = 0;

/** Connects, and stays connected. `again`: what to do once it is back, since something may have been missed. */
export function connect(again) {
  const open = () => {
    clearTimeout(due);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const own = (socket = new WebSocket(`${scheme}://${location.host}/api/live`));
    const before = state.heard;
    own.onmessage = ({ data }) => {
      state.heard = Date.now();
      if (!state.linked) {
        state.linked = true;
        tries = 0;
        say("link");
        if (before) again();
      }
      hear(JSON.parse(data));
    };
    own.onclose = () => {
      if (own !== socket) return;
      const wait = Math.min(1000 * 2 ** tries++, 15000);
      lost(Date.now() + wait);
      due = setTimeout(open, wait);
    };
  };
  const hurry = () => {
    if (!state.linked) {
      socket.onclose = null;
      socket.close();
      open();
    }
  };
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", () => document.hidden || hurry());
  setInterval(() => {
    if (state.linked && Date.now() - state.heard > SILENT) {
      // A connection that was cut without a word: closing it would wait for an answer.
      socket.onclose = null;
      socket.close();
      lost(Date.now());
      open();
    } else if (!state.linked) say("link");
  }, 1000);
  open();
}

function lost(retry) {
  state.linked = false;
  state.retry = retry;
  say("link");
}

function hear(message) {
  if (message.kind === "cameras") {
    state.offset = message.now - Date.now() / 1000;
    state.cameras = message.cameras;
    say("cameras");
  } else if (message.kind === "camera") {
    const place = state.cameras.findIndex((one) => one.name === message.camera.name);
    if (place >= 0) state.cameras[place] = message.camera;
    say("cameras");
  } else if (message.kind === "score") {
    addScore(message.camera, message.time, message.score);
  } else {
    const fresh = putEvent(message.event);
    say("event", { event: message.event, kind: message.kind, fresh });
  }
}

export const silentFor = () => (state.heard ? Math.round((Date.now() - state.heard) / 1000) : null);
export { now };
