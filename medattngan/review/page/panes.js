// The panes: one, or two side by side; which way the patient lies in them, by letters at their edges and in words.

import { element } from "./element.js";
import { say } from "./words.js";

const SIDES = ["left_side", "right_side"];

/** Make as many panes as a case has sides, with their marks; the canvases, from left to right. */
export function layPanes(place, { sides, edges }) {
  const first = place.querySelector(".pane");
  if (sides === 2) {
    place.classList.add("pair");
    place.append(element("div", { className: "pane" }, element("canvas", { id: "slice-2", tabIndex: 0, role: "img" })));
  }
  const panes = [...place.querySelectorAll(".pane")];
  panes.forEach((pane, side) => {
    for (const [edge, letter] of Object.entries(edges ?? {})) {
      pane.append(element("span", { className: `edge ${edge}`, "aria-hidden": "true" }, say(`edge_${letter}`)));
    }
    if (sides === 2) pane.append(element("p", { className: "side" }, say(SIDES[side])));
  });
  return panes.map((pane) => pane.querySelector("canvas"));
}

/** The name of a canvas: with its side, where there are two. */
export function nameOf(canvas, words) {
  const side = canvas.parentElement.querySelector(".side");
  return side === null ? words : `${side.textContent}: ${words}`;
}

/** What the letters mean, in a sentence. */
export function conventionOf(edges) {
  if (edges === null) return say("convention_unknown");
  return say(edges.left === "R" ? "convention" : "convention_sagittal");
}
