// Two small curves, reconstruction and KL, with a line at the moment that is shown.

import { html, number, set, svg } from "../latent_map/dom.js";

const [WIDTH, HEIGHT] = [300, 60];

export class Curves {
  constructor() {
    this.root = html("div", { class: "tm-curves" });
  }

  setUp(film, texts) {
    const known = film.curve.filter(([, recon, kl]) => recon !== null && kl !== null);
    const xs = [...film.moments.map(({ x }) => x), ...known.map(([x]) => x)];
    [this.low, this.high] = [Math.min(...xs), Math.max(...xs)];
    const names = [texts.recon, texts.kl];
    const drawn = known.length < 2 ? [] : names.map((name, k) => this.one(name, known.map((at) => [at[0], at[k + 1]])));
    this.lines = drawn.map(({ line }) => line);
    this.root.replaceChildren(...drawn.map(({ figure }) => figure));
  }

  one(name, points) {
    const values = points.map(([, y]) => y);
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const height = (y) => HEIGHT - 4 - ((y - least) / (most - least || 1)) * (HEIGHT - 8);
    const way = points.map(([x, y]) => `${this.across(x).toFixed(1)},${height(y).toFixed(1)}`).join(" ");
    const line = svg("line", { y1: 0, y2: HEIGHT, class: "tm-now" });
    const figure = html("figure", {},
      html("figcaption", {}, html("span", {}, name), html("span", {}, `${number(least, 1)} \u2013 ${number(most, 1)}`)),
      svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("polyline", { points: way }), line));
    return { figure, line };
  }

  across = (x) => ((x - this.low) / (this.high - this.low || 1)) * WIDTH;

  go(x) {
    const at = this.across(x).toFixed(1);
    for (const line of this.lines) set(line, { x1: at, x2: at });
  }
}
