// The server, seen from the page. Every answer is {status, …}; status 0 says that there was no answer at all.

const PATIENCE_MS = 20000;
const SLOWEST_BYTES_PER_MS = 64; // a line of half a megabit a second

async function ask(path, options) {
  try {
    return await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), credentials: "same-origin", ...options });
  } catch {
    return null; // no network, no server, or no answer in time: the callers ask again
  }
}

/** {status, body}: body is the parsed JSON, null when there is none. */
async function askJson(path, options) {
  const answer = await ask(path, options);
  if (answer === null) return { status: 0, body: null };
  try {
    return { status: answer.status, body: await answer.json() };
  } catch {
    return { status: answer.ok ? 0 : answer.status, body: null }; // cut off on the way, or not from this server
  }
}

export function getStudy() {
  return askJson("/api/study");
}

export function getCase(n) {
  return askJson(`/api/cases/${n}`);
}

/** {status, codes}: codes is a Uint16Array of `count` little-endian codes, or null. */
export async function getPixels(path, count) {
  // The time is for the whole answer, and a stack of slices is many megabytes.
  const answer = await ask(path, { signal: AbortSignal.timeout(PATIENCE_MS + (2 * count) / SLOWEST_BYTES_PER_MS) });
  if (answer === null) return { status: 0, codes: null };
  if (!answer.ok) return { status: answer.status, codes: null };
  try {
    const buffer = await answer.arrayBuffer();
    return buffer.byteLength === 2 * count
      ? { status: 200, codes: new Uint16Array(buffer) }
      : { status: 0, codes: null };
  } catch {
    return { status: 0, codes: null };
  }
}

export function putRead({ n, read_id, answers, milliseconds }, csrf) {
  return askJson(`/api/reads/${n}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify({ read_id, answers, milliseconds }),
  });
}
