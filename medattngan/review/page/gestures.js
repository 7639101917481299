// Mouse, pen and fingers on the slice.
//   left button, pen, one finger   window: across is the width, down is the level
//   middle or right button, or with the space bar held   pan
//   two fingers   pan and zoom
//   wheel   zoom

import { draggedWindow } from "./windowing.js";

const SLACK_PX = 3; // a finger put down is no drag yet

export class Gestures {
  #canvas;
  #viewer;
  #range;
  #points = new Map();
  #moved = 0;
  #panning = false;

  constructor(canvas, viewer, range) {
    this.#canvas = canvas;
    this.#viewer = viewer;
    this.#range = range;
    this.spaceHeld = false;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(type, (event) => this.#up(event));
    }
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #down(event) {
    event.preventDefault(); // no text selection, no autoscroll by the middle button
    this.#canvas.focus({ preventScroll: true });
    this.#canvas.setPointerCapture(event.pointerId);
    this.#points.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#panning = event.button !== 0 || this.spaceHeld;
    this.#moved = 0;
    this.#canvas.classList.toggle("panning", this.#panning);
  }

  #move(event) {
    const last = this.#points.get(event.pointerId);
    if (last === undefined) return;
    const [dx, dy] = [event.offsetX - last.x, event.offsetY - last.y];
    if (this.#points.size === 2) this.#pinch(event, dx, dy);
    else if (this.#points.size === 1) this.#drag(dx, dy);
    Object.assign(last, { x: event.offsetX, y: event.offsetY });
  }

  #drag(dx, dy) {
    this.#moved += Math.abs(dx) + Math.abs(dy);
    if (this.#panning) this.#viewer.panBy(dx, dy);
    else if (this.#moved > SLACK_PX) this.#viewer.window = draggedWindow(this.#viewer.window, dx, dy, this.#range);
  }

  /** One of two fingers moved: the middle of both moves by half as much, and the zoom follows their distance. */
  #pinch(event, dx, dy) {
    const [[, other]] = [...this.#points].filter(([id]) => id !== event.pointerId);
    const before = Math.hypot(event.offsetX - dx - other.x, event.offsetY - dy - other.y);
    const after = Math.hypot(event.offsetX - other.x, event.offsetY - other.y);
    this.#viewer.panBy(dx / 2, dy / 2);
    const middle = { x: (event.offsetX + other.x) / 2, y: (event.offsetY + other.y) / 2 };
    if (before > 10 && after > 10) this.#viewer.zoomBy(after / before, middle.x, middle.y);
  }

  #up(event) {
    this.#points.delete(event.pointerId);
    this.#panning = false;
    this.#moved = 0;
    this.#canvas.classList.remove("panning");
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0015; // a trackpad's pinch comes as a wheel with ctrl
    this.#viewer.zoomBy(Math.exp(-event.deltaY * lines * speed), event.offsetX, event.offsetY);
  }
}
