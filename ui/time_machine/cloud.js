// Points that glide: two canvases, the plane beneath and the points above. Points are written as
// pixels, which takes a few milliseconds for ten thousand of them on any machine. The image behind a
// point is shown beside it; a click holds on to a point, wherever it glides.

import { html, say } from "../latent_map/dom.js";
import { spread, toPixel } from "../latent_map/geometry.js";

const MARGIN = { left: 40, top: 8, right: 8, bottom: 26 };
const RADIUS = 2.1; // of a point, in CSS pixels
const ALPHA = 215;
const GRID_STRENGTH = 0.4;
const GLYPH_GAP = 22;
const REACH = 12; // CSS pixels around the pointer in which a point is found
const FINEST = 2; // device pixels for each of CSS: more would only cost time

export class Cloud {
  constructor() {
    this.below = html("canvas", { class: "tm-layer" });
    this.above = html("canvas", { class: "tm-layer", role: "img", "data-testid": "film-points" });
    this.picture = html("canvas");
    this.words = html("span");
    this.card = html("div", { class: "tm-card", "data-testid": "film-card", hidden: true },
      this.picture, this.words);
    this.ring = html("div", { class: "tm-ring", hidden: true });
    this.root = html("div", {
      class: "tm-cloud",
      onpointermove: (event) => this.point(this.near(event)),
      onpointerdown: (event) => this.hold(this.near(event)),
      onpointerleave: () => this.point(null),
    }, this.below, this.above, this.ring, this.card);
    this.pointed = this.held = null;
  }

  /** Takes over a film, the colours and what the page looks like. */
  setUp(film, palette, theme, label, texts) {
    Object.assign(this, { film, theme, texts });
    this.palette = film.class_names.map((_, i) => palette[i % palette.length]);
    this.colours = new Uint32Array(this.palette.map((colour) => packed(colour)));
    this.above.setAttribute("aria-label", label);
    this.card.classList.toggle("tm-grey", film.image_shape[0] === 1);
    this.inked = new Map();
    this.side = 0;
    this.lay();
  }

  /** Goes on with a longer film of the same images. */
  take(film) {
    this.film = film;
    this.drawn = null;
    const shown = new Set(film.sheets.values());
    for (const sheet of this.inked.keys()) if (!shown.has(sheet)) this.inked.delete(sheet);
  }

  // --- the image behind a point ---

  /** The number of the point nearest to the pointer, or null. */
  near({ clientX, clientY }) {
    if (!this.frame || !this.side) return null;
    const box = this.root.getBoundingClientRect();
    const [x, y] = [clientX - box.left, clientY - box.top];
    const reach = (REACH * (this.frame.x1 - this.frame.x0)) / this.frame.width;
    const u = this.frame.x0 + ((x - this.frame.left) * (this.frame.x1 - this.frame.x0)) / this.frame.width;
    const v = this.frame.y1 - ((y - this.frame.top) * (this.frame.y1 - this.frame.y0)) / this.frame.height;
    const { from, to, share } = this.between();
    let [found, least] = [null, reach * reach];
    for (let k = 0; k < this.film.n; k++) {
      const across = from[2 * k] + (to[2 * k] - from[2 * k]) * share - u;
      const up = from[2 * k + 1] + (to[2 * k + 1] - from[2 * k + 1]) * share - v;
      const distance = across * across + up * up;
      if (distance < least) [found, least] = [k, distance];
    }
    return found;
  }

  point(index) {
    if (index === this.pointed) return;
    this.pointed = index;
    this.showCard();
  }

  hold(index) {
    this.held = index === this.held ? null : index;
    this.pointed = index;
    this.showCard();
  }

  async showCard() {
    const index = this.pointed ?? this.held;
    if (index === null) {
      this.card.hidden = this.ring.hidden = true;
      return;
    }
    this.words.textContent = say(this.texts.point, { label: this.film.class_names[this.film.labels[index]] });
    this.placeCard();
    const found = await this.film.pictureOf(index, this.texts).catch(() => null);
    if (!found || index !== (this.pointed ?? this.held)) return;
    const { bitmap, left, top, width, height } = found;
    Object.assign(this.picture, { width, height });
    this.picture.getContext("2d").drawImage(bitmap, left, top, width, height, 0, 0, width, height);
    this.card.dataset.index = index;
  }

