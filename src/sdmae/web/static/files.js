// Clip and picture of an event come a little after its end, and nobody is told: they are asked for until they are there.

import { get } from "./api.js";
import { event, now, on, putEvent, say, state } from "./state.js";

const RECENT = 300; // seconds after its end in which an event may still get its files
const PAUSES = [2, 4, 8, 15, 30, 60]; // seconds
const waiting = new Set();

export function startFiles() {
  on("event", ({ event: one }) => look(one));
  on("listed", () => state.events.forEach(look));
}

async function look(one) {
  if (one.open || (one.clip && one.thumbnail) || now() - one.end > RECENT || waiting.has(one.id)) return;
  waiting.add(one.id);
  for (const pause of PAUSES) {
    await new Promise((done) => setTimeout(done, pause * 1000));
    try {
      const found = await get(`/api/events/${one.id}`);
      const shown = event(one.id);
      if (shown && (shown.clip !== found.clip || shown.thumbnail !== found.thumbnail)) {
        putEvent(found);
        say("event", { event: found, kind: "files", fresh: false });
      }
      if (found.clip && found.thumbnail) break;
    } catch {
      // Asked for again in a while.
    }
  }
  waiting.delete(one.id);
}
