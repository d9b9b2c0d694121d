// The server's answers: JSON, tiles, scripts. What goes wrong becomes one sentence for people.

import { latticeOf } from "./tiles.js";

/** An error whose message may be shown as it is. */
export class Problem extends Error {}

/** Fetches an address; a Problem says why there is no answer. Aborting rejects with AbortError. */
async function get(url, { signal, texts }) {
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

/** The addresses that belong to one run. */
export class Api {
  constructor(run, texts) {
    this.run = run;
    this.texts = texts;
    this.name = `${encodeURIComponent(run.id)}/${run.digest}`;
  }

  map = (signal) => this.json(`/api/runs/${this.name}/map.json`, signal);
  place = ([x, y], signal) => this.json(`/api/runs/${this.name}/place?z=${x},${y}`, signal);
  point = (index, signal) => this.json(`/api/runs/${this.name}/point?index=${index}`, signal);

  neighbours = (index, signal) => this.json(`/api/runs/${this.name}/neighbours?index=${index}`, signal);
  layer = (name, signal) => this.json(`/api/runs/${this.name}/layer/${name}.json`, signal);

  path({ start, end, method }, signal) {
    const query = new URLSearchParams({ start, end, method });
    return this.json(`/api/runs/${this.name}/path?${query}`, signal);
  }

  selection = (query, signal) => this.json(this.address("selection", query), signal);
  address = (file, query) => `/api/runs/${this.name}/${file}?${query}`;

  /** Where this run's encoder puts the picture that another run decodes at z. */
  arrival(from, [x, y], signal) {
    const source = `${encodeURIComponent(from.id)}/${from.digest}`;
    return this.json(`/api/transfer/${source}/${this.name}?z=${x},${y}`, signal);
  }

  async json(url, signal) {
    return (await get(url, { signal, texts: this.texts })).json();
  }

  /** A tile's lattice of decodes. */
  async tile({ level, column, row }, nodes, shape) {
    const url = `/tiles/${this.name}/${level}/${column}/${row}.png`;
    const blob = await (await get(url, { texts: this.texts })).blob();
    // pixels are numbers here, not colours: nothing may correct them
    const bitmap = await createImageBitmap(blob, {
      colorSpaceConversion: "none",
      premultiplyAlpha: "none",
    });
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