  /** Puts card and ring where their point is now. */
  placeCard() {
    const index = this.pointed ?? this.held;
    if (index === null || !this.frame) return;
    const { from, to, share } = this.between();
    const place = [2 * index, 2 * index + 1].map((i) => from[i] + (to[i] - from[i]) * share);
    const [x, y] = toPixel(this.frame, place);
    const inside = x >= this.frame.left && x <= this.frame.left + this.frame.width
      && y >= this.frame.top && y <= this.frame.top + this.frame.height;
    this.card.hidden = this.ring.hidden = !inside;
    this.ring.style.transform = `translate(${x}px, ${y}px)`;
    const [right, down] = [x > this.width / 2 ? -100 : 0, y > this.width / 2 ? -100 : 0];
    this.card.style.transform =
      `translate(${x + (right ? -10 : 10)}px, ${y + (down ? -10 : 10)}px) translate(${right}%, ${down}%)`;
  }

  /** The two moments that the points lie between, and how far. */
  between() {
    const i = Math.min(Math.floor(this.position), this.film.last);
    const { points, last } = this.film;
    return { from: points[i], to: points[Math.min(i + 1, last)], share: this.position - i };
  }

  // --- drawing ---

  /** Fits the canvases to their place; returns whether they have changed. */
  lay() {
    const width = this.root.clientWidth;
    const scale = Math.min(devicePixelRatio || 1, FINEST);
    if (!width || (width === this.width && scale === this.scale && this.side)) return false;
    Object.assign(this, { width, scale, side: Math.round(width * scale) });
    for (const canvas of [this.below, this.above]) canvas.width = canvas.height = this.side;
    this.pixels = new ImageData(this.side, this.side);
    this.cells = new Uint32Array(this.pixels.data.buffer);
    this.disc = discOf(RADIUS * scale, this.side);
    this.drawn = null;
    return true;
  }

  /** Draws a film's plane at a position between its moments. */
  draw(position, plane, gridBehind) {
    if (!this.side) return;
    const frame = this.frameOf(plane);
    const number = Math.round(position);
    const state = [...plane.center, plane.half, gridBehind && this.film.sheets.has(number) && number].join();
    if (state !== this.drawn) {
      this.drawn = state;
      this.drawBelow(frame, gridBehind ? number : null);
    }
    Object.assign(this, { position, frame });
    this.drawPoints(position, frame);
    this.placeCard();
  }

  frameOf({ center: [x, y], half }) {
    const side = this.width - MARGIN.left - MARGIN.right;
    const height = this.width - MARGIN.top - MARGIN.bottom;
    const unit = (2 * half) / Math.min(side, height);
    const [right, up] = [(side * unit) / 2, (height * unit) / 2];
    return {
      left: MARGIN.left, top: MARGIN.top, width: side, height,
      x0: x - right, x1: x + right, y0: y - up, y1: y + up,
    };
  }

