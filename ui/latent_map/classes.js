// The same code as each class: a strip of what a conditional decoder makes of it, blended from coarse
// tiles of every class while the pointer moves, exact for what is pinned.

import { html, say } from "./dom.js";
import { bytesOf, paint } from "./picture.js";
import { Tiles, tileAt } from "./tiles.js";

const COARSER = 2; // levels than the picture's own: a tenth of the size, ten times as many
const KEPT = 48; // tiles of each class

export class ClassStrip {
  constructor() {
    this.row = html("div", { class: "lm-each" });
    this.caption = html("figcaption", { class: "lm-quiet" });
    this.element = html("figure", { "data-testid": "each-class", hidden: true }, this.row, this.caption);
    this.tiles = [];
  }

  /** `tilesFor(label)` are the arguments of a class's `Tiles`; without classes there is no strip. */
  setUp({ texts, map, label: shown, tilesFor }) {
    this.close();
    Object.assign(this, { texts, shape: map.image_shape });
    const labels = [...map.class_names.keys()].slice(0, map.n_classes);
    this.element.hidden = !labels.length;
    this.pixels = new Uint8Array(this.shape.reduce((product, side) => product * side, 1));
    this.tiles = labels.map((label) => new Tiles({ ...tilesFor(label), limit: KEPT }));
    this.canvases = labels.map((label) =>
      html("canvas", { class: "lm-ink", role: "img", "aria-label": say(texts.digit, { label: map.class_names[label] }) }));
    this.row.replaceChildren(...this.canvases.map((canvas, label) =>
      html("span", { class: label === shown ? "lm-this" : null }, canvas, map.class_names[label])));
  }

  /** Blends what each class is at a place; with `level` the tiles that are missing there are wanted. */
  preview(z, level) {
    if (!this.tiles.length) return;
    let missing = 0;
    this.tiles.forEach((tiles, label) => {
      if (level !== undefined) {
        const tile = tileAt(tiles.square, Math.max(level - COARSER, 0), ...z);
        tiles.want(tile).catch(() => {}); // the large picture has said what is wrong
      }
      if (tiles.preview(...z, this.pixels) < 0) missing++;
      else paint(this.canvases[label], this.pixels, this.shape);
    });
    this.say(missing ? this.texts.layer_waits : this.texts.each_preview, "preview");
  }

  /** Shows the server's decodes, one for each class. */
  show(base64) {
    if (!this.tiles.length || !base64) return;
    const pixels = bytesOf(base64);
    const size = this.pixels.length;
    this.canvases.forEach((canvas, label) =>
      paint(canvas, pixels.subarray(label * size, (label + 1) * size), this.shape));
    this.say(this.texts.each_exact, "exact");
  }

  say(sentence, source) {
    this.row.dataset.source = source;
    if (this.caption.textContent !== sentence) this.caption.textContent = sentence;
  }

  close() {
    for (const tiles of this.tiles) tiles.close();
    this.tiles = [];
  }
}
