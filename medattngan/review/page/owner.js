// The page of a study's owner: how far readers are and, once the study is closed, what they found.

import { element } from "./element.js";
import { bindTheme } from "./settings.js";

const EVERY_MS = 15000;
const find = (selector) => document.querySelector(selector);

bindTheme(find("#theme"));
await refresh();
setInterval(refresh, EVERY_MS);

async function refresh() {
  const told = await ask();
  if (typeof told === "string") {
    find("#kept").textContent = told;
    find("#kept").dataset.state = "offline";
    return;
  }
  find("#kept").textContent = told.closed_at ? "Closed" : "Open";
  find("#kept").dataset.state = told.closed_at ? "saved" : "waiting";
  find("#title").textContent = document.title = told.title;
  find("#readers").replaceChildren(...told.readers.map((reader) => progressRow(reader, told.count)));
  showState(told);
  showFindings(told.found);
}

/** What the server says, or a sentence about why it does not. */
async function ask() {
  try {
    const answer = await fetch("/api/owner", { credentials: "same-origin" });
    const body = await answer.json();
    return answer.ok ? body : body.error;
  } catch {
    return "The server cannot be reached; trying again.";
  }
}

function progressRow({ reader, read }, count) {
  const bar = element("progress", { max: count, value: read, "aria-label": `${reader}: ${read} of ${count}` });
  return row(element("th", { scope: "row" }, reader), element("td", {}, `${read} of ${count}`), element("td", {}, bar));
}

function row(...cells) {
  return element("tr", {}, ...cells);
}

function showState({ closed_at, interim, found, problem, looked_at }) {
  const state = find("#state");
  state.dataset.kind = interim || problem ? "caution" : "";
  if (problem) state.textContent = problem;
  else if (closed_at) state.textContent = `Closed on ${closed_at.slice(0, 10)}.`;
  else if (!interim) state.textContent = "Blinded until the study is closed: medattngan review close STUDY.";
  else if (found === null) state.textContent = "Nobody has read a case yet.";
  else {
    state.textContent =
      `Before the end, as you asked; the study has noted that on ${looked_at.slice(0, 10)}. To stop when the result is ` +
      "nice proves nothing: decide beforehand when to close.";
  }
}

function showFindings(found) {
  const sentences = (list) => (list ?? []).map((sentence) => element("li", {}, sentence));
  find("#findings").replaceChildren(...sentences(found?.findings));
  find("#notes").replaceChildren(...sentences(found?.notes));
  find("#notes-title").hidden = !found?.notes.length;
  find("#figures").hidden = !found;
  find("#figures tbody").replaceChildren(...(found?.readers ?? []).map(figureRow));
}

function figureRow({ reader, reads, value, ci95, p }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const cells = [
    reads,
    value === null ? "–" : percent(value),
    ci95 ? `${percent(ci95[0])} to ${percent(ci95[1])}` : "–",
    p === null || p === undefined ? "–" : p < 0.001 ? "< 0.001" : p.toFixed(3),
  ];
  return row(element("th", { scope: "row" }, reader), ...cells.map((cell) => element("td", {}, String(cell))));
}
