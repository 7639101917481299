// Real slices beside the case, in its window, for readers who may compare.

import { getPixels } from "./api.js";
import { element } from "./element.js";
import { Picture } from "./picture.js";
import { say } from "./words.js";

export class Gallery {
  #place;
  #study;
  #viewer;
  #pictures = [];

  constructor(place, study, viewer) {
    this.#place = place;
    this.#study = study;
    this.#viewer = viewer;
  }

  get open() {
    return !this.#place.hidden;
  }

  async toggle() {
    this.#place.hidden = this.open;
    while (this.open && this.#pictures.length < this.#study.reference_count) {
      const k = this.#pictures.length + 1;
      const { codes } = await getPixels(`/api/references/${k}/pixels`, this.#study.width * this.#study.height);
      if (codes === null) return; // opening the gallery again asks for the rest
      if (this.#pictures.length < k) this.#pictures.push(this.#tile(k, codes));
    }
  }

  /** Paint all in the window of the case, when they are in view. */
  paint() {
    if (!this.open) return;
    for (const picture of this.#pictures) {
      if (picture.smooth !== this.#viewer.smooth) picture.smooth = this.#viewer.smooth;
      picture.paint(this.#viewer.table);
    }
  }

  /** One reference; pressing it makes it as wide as the gallery, pressing it again gives it back its size. */
  #tile(k, codes) {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const tile = element("button", { type: "button", className: "tile", "aria-pressed": "false" }, canvas);
    tile.setAttribute("aria-label", say("reference", { k }));
    tile.addEventListener("click", () => tile.setAttribute("aria-pressed", String(tile.getAttribute("aria-pressed") !== "true")));
    this.#place.append(tile);
    const picture = new Picture(canvas, this.#study);
    picture.codes = codes;
    new ResizeObserver(() => {
      picture.resized();
      picture.smooth = this.#viewer.smooth;
      picture.paint(this.#viewer.table);
    }).observe(canvas);
    return picture;
  }
}
