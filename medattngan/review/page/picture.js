// 16-bit codes on a canvas, interpolated to the screen, then windowed. Lengths are in screen (device) pixels.

import { axis, resample } from "./resample.js";

export class Picture {
  #canvas;
  #context;
  #study;
  #codes = null;
  #smooth = true;
  #zoom = 1;
  #pan = { x: 0, y: 0 };
  #field = null; // codes at the screen's pixels, with its axes; null when the geometry has changed

  constructor(canvas, study) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.#study = study;
  }

  get codes() {
    return this.#codes;
  }

  set codes(codes) {
    this.#codes = codes;
    this.#field = null;
  }

  get smooth() {
    return this.#smooth;
  }

  set smooth(smooth) {
    this.#smooth = smooth;
    this.#field = null;
  }

  get zoom() {
    return this.#zoom;
  }

  get pan() {
    return this.#pan;
  }

  /** Zoom 1 is the whole slice; `pan` moves its middle away from the canvas' middle, never quite out of view. */
  place(zoom, pan) {
    this.#zoom = zoom;
    const { width, height, scaleX, scaleY } = this.view;
    const roomX = (width + this.#study.width * scaleX) / 2.5;
    const roomY = (height + this.#study.height * scaleY) / 2.5;
    this.#pan = { x: Math.min(Math.max(pan.x, -roomX), roomX), y: Math.min(Math.max(pan.y, -roomY), roomY) };
    this.#field = null;
  }

  /** The canvas has another size. */
  resized() {
    this.#field = null;
  }

  /** The canvas' size, screen pixels per source pixel, where the slice begins, screen pixels per mm (or null). */
  get view() {
    const spacing = this.#study.spacing_mm ?? 1;
    const [tall, broad] = Array.isArray(spacing) ? spacing : [spacing, spacing]; // rows first, as in DICOM
    const mm = { width: this.#study.width * broad, height: this.#study.height * tall };
    const width = Math.max(1, Math.round(this.#canvas.clientWidth * devicePixelRatio));
    const height = Math.max(1, Math.round(this.#canvas.clientHeight * devicePixelRatio));
    const scale = this.#zoom * Math.min(width / mm.width, height / mm.height);
    return {
      width,
      height,
      scaleX: scale * broad,
      scaleY: scale * tall,
      left: (width - mm.width * scale) / 2 + this.#pan.x,
      top: (height - mm.height * scale) / 2 + this.#pan.y,
      perMm: this.#study.spacing_mm ? scale : null,
    };
  }

  /** Paint with `table`, the opaque RGBA word of every code. A canvas that is hidden is left as it is. */
  paint(table) {
    if (this.#canvas.clientWidth === 0) return;
    this.#field ??= this.#interpolated();
    const { columns, rows, pixels } = this.#field;
    this.#context.fillStyle = "#000";
    this.#context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    const [width, height] = [columns.last - columns.first, rows.last - rows.first];
    if (pixels === null || width === 0 || height === 0) return;
    const image = this.#context.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    for (let at = 0; at < words.length; at += 1) words[at] = table[pixels[at]];
    this.#context.putImageData(image, columns.first, rows.first);
  }

  #interpolated() {
    const { width, height, scaleX, scaleY, left, top } = this.view;
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    const columns = axis(this.#study.width, left, scaleX, width, this.#smooth);
    const rows = axis(this.#study.height, top, scaleY, height, this.#smooth);
    const pixels = this.#codes && resample(this.#codes, this.#study.width, rows, columns);
    return { columns, rows, pixels };
  }
}
