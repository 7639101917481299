// Mouse, pen and fingers on the slice.
//   left button, pen, one finger   window: across is the width, down is the level
//   middle or right button, or with the space bar held   pan
//   two fingers   pan and zoom
//   wheel   zoom
// In a stack the wheel and one finger scroll, and the wheel with ctrl, which is how a pinch comes, zooms.

import { draggedWindow } from "./windowing.js";

const SLACK_PX = 3; // a finger put down is no drag yet
const LAYER_PX = 12; // that a finger moves from slice to slice
const WHEEL_PX = 80; // that a wheel turns from slice to slice: a notch, of 90 to 120, is one slice

export class Gestures {
  #viewer;
  #study;
  #points = new Map();
  #moved = 0;
  #panning = false;
  #turned = 0; // of a wheel or finger since the last slice

  constructor(canvases, viewer, study) {
    this.#viewer = viewer;
    this.#study = study;
    this.spaceHeld = false;
    for (const canvas of canvases) this.#bind(canvas);
  }

  #bind(canvas) {
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
    event.currentTarget.focus({ preventScroll: true });
    event.currentTarget.setPointerCapture(event.pointerId);
    this.#points.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.#panning = event.button !== 0 || this.spaceHeld;
    this.#moved = this.#turned = 0;
    event.currentTarget.classList.toggle("panning", this.#panning);
  }

  #move(event) {
    const last = this.#points.get(event.pointerId);
    if (last === undefined) return;
    const [dx, dy] = [event.offsetX - last.x, event.offsetY - last.y];
    if (this.#points.size === 2) this.#pinch(event, dx, dy);
    else if (this.#points.size === 1) this.#drag(dx, dy, event.pointerType === "touch" && this.#study.depth > 1);
    Object.assign(last, { x: event.offsetX, y: event.offsetY });
  }

  #drag(dx, dy, scrolls) {
    this.#moved += Math.abs(dx) + Math.abs(dy);
    if (this.#panning) this.#viewer.panBy(dx, dy);
    else if (scrolls) this.#scroll(dy, LAYER_PX);
    else if (this.#moved > SLACK_PX) this.#viewer.window = draggedWindow(this.#viewer.window, dx, dy, this.#study);
  }

  /** Go through the stack: one slice for every `step` pixels. */
  #scroll(pixels, step) {
    this.#turned += pixels;
    const layers = Math.trunc(this.#turned / step);
    this.#turned -= layers * step;
    if (layers !== 0) this.#viewer.layer += layers;
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

  /** Go through the stack by the wheel, one slice at a time however far it turned at once. */
  #turn(pixels) {
    this.#turned += pixels;
    if (Math.abs(this.#turned) < WHEEL_PX) return;
    this.#viewer.layer += Math.sign(this.#turned);
    this.#turned = 0;
  }

  #up(event) {
    this.#points.delete(event.pointerId);
    this.#panning = false;
    this.#moved = 0;
    event.currentTarget.classList.remove("panning");
  }

  #wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    if (this.#study.depth > 1 && !event.ctrlKey) {
      this.#turn(event.deltaY * lines);
      return;
    }
    const speed = event.ctrlKey ? 0.01 : 0.0015; // a trackpad's pinch comes as a wheel with ctrl
    this.#viewer.zoomBy(Math.exp(-event.deltaY * lines * speed), event.offsetX, event.offsetY);
  }
}
