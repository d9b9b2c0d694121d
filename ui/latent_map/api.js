// The server's answers: JSON, tiles, scripts. What goes wrong becomes one sentence for people.

import { latticeOf } from "./tiles.js";

/** An error whose message may be shown as it is. */
export class Problem extends Error {}

/** Fetches an address; a Problem says why there is no answer. Aborting rejects with AbortError. */
export async function get(url, { signal, texts }) {
  let response;
  try {
    response = await fetch(url, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(texts.offline);
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Problem(answer.error ?? texts.failed.replace("{reason}", `HTTP ${response.status}`));
}

/** The addresses that belong to one run, and to the plane {slice} and the class {class} it shows. */
export class Api {
  constructor(run, texts, view = {}) {
    Object.assign(this, { run, texts, view });
    this.name = nameOf(run);
  }

  map = (signal) => this.ask("map.json", this.plane, signal);
  point = (index, signal) => this.ask("point", { index, ...this.plane }, signal);
  /** The exact decode of a place in the plane. */
  place = ([u, v], signal) => this.ask("place", { z: `${u},${v}`, ...this.view }, signal);
  /** The exact decode of any code of an image, told its own class where the run is told any. */
  code(code, label, signal) {
    const own = "class" in this.view && { class: label };
    return this.ask("place", { code: code.join(), ...this.view, ...own }, signal);
  }

  neighbours = (index, signal) => this.ask("neighbours", { index }, signal);
  layer = (name, signal) => this.ask(`layer/${name}.json`, this.view, signal);
  path = ({ start, end, method }, signal) => this.ask("path", { start, end, method, ...this.view }, signal);
  selection = (query, signal) => this.json(this.address("selection", query), signal);

  get plane() {
    return this.view.slice ? { slice: this.view.slice } : {};
  }

  /** Where a file lies that depends on what is shown. */
  address = (file, query) => this.addressOf(file, { ...query, ...this.view });

  addressOf(file, query = {}) {
    const written = new URLSearchParams(query).toString().replaceAll("%2C", ",");
    return `/api/runs/${this.name}/${file}${written && `?${written}`}`;
  }

  /** Where this run's encoder puts the picture that another run decodes at a place. */
  arrival(from, [u, v], signal) {
    const here = Object.entries(this.view).map(([name, value]) => [`${name}2`, value]);
    const query = new URLSearchParams({ z: `${u},${v}`, ...from.view, ...Object.fromEntries(here) });
    return this.json(`/api/transfer/${nameOf(from)}/${this.name}?${query}`, signal);
  }

  ask = (file, query, signal) => this.json(this.addressOf(file, query), signal);

  /** A sheet of the gallery's images. */
  async sheet(number) {
    const response = await get(this.addressOf(`gallery/${number}.png`), { texts: this.texts });
    return bitmapOf(await response.blob());
  }

  async json(url, signal) {
    return (await get(url, { signal, texts: this.texts })).json();
  }

  /** A tile's lattice of decodes. */
  async tile({ level, column, row }, nodes, shape, view = this.view) {
    const query = new URLSearchParams(view).toString();
    const url = `/tiles/${this.name}/${level}/${column}/${row}.png${query && `?${query}`}`;
    const blob = await (await get(url, { texts: this.texts })).blob();
    const bitmap = await bitmapOf(blob);
    const canvas = document.createElement("canvas");
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    return latticeOf(data, nodes, shape);
  }
}

// pixels are numbers here, not colours: nothing may correct them
const bitmapOf = (blob) =>
  createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });

const nameOf = (run) => `${encodeURIComponent(run.id)}/${run.digest}`;

const loading = new Map();

/** Loads a classic script or a style sheet into the document, once for all components. */
export function loadOnce(url) {
  if (!loading.has(url)) {
    const element = url.endsWith(".css")
      ? Object.assign(document.createElement("link"), { rel: "stylesheet", href: url })
      : Object.assign(document.createElement("script"), { src: url });
    loading.set(
      url,
      new Promise((resolve, reject) => {
        element.onload = resolve;
        element.onerror = () => {
          loading.delete(url);
          element.remove();
          reject(new Error(url));
        };
        document.head.append(element);
      }),
    );
  }
  return loading.get(url);
}
