// The API of the server that sent this page.

/** What went wrong, in words for people. */
export class Trouble extends Error {}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Trouble("sdmae serve does not answer. Is it still running?");
  }
  if (answer.status === 401) {
    location.reload(); // the session is over: the server shows the form
    throw new Trouble("The session is over.");
  }
  if (!answer.ok) {
    const said = await answer.json().catch(() => ({}));
    const words = typeof said.detail === "string" ? said.detail : `The server answered ${answer.status}.`;
    throw new Trouble(words.charAt(0).toUpperCase() + words.slice(1));
  }
  return answer;
}

export const get = async (path, options) => (await ask(path, options)).json();

export const put = async (path, body) =>
  (await ask(path, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })).json();

/** A picture as a blob; null where there is none yet. */
export async function picture(path, options) {
  const answer = await ask(path, options);
  return answer.status === 204 ? null : answer.blob();
}

export const logOut = () => ask("/logout", { method: "POST" }).finally(() => location.reload());

export const cameraPath = (name, what = "") => `/api/cameras/${encodeURIComponent(name)}${what}`;

/** An address with those of the values that are there. */
export function query(path, values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}
