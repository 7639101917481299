// The slice being read: its window, zoom and place, painted once a frame at most.

import { Picture } from "./picture.js";
import { clampWindow, CODES, fillTable, physical } from "./windowing.js";

const ZOOMS = [0.5, 40];

export class Viewer {
  #canvas;
  #pictures;
  #study;
  #listener;
  #table = new Uint32Array(CODES);
  #tableIsOld = true;
  #frame = null;
  #window;
  #invert = false;
  #codes = null;
  #layer = 0;

  /**
   * @param canvases one, or two side by side that are windowed, zoomed and moved together
   * @param listener called after each painting
   */
  constructor(canvases, study, listener) {
    this.#canvas = canvases[0];
    this.#pictures = canvases.map((canvas) => new Picture(canvas, study));
    this.#study = study;
    this.#listener = listener;
    this.#window = clampWindow(study.window, study);
    new ResizeObserver(() => {
      for (const picture of this.#pictures) picture.resized();
      this.#askFrame();
    }).observe(this.#canvas);
  }

  /** Show the `codes` of a case whole, its middle slice first, keeping the window; null leaves the canvas black. */
  show(codes) {
    this.#codes = codes;
    this.layer = Math.floor(this.#study.depth / 2);
    this.fit();
  }

  /** Which slice of a stack is shown, from 0. */
  get layer() {
    return this.#layer;
  }

  set layer(layer) {
    const { width, height, depth } = this.#study;
    this.#layer = Math.min(Math.max(Math.round(layer), 0), depth - 1);
    this.#pictures.forEach((picture, side) => {
      const start = (side * depth + this.#layer) * width * height;
      picture.codes = this.#codes?.subarray(start, start + width * height) ?? null;
    });
    this.#askFrame();
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
    return this.#pictures[0].smooth;
  }

  set smooth(smooth) {
    for (const picture of this.#pictures) picture.smooth = smooth;
    this.#askFrame();
  }

  get zoom() {
    return this.#pictures[0].zoom;
  }

  get view() {
    return this.#pictures[0].view;
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
    const { pan } = this.#pictures[0];
    const away = {
      x: (x - this.#canvas.clientWidth / 2) * devicePixelRatio,
      y: (y - this.#canvas.clientHeight / 2) * devicePixelRatio,
    };
    this.#place(zoom, { x: away.x - (away.x - pan.x) * grown, y: away.y - (away.y - pan.y) * grown });
  }

  /** Move the slice by CSS pixels. */
  panBy(dx, dy) {
    const { pan } = this.#pictures[0];
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

  /** The physical value under a point of a canvas in CSS pixels; null beside the slice. */
  valueAt(x, y, side = 0) {
    const { scaleX, scaleY, left, top } = this.view;
    const column = Math.floor((x * devicePixelRatio - left) / scaleX);
    const row = Math.floor((y * devicePixelRatio - top) / scaleY);
    const { width, height } = this.#study;
    const { codes } = this.#pictures[side];
    if (column < 0 || row < 0 || column >= width || row >= height || codes === null) return null;
    return physical(codes[row * width + column], this.#study);
  }

  #place(zoom, pan) {
    for (const picture of this.#pictures) picture.place(zoom, pan);
    this.#askFrame();
  }

  #askFrame() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      for (const picture of this.#pictures) picture.paint(this.table);
      if (this.#canvas.clientWidth > 0) this.#listener();
    });
  }
}
