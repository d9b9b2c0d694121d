// The atlas: the decoded plane as a field of digits in faint ink beneath the points, finer as one
// zooms in. Drawn white; the style sheet turns it into ink where the paper is light.

import { html } from "./dom.js";
import { toPixel, unit } from "./geometry.js";
import { nameOf, tileAt } from "./tiles.js";

const CELL = 28; // pixels that a digit should have at least: as many as most are made of
const KEPT = 48; // drawn tiles

export class Atlas {
  constructor() {
    this.element = html("canvas", { class: "lm-atlas", "aria-hidden": "true" });
    this.sprites = new Map();
  }

  reset({ tiles, shape }) {
    Object.assign(this, { tiles, shape });
    this.sprites.clear();
  }

  /** Draws what a frame shows, with so much ink; tiles that are missing are wanted. */
  draw(frame, ink) {
    if (!this.tiles) return;
    const context = this.prepare(frame);
    if (!ink) return;
    const { square, cells } = this.tiles;
    const cell = square.side / cells / unit(frame); // pixels of a digit at level 0
    const level = Math.min(Math.max(Math.floor(Math.log2(cell / CELL)), 0), this.tiles.maxLevel);
    // a tile of which less than half a digit can be seen is not worth its fetching
    const half = Math.min(square.side / 2 ** level / cells, frame.x1 - frame.x0) / 2;
    const first = tileAt(square, level, frame.x0 + half, frame.y1 - half);
    const last = tileAt(square, level, frame.x1 - half, frame.y0 + half);
    context.globalAlpha = ink;
    for (let column = first.column; column <= last.column; column++) {
      for (let row = first.row; row <= last.row; row++) {
        // the edge that a tile shares with the next is drawn by that one, if it is drawn at all
        const edges = [column === last.column, row === last.row].map(Number);
        this.drawTile(context, frame, { level, column, row }, edges);
      }
    }
  }

  prepare(frame) {
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(frame.width * scale), Math.round(frame.height * scale)];
    const { element } = this;
    if (element.width !== width || element.height !== height) {
      Object.assign(element, { width, height });
      Object.assign(element.style, {
        left: `${frame.left}px`, top: `${frame.top}px`,
        width: `${frame.width}px`, height: `${frame.height}px`,
      });
    }
    const context = element.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    context.setTransform(scale, 0, 0, scale, -frame.left * scale, -frame.top * scale);
    context.imageSmoothingQuality = "high";
    return context;
  }

  drawTile(context, frame, tile, [right, bottom]) {
    const { square, cells } = this.tiles;
    const [, height, width] = this.shape;
    const sprite = this.sprite(tile);
    if (!sprite) return;
    const side = square.side / 2 ** tile.level;
    const x = square.left + tile.column * side;
    const y = square.top - tile.row * side;
    const [x0, y0] = toPixel(frame, [x, y]);
    const [x1, y1] = toPixel(frame, [x + side, y - side]);
    const [cellX, cellY] = [(x1 - x0) / cells, (y1 - y0) / cells];
    const [columns, rows] = [cells + right, cells + bottom];
    // a digit stands in the middle of the place it was decoded at
    context.drawImage(
      sprite, 0, 0, columns * width, rows * height,
      x0 - cellX / 2, y0 - cellY / 2, columns * cellX, rows * cellY,
    );
  }

  /** A tile's digits, white on nothing; the last row and column are its neighbours' first ones. */
  sprite(tile) {
    const name = nameOf(tile);
    const kept = this.sprites.get(name);
    if (kept) return kept;
    const lattice = this.tiles.get(tile);
    if (!lattice) {
      this.tiles.want(tile).catch(() => {}); // a field without digits is no loss worth a sentence
      return null;
    }
    const [channels, height, width] = this.shape;
    const nodes = this.tiles.cells + 1;
    const canvas = html("canvas", { width: nodes * width, height: nodes * height });
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    image.data.fill(255);
    for (let row = 0; row < nodes; row++) {
      for (let column = 0; column < nodes; column++) {
        const from = (row * nodes + column) * channels * height * width;
        for (let y = 0; y < height; y++) {
          const to = (row * height + y) * canvas.width + column * width;
          for (let x = 0; x < width; x++) {
            image.data[4 * (to + x) + 3] = lattice[from + y * width + x];
          }
        }
      }
    }
    context.putImageData(image, 0, 0);
    this.sprites.set(name, canvas);
    if (this.sprites.size > KEPT) this.sprites.delete(this.sprites.keys().next().value);
    return canvas;
  }
}
