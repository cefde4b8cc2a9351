// What is shown is in the address, so that it can be sent to somebody, and the way back is the browser's own.

/** What the address says: an event or a threshold, and which one. */
export function here() {
  const [, what, which] = location.hash.split("/");
  return { what: ["event", "threshold"].includes(what) ? what : "", which: which ? decodeURIComponent(which) : "" };
}

/** Shows something else. From one thing of a kind to the next does not count as a step to go back. */
export function goTo(what, which) {
  const address = what ? `#/${what}/${encodeURIComponent(which)}` : location.pathname;
  if (here().what && what) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  dispatchEvent(new Event("popstate"));
}
