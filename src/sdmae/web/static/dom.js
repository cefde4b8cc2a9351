// Elements from plain values. Text is only ever set as text, so no name or message can become markup.

export const byId = (id) => document.getElementById(id);

/** An element: attributes by name, `on...` functions as listeners, false and null leave an attribute out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    const told = /^(aria|data)-/.test(name); // there, false is a value
    if (value === null || value === undefined || (value === false && !told)) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true && !told ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const DRAWN = {
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  help: "M9.2 9a2.9 2.9 0 1 1 4.3 2.600c-1 .6-1.5 1.1-1.5 2.200M12 17.300v.2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18",
  leave: "M14 4H6v16h8M10 12h11M17.5 8.5 21 12l-3.5 3.5",
  close: "M6 6l12 12M18 6 6 18",
  previous: "M6 15l6-6 6 6",
  next: "M6 9l6 6 6-6",
  heat: "M12 3c1 3.5 5.5 5.5 5.5 10.500a5.5 5.5 0 0 1-11 0c0-2.5 1.2-3.8 2.5-5 .3 1.7 1 2.5 1.8 2.900C10.5 8.5 11 5.5 12 3z",
  level: "M3 12h4M11 12h10M9 9.500v5M3 6h10M17 6h4M15 3.500v5M3 18h8M15 18h6M13 15.500v5",
  larger: "M9 4H4v5M15 4h5v5M9 20H4v-5M15 20h5v-5",
  seen: "M4 12.500l5 5L20 6.5",
  normal: "M3 12h18",
  real: "M12 4v10M12 18.500v.5",
  keep: "M7 4h10v16l-5-4-5 4z",
  save: "M12 4v11M7.5 10.5 12 15l4.5-4.500M5 20h14",
  back: "M15 5l-7 7 7 7",
};

/** One of the drawings above. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", DRAWN[name]);
  drawing.append(path);
  return drawing;
}

/** Calls at most once in so many milliseconds after the last of several calls. */
export function settled(work, milliseconds) {
  let waiting = 0;
  return (...values) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => work(...values), milliseconds);
  };
}

/** A colour of the style sheets, as a canvas takes it. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** A canvas made as sharp as the screen, cleared; its context, width and height in CSS pixels, or null unseen. */
export function blank(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  if (!width || !height) return null;
  const scale = Math.min(devicePixelRatio || 1, 3);
  if (canvas.width !== Math.round(width * scale)) canvas.width = Math.round(width * scale);
  if (canvas.height !== Math.round(height * scale)) canvas.height = Math.round(height * scale);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.setLineDash([]);
  return { pen, width, height };
}
