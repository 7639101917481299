// The controls of the slice, and the words in its corners.

import { element } from "./element.js";
import { minutes } from "./clock.js";
import { keepSetting, setting } from "./settings.js";
import { decimals } from "./windowing.js";
import { say, told } from "./words.js";

const BAR_MM = [100, 50, 20, 10, 5, 2, 1];

export class Toolbar {
  #study;
  #viewer;
  #presets;
  #digits;

  /** @param find a selector → the element of the page */
  constructor(find, study, viewer, canvases) {
    this.#study = study;
    this.#viewer = viewer;
    this.find = find;
    this.#digits = decimals(study);
    this.#presets = study.presets.map((preset) => this.#preset(preset));
    find("#presets").replaceChildren(...this.#presets);
    for (const name of ["width", "center"]) this.#number(name);
    find("#zoom-in").onclick = () => viewer.zoomBy(1.25);
    find("#zoom-out").onclick = () => viewer.zoomBy(0.8);
    find("#fit").onclick = () => viewer.fit();
    find("#reset").onclick = () => viewer.reset();
    find("#invert").onclick = () => (viewer.invert = !viewer.invert);
    find("#pixels").onclick = () => this.togglePixels();
    canvases.forEach((canvas, side) => {
      canvas.addEventListener("pointermove", (event) => this.#point(event, side));
      canvas.addEventListener("pointerleave", () => (find("#point").textContent = ""));
    });
    find("#stack").hidden = study.depth === 1;
    find("#layer").max = study.depth;
    find("#layer").addEventListener("input", () => (viewer.layer = find("#layer").valueAsNumber - 1));
    viewer.smooth = setting("drawing", ["smooth", "pixels"]) === "smooth";
  }

  #preset({ name, center, width }, index) {
    const key = index < 9 ? `Shift+${index + 1}` : "";
    const button = element("button", { type: "button", title: key, "aria-pressed": "false" }, told(name));
    button.onclick = () => (this.#viewer.window = { center, width });
    return button;
  }

  /** Use preset number `position` (from 1), if there is one. */
  preset(position) {
    this.#presets[position - 1]?.click();
  }

  togglePixels() {
    this.#viewer.smooth = !this.#viewer.smooth;
    keepSetting("drawing", this.#viewer.smooth ? "smooth" : "pixels");
  }

  #number(name) {
    const input = this.find(`#${name}`);
    input.step = 10 ** -this.#digits;
    input.addEventListener("input", () => (input.dataset.typed = "yes"));
    input.addEventListener("blur", () => delete input.dataset.typed);
    input.addEventListener("change", () => {
      if (Number.isFinite(input.valueAsNumber)) {
        this.#viewer.window = { ...this.#viewer.window, [name]: input.valueAsNumber };
      } else {
        this.painted();
      }
    });
  }

  /** Say in the controls, the corners and the canvas what has just been painted. */
  painted() {
    const { window, invert, smooth, zoom, view, layer } = this.#viewer;
    for (const name of ["width", "center"]) {
      const input = this.find(`#${name}`);
      if (input !== document.activeElement || !input.matches(":focus-visible")) input.value = window[name].toFixed(this.#digits);
    }
    this.#study.presets.forEach((preset, at) => {
      const near = Math.abs(preset.center - window.center) + Math.abs(preset.width - window.width) < 10 ** -this.#digits;
      this.#presets[at].setAttribute("aria-pressed", String(near));
    });
    this.find("#invert").setAttribute("aria-pressed", String(invert));
    this.find("#pixels").setAttribute("aria-pressed", String(!smooth));
    this.find("#zoom").textContent = `${Math.round(100 * zoom)} %`;
    this.#scaleBar(view);
    this.find("#layer").value = layer + 1;
    this.find("#layer-of").textContent = say("layer_of", { n: layer + 1, count: this.#study.depth });
    const { left, top, scaleX, scaleY } = view;
    Object.assign(this.find("#slice").dataset, { left, top, scaleX, scaleY, ...window, layer, invert });
  }

  /** A bar of a round length, at most a quarter of the canvas. */
  #scaleBar({ perMm, width }) {
    const bar = this.find("#scale");
    const length = perMm && BAR_MM.find((mm) => mm * perMm <= width / 4);
    bar.hidden = !length;
    if (!length) return;
    bar.style.width = `${(length * perMm) / devicePixelRatio}px`;
    bar.textContent = length >= 10 ? `${length / 10} cm` : `${length} mm`;
  }

  #point(event, side) {
    const value = event.pointerType === "mouse" ? this.#viewer.valueAt(event.offsetX, event.offsetY, side) : null;
    this.find("#point").textContent = value === null ? "" : `${value.toFixed(this.#digits)} ${this.#study.unit}`;
  }
}

/** The head of the page: which case, how many are done, how long. */
export function showProgress(find, study, progress, n) {
  find("#case").textContent = n === null ? say("cases", { count: study.count }) : say("case_of", { n, count: study.count });
  find("#progress").max = study.count;
  find("#progress").value = progress.done;
  find("#done").textContent = say("read", { count: progress.done });
  document.title = n === null ? study.title : `${say("case_of", { n, count: study.count })} – ${study.title}`;
}

export function showTime(find, milliseconds) {
  find("#timer").textContent = minutes(milliseconds);
}
