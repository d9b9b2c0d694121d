// The card beside the pointer: picture, class and place of the image whose point is meant. Pictures
// come in sheets, each fetched once, when the first of its images is met.

import { html } from "./dom.js";
import { inFrame, toPixel } from "./geometry.js";

const GAP = 12; // pixels between the point and its card

export class Card {
  constructor() {
    this.picture = html("canvas", { class: "lm-ink" });
    this.text = html("span", {});
    this.element = html(
      "div", { class: "lm-card", "aria-hidden": "true", "data-testid": "card", hidden: true },
      this.picture, this.text,
    );
    this.sheets = new Map();
  }

  /**
   * `load(number)` promises a sheet of `gallery.sheet` images in rows of `gallery.columns`;
   * `describe(point)` says in lines what a point is.
   */
  setUp({ load, gallery, shape: [, height, width], describe }) {
    Object.assign(this, { load, gallery, describe });
    Object.assign(this.picture, { width, height });
    this.sheets = new Map();
    this.told = null;
    this.show(null, null);
  }

  /** Shows the image of a point where a frame has it; null hides the card. */
  show(frame, point) {
    this.point = point;
    const pixel = point && toPixel(frame, point.z);
    this.element.hidden = !point || !inFrame(frame, ...pixel);
    if (this.element.hidden) return;
    if (this.told !== point.index) {
      this.told = point.index;
      this.text.replaceChildren(...this.describe(point).flatMap((line) => [line, html("br")]));
      this.paint(point.index);
    }
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const [px, py] = pixel;
    const left = px + GAP + width > frame.left + frame.width ? px - GAP - width : px + GAP;
    const top = py - GAP - height < frame.top ? py + GAP : py - GAP - height;
    this.element.style.transform = `translate(${Math.max(left, 0)}px, ${top}px)`;
  }

  paint(index) {
    const { sheet, columns } = this.gallery;
    const number = Math.floor(index / sheet);
    const { width, height } = this.picture;
    const context = this.picture.getContext("2d");
    context.clearRect(0, 0, width, height);
    const bitmap = this.sheet(number);
    if (!bitmap) return;
    const at = index % sheet;
    const [x, y] = [(at % columns) * width, Math.floor(at / columns) * height];
    context.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  }

  /** A sheet's bitmap, or null while it is on its way; the image that waits for it is then drawn. */
  sheet(number) {
    if (!this.sheets.has(number)) {
      const { sheets } = this;
      sheets.set(number, null);
      this.load(number).then(
        (bitmap) => {
          sheets.set(number, bitmap);
          if (this.point && sheets === this.sheets) this.paint(this.point.index);
        },
        () => sheets.delete(number), // the next point of it asks again; its label is there anyway
      );
    }
    return this.sheets.get(number);
  }
}
