// The slice being read: its window, zoom and place, painted once a frame at most.

import { Picture } from "./picture.js";
import { clampWindow, CODES, fillTable, physical } from "./windowing.js";

const ZOOMS = [0.5, 40];

export class Viewer {
  #canvas;
  #picture;
  #study;
  #listener;
  #table = new Uint32Array(CODES);
  #tableIsOld = true;
  #frame = null;
  #window;
  #invert = false;

  /** @param listener called after each painting. */
  constructor(canvas, study, listener) {
    this.#canvas = canvas;
    this.#picture = new Picture(canvas, study);
    this.#study = study;
    this.#listener = listener;
    this.#window = clampWindow(study.window, study);
    new ResizeObserver(() => {
      this.#picture.resized();
      this.#askFrame();
    }).observe(canvas);
  }

  /** Show `codes` whole, keeping the window; null leaves the canvas black. */
  show(codes) {
    this.#picture.codes = codes;
    this.fit();
  }

  get window() {
    return this.#window;
  }

  set window(window) {
    this.#window = clampWindow(window, this.#study);
    this.#tableIsOld = true;
    this.#askFrame();
  }

  get invert() {
    return this.#invert;
  }

  set invert(invert) {
    this.#invert = invert;
    this.#tableIsOld = true;
    this.#askFrame();
  }

  get smooth() {
    return this.#picture.smooth;
  }

  set smooth(smooth) {
    this.#picture.smooth = smooth;
    this.#askFrame();
  }

  get zoom() {
    return this.#picture.zoom;
  }

  get view() {
    return this.#picture.view;
  }

  /** The grey of every code now. */
  get table() {
    if (this.#tableIsOld) fillTable(this.#table, this.#study, this.#window, this.#invert);
    this.#tableIsOld = false;
    return this.#table;
  }

  /** Multiply the zoom; the point (x, y) of the canvas, in CSS pixels, stays where it is. Without one, the middle does. */
  zoomBy(factor, x = this.#canvas.clientWidth / 2, y = this.#canvas.clientHeight / 2) {
    const zoom = Math.min(Math.max(this.zoom * factor, ZOOMS[0]), ZOOMS[1]);
    const grown = zoom / this.zoom;
    const { pan } = this.#picture;
    const away = {
      x: (x - this.#canvas.clientWidth / 2) * devicePixelRatio,
      y: (y - this.#canvas.clientHeight / 2) * devicePixelRatio,
    };
    this.#place(zoom, { x: away.x - (away.x - pan.x) * grown, y: away.y - (away.y - pan.y) * grown });
  }

  /** Move the slice by CSS pixels. */
  panBy(dx, dy) {
    const { pan } = this.#picture;
    this.#place(this.zoom, { x: pan.x + dx * devicePixelRatio, y: pan.y + dy * devicePixelRatio });
  }

  fit() {
    this.#place(1, { x: 0, y: 0 });
  }

  /** The study's window, not inverted, the whole slice. */
  reset() {
    this.invert = false;
    this.window = this.#study.window;
    this.fit();
  }

  /** The physical value under a point of the canvas in CSS pixels; null beside the slice. */
  valueAt(x, y) {
    const { scaleX, scaleY, left, top } = this.view;
    const column = Math.floor((x * devicePixelRatio - left) / scaleX);
    const row = Math.floor((y * devicePixelRatio - top) / scaleY);
    const { width, height } = this.#study;
    if (column < 0 || row < 0 || column >= width || row >= height || this.#picture.codes === null) return null;
    return physical(this.#picture.codes[row * width + column], this.#study);
  }

  #place(zoom, pan) {
    this.#picture.place(zoom, pan);
    this.#askFrame();
  }

  #askFrame() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#picture.paint(this.table);
      if (this.#canvas.clientWidth > 0) this.#listener();
    });
  }
}
