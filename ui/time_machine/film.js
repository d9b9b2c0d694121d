// A film as the server tells it: codes of all moments as points, figures, sheets of pictures.

import { get } from "../latent_map/api.js";
import { bytesOf } from "../latent_map/picture.js";

const AT_ONCE = 4; // sheets that are fetched at the same time
const PASSED = 204; // of a moment that a training has kept only until it had newer ones

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
    const response = await get(content.codes, { texts, signal });
    const told = response.headers.get("Moments"); // by a film that grows
    const order = told ? told.split(",") : content.moments.map((moment) => moment.name);
    const floats = floatsOf(await response.arrayBuffer());
    const size = 2 * content.n;
    const points = new Map(order.map((moment, i) => [moment, floats.subarray(i * size, (i + 1) * size)]));
    return Film.of(address, name, content, (moment) => points.get(moment));
  }

  /** A film of the moments whose points are there: a training may have moved on meanwhile. */
  static of(address, name, content, pointsOf) {
    const moments = content.moments.filter((moment) => pointsOf(moment.name));
    const home = content.grows ? moments.length - 1 : content.home;
    return new Film(address, name, { ...content, moments, home }, moments.map((moment) => pointsOf(moment.name)));
  }

  constructor(address, name, content, points) {
    Object.assign(this, { address, name, points, ...content });
    this.labels = new Uint16Array(bytesOf(content.labels).buffer);
    this.centres = this.points.map((places) => this.centresOf(places));
    this.sheets = new Map(); // moment's number -> ImageBitmap
    this.pictures = new Map(); // number of a sheet of images -> promise of an ImageBitmap
  }

  /**
   * The film of a training that has gone on: what is known is kept, the rest is fetched. The moment
   * that was the newest stays even where the run keeps it no more, so that points can glide from it.
   */
  async grown(texts, signal) {
    const content = await (await get(`${this.address}/film.json`, { texts, signal })).json();
    const known = new Map(this.moments.map(({ name }, i) => [name, i]));
    const before = this.moments[this.last];
    if (!content.moments.some(({ name }) => name === before.name)) {
      const place = content.moments.findIndex(({ at }) => at > before.at);
      content.moments.splice(place < 0 ? content.moments.length : place, 0, before);
    }
    const points = new Map(this.moments.map(({ name }, i) => [name, this.points[i]]));
    await Promise.all(content.moments.filter(({ name }) => !known.has(name)).map(async ({ name }) => {
      const response = await get(`${this.address}/codes/${name}.f16`, { texts, signal });
      if (response.status !== PASSED) points.set(name, floatsOf(await response.arrayBuffer()));
    }));
    const film = Film.of(this.address, this.name, content, (moment) => points.get(moment));
    film.pictures = this.pictures;
    film.moments.forEach(({ name }, i) => {
      const sheet = known.has(name) && this.sheets.get(known.get(name));
      if (sheet) film.sheets.set(i, sheet);
    });
    return film;
  }

  /** The image behind a point: a sheet and where on it the image lies. */
  async pictureOf(index, texts) {
    const { address, sheet, columns } = this.images;
    const number = Math.floor(index / sheet);
    if (!this.pictures.has(number)) {
      const fetched = get(`${address}/${number}.png`, { texts }).then(async (response) =>
        createImageBitmap(await response.blob()));
      fetched.catch(() => this.pictures.delete(number));
      this.pictures.set(number, fetched);
    }
    const [, height, width] = this.image_shape;
    const rest = index % sheet;
    return {
      bitmap: await this.pictures.get(number),
      left: (rest % columns) * width, top: Math.floor(rest / columns) * height, width, height,
    };
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

  /** The number of the last moment that is not after a step. */
  numberAt(step) {
    const next = this.moments.findIndex(({ at }) => at > step);
    return Math.max(0, next < 0 ? this.last : next - 1);
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
      .filter(([, i]) => this.moments[i].sheet && !this.sheets.has(i))
      .sort(([a], [b]) => a - b)
      .map(([, i]) => i);
    const fetchSome = async () => {
      for (let i = order.shift(); i !== undefined; i = order.shift()) {
        const response = await get(this.moments[i].sheet, { texts, signal });
        if (response.status === PASSED) continue;
        this.sheets.set(i, await createImageBitmap(await response.blob()));
        arrived(i);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, fetchSome));
  }
}
