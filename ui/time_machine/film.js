// A film as the server tells it: codes of all moments as points, figures, sheets of pictures.

import { get } from "../latent_map/api.js";
import { bytesOf } from "../latent_map/picture.js";

const AT_ONCE = 4; // sheets that are fetched at the same time

/** The numbers that half floats (IEEE 754 binary16) hold; few browsers read them by themselves. */
export function floatsOf(buffer) {
  const halves = new Uint16Array(buffer);
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) {
    const exponent = (halves[i] >> 10) & 31;
    const fraction = halves[i] & 1023;
    const size = exponent
      ? (1 + fraction / 1024) * 2 ** (exponent - 15)
      : fraction * 2 ** -24;
    floats[i] = halves[i] & 0x8000 ? -size : size;
  }
  return floats;
}

export class Film {
  static async load({ address, name }, texts, signal) {
    const content = await (await get(`${address}/film.json`, { texts, signal })).json();
    const buffer = await (await get(content.codes, { texts, signal })).arrayBuffer();
    return new Film(name, content, floatsOf(buffer));
  }

  constructor(name, content, floats) {
    Object.assign(this, { name, ...content });
    this.labels = new Uint16Array(bytesOf(content.labels).buffer);
    const size = 2 * this.n;
    this.points = this.moments.map((_, i) => floats.subarray(i * size, (i + 1) * size));
    this.centres = this.points.map((points) => this.centresOf(points));
    this.sheets = new Map(); // moment's number -> ImageBitmap
  }

  get last() {
    return this.moments.length - 1;
  }

  /** The mean place of each class, [x, y] or null. */
  centresOf(points) {
    const sums = this.class_names.map(() => [0, 0, 0]);
    for (let i = 0; i < this.n; i++) {
      const sum = sums[this.labels[i]];
      sum[0] += points[2 * i];
      sum[1] += points[2 * i + 1];
      sum[2] += 1;
    }
    return sums.map(([x, y, n]) => (n ? [x / n, y / n] : null));
  }

  /** The number of the moment of that name; of none, the home. */
  numberOf(name) {
    const found = this.moments.findIndex((moment) => moment.name === name);
    return found < 0 ? this.home : found;
  }

  /** Where between its moments a film has come to a step, as a broken number. */
  positionAt(step) {
    const next = this.moments.findIndex(({ at }) => at >= step);
    if (next < 0) return this.last;
    if (next === 0) return 0;
    const [before, after] = [this.moments[next - 1].at, this.moments[next].at];
    return next - 1 + (step - before) / (after - before);
  }

  /** A number that moments have, between two of them. */
  between(position, read) {
    const i = Math.min(Math.floor(position), this.last);
    const here = read(this.moments[i]);
    const there = read(this.moments[Math.min(i + 1, this.last)]);
    return here + (there - here) * (position - i);
  }

  /** The square of latent space that shows the codes at a position. */
  planeAt(position) {
    return {
      center: [0, 1].map((axis) => this.between(position, ({ plane }) => plane.center[axis])),
      half: this.between(position, ({ plane }) => plane.half),
    };
  }

  /** Fetches all sheets, those near a moment first; `arrived` hears of each. */
  async fetchSheets(from, texts, signal, arrived) {
    const order = this.moments
      .map((moment, i) => [Math.abs(i - from), i])
      .filter(([, i]) => this.moments[i].sheet)
      .sort(([a], [b]) => a - b)
      .map(([, i]) => i);
    const fetchSome = async () => {
      for (let i = order.shift(); i !== undefined; i = order.shift()) {
        const blob = await (await get(this.moments[i].sheet, { texts, signal })).blob();
        this.sheets.set(i, await createImageBitmap(blob));
        arrived(i);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  }
}
