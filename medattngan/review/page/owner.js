// The page of a study's owner: how far readers are and, once the study is closed, what they found. What `stats` says
// are sentences for a paper, in English in every language.

import { element } from "./element.js";
import { bindTheme } from "./settings.js";
import { localise, say, told as inWords } from "./words.js";

const EVERY_MS = 15000;
const find = (selector) => document.querySelector(selector);

localise();
document.title = say("owner");
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
  find("#kept").textContent = say(told.closed_at ? "state_closed" : "state_open");
  find("#kept").dataset.state = told.closed_at ? "saved" : "waiting";
  find("#title").textContent = document.title = inWords(told.title);
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
    return say("owner_unreachable");
  }
}

function progressRow({ reader, read }, count) {
  const words = say("read_of", { n: read, count });
  const bar = element("progress", { max: count, value: read, "aria-label": `${reader}: ${words}` });
  return row(element("th", { scope: "row" }, reader), element("td", {}, words), element("td", {}, bar));
}

function row(...cells) {
  return element("tr", {}, ...cells);
}

function showState({ closed_at, interim, found, problem, looked_at }) {
  const state = find("#state");
  state.dataset.kind = interim || problem ? "caution" : "";
  state.lang = problem ? "en" : document.documentElement.lang;
  if (problem) state.textContent = problem;
  else if (closed_at) state.textContent = say("closed_on", { day: closed_at.slice(0, 10) });
  else if (!interim) state.textContent = say("blinded", { command: "medattngan review close STUDY" });
  else if (found === null) state.textContent = say("nobody_read");
  else state.textContent = say("interim", { day: looked_at.slice(0, 10) });
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
  const number = (value, digits) =>
    value.toLocaleString(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const percent = (share) => `${number(100 * share, 1)} %`;
  const cells = [
    reads,
    value === null ? "–" : percent(value),
    ci95 ? say("interval", { low: percent(ci95[0]), high: percent(ci95[1]) }) : "–",
    p === null || p === undefined ? "–" : p < 0.001 ? `< ${number(0.001, 3)}` : number(p, 3),
  ];
  const name = reader === "pooled" ? say("pooled") : reader;
  return row(element("th", { scope: "row" }, name), ...cells.map((cell) => element("td", {}, String(cell))));
}