  drawBelow(frame, number) {
    const context = this.below.getContext("2d");
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, this.width, this.width);
    const { left, top, width, height } = frame;
    const { ink, font } = this.theme;
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    if (number !== null) this.drawGrid(context, frame, number);
    context.restore();
    context.strokeStyle = context.fillStyle = ink;
    context.font = `12px ${font}`;
    context.globalAlpha = 0.3;
    context.strokeRect(left + 0.5, top + 0.5, width - 1, height - 1);
    context.textAlign = "center";
    for (const x of ticksOf(frame.x0, frame.x1)) {
      const [px] = toPixel(frame, [x, 0]);
      context.globalAlpha = 0.12;
      context.fillRect(px, top, 1, height);
      context.globalAlpha = 0.8;
      context.fillText(told(x), px, top + height + 17);
    }
    context.textAlign = "right";
    for (const y of ticksOf(frame.y0, frame.y1)) {
      const [, py] = toPixel(frame, [0, y]);
      context.globalAlpha = 0.12;
      context.fillRect(left, py, width, 1);
      context.globalAlpha = 0.8;
      context.fillText(told(y), left - 6, py + 4);
    }
    context.globalAlpha = 1;
  }

  /** The decoded grid where its codes lie; its outer pictures stand astride the plane's edge. */
  drawGrid(context, frame, number) {
    const { grid } = this.film.moments[number];
    const sheet = this.film.sheets.get(number);
    if (!grid || !sheet) return;
    const reach = (grid.half * 10) / 9;
    const [x, y] = grid.center;
    const [left, top] = toPixel(frame, [x - reach, y + reach]);
    const [right, bottom] = toPixel(frame, [x + reach, y - reach]);
    const height = this.film.image_shape[1];
    const picture = this.inkOf(sheet);
    context.globalAlpha = GRID_STRENGTH;
    context.drawImage(picture, 0, height, picture.width, picture.height - height,
      left, top, right - left, bottom - top);
    context.globalAlpha = 1;
  }

  /** A grey sheet as ink of the page's own colour, on nothing. */
  inkOf(sheet) {
    if (this.film.image_shape[0] === 3) return sheet;
    if (!this.inked.has(sheet)) {
      const canvas = html("canvas", { width: sheet.width, height: sheet.height });
      const context = canvas.getContext("2d");
      context.drawImage(sheet, 0, 0);
      const image = context.getImageData(0, 0, canvas.width, canvas.height);
      const shade = this.theme.dark ? 255 : 0;
      for (let i = 0; i < image.data.length; i += 4) {
        image.data[i + 3] = image.data[i];
        image.data[i] = image.data[i + 1] = image.data[i + 2] = shade;
      }
      context.putImageData(image, 0, 0);
      this.inked.set(sheet, canvas);
    }
    return this.inked.get(sheet);
  }

  drawPoints(position, frame) {
    const { film, cells, disc, side, scale, colours } = this;
    const i = Math.min(Math.floor(position), film.last);
    const from = film.points[i];
    const to = film.points[Math.min(i + 1, film.last)];
    const share = position - i;
    const unit = (frame.width / (frame.x1 - frame.x0)) * scale;
    const [left, top] = [frame.left * scale, frame.top * scale];
    const edge = Math.ceil(RADIUS * scale);
    const [right, bottom] = [left + frame.width * scale - edge, top + frame.height * scale - edge];
    cells.fill(0);
    for (let k = 0; k < film.n; k++) {
      const x = from[2 * k] + (to[2 * k] - from[2 * k]) * share;
      const y = from[2 * k + 1] + (to[2 * k + 1] - from[2 * k + 1]) * share;
      const px = Math.round(left + (x - frame.x0) * unit);
      const py = Math.round(top + (frame.y1 - y) * unit);
      if (!(px > left + edge && px < right && py > top + edge && py < bottom)) continue;
      const at = py * side + px;
      const colour = colours[film.labels[k]];
      for (let j = 0; j < disc.length; j++) cells[at + disc[j]] = colour;
    }
    const context = this.above.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.putImageData(this.pixels, 0, 0);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    this.drawGlyphs(context, frame, i, share);
  }

  /** Each class's name at the mean of its codes, so that colour is never alone. */
  drawGlyphs(context, frame, i, share) {
    const { film, theme } = this;
    const here = film.centres[i];
    const there = film.centres[Math.min(i + 1, film.last)];
    const named = here.map((place, label) => label).filter((label) => here[label]);
    const places = spread(
      named.map((label) => toPixel(frame, here[label].map((v, k) => v + (there[label][k] - v) * share))),
      GLYPH_GAP,
    );
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.font = `700 12px ${theme.font}`;
    context.lineWidth = 2.5;
    places.forEach(([x, y], k) => {
      const name = film.class_names[named[k]];
      if (x < frame.left || x > frame.left + frame.width || y < frame.top || y > frame.top + frame.height) return;
      const half = Math.max(10, context.measureText(name).width / 2 + 6);
      context.beginPath();
      context.roundRect(x - half, y - 10, 2 * half, 20, 10);
      context.fillStyle = theme.paper;
      context.fill();
      context.strokeStyle = this.palette[named[k]];
      context.stroke();
      context.fillStyle = theme.ink;
      context.fillText(name, x, y + 0.5);
    });
    context.textBaseline = "alphabetic";
  }
}

/** A colour "#rrggbb" as a canvas pixel. */
function packed(colour) {
  const pixel = new Uint8Array([1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16)).concat(ALPHA));
  return new Uint32Array(pixel.buffer)[0];
}

/** Where a disc's pixels lie from its middle, in a row-by-row picture of that side. */
function discOf(radius, side) {
  const reach = Math.ceil(radius);
  const found = [];
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++)
      if (x * x + y * y <= radius * (radius + 0.4)) found.push(y * side + x);
  return Int32Array.from(found);
}

/** At most six round numbers between two. */
export function ticksOf(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 6));
  const step = [1, 2, 5, 10].map((lead) => lead * power).find((size) => (high - low) / size <= 6);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

const told = (value) => String(Number(value.toPrecision(6))).replace("-", "\u2212");
