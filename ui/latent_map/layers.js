// Layers of the plane: a switch for each, and for those that are on a line that says what it is.

import { html, number, say } from "./dom.js";
import { Field, bar } from "./field.js";
import { bytesOf } from "./picture.js";
import { Vectors } from "./vectors.js";

const AT_FIRST = ["points", "atlas", "names", "prior"];
const AREAS = ["trust", "stretch", "regions"]; // they colour the plane: one at a time
const TIES = 8; // neighbours of the pin
const count = (n) => n.toLocaleString("en");

/** What each layer is called, what it needs from the server, and what is said of it. */
const LAYERS = {
  points: {
    title: (texts) => texts.layer_points,
    about: ({ texts, n, slice, conditional }) =>
      [
        say(slice ? texts.about_points_slice : texts.about_points, { n }),
        conditional && texts.about_points_told,
      ].filter(Boolean).join(" "),
  },
  atlas: { title: (texts) => texts.layer_atlas, about: ({ texts }) => texts.about_atlas },
  names: { title: (texts) => texts.layer_names, about: ({ texts }) => texts.about_names },
  prior: {
    title: (texts) => texts.layer_prior,
    about: ({ texts, slice }) => (slice ? texts.about_prior_slice : texts.about_prior),
    vae: true,
  },
  density: {
    title: (texts) => texts.layer_density,
    needs: () => "density",
    about: ({ texts, answer, digits }) => {
      const [x, y] = answer.width.map((width) => number(width, digits));
      const shares = answer.shares.map((share) => Math.round(100 * share)).join(", ");
      return say(texts.about_density, { n: count(answer.count), shares, x, y });
    },
  },
  posterior: {
    title: (texts) => texts.layer_posterior,
    needs: () => "posteriors",
    about: ({ texts, slice }) => (slice ? texts.about_posterior_slice : texts.about_posterior),
    vae: true,
  },
  trust: {
    title: (texts) => texts.layer_trust,
    needs: ({ measure }) => MEASURES[measure].needs,
    about: (told) => MEASURES[told.measure].about(told),
  },
  stretch: {
    title: (texts) => texts.layer_stretch,
    needs: () => "stretch",
    about: ({ texts, answer }) => say(texts.about_stretch, answer),
  },
  regions: {
    title: (texts) => texts.layer_regions,
    needs: () => "classes",
    about: ({ texts, answer }) => say(texts.about_regions, { k: answer.k, n: count(answer.count) }),
  },
  neighbours: {
    title: (texts) => texts.layer_neighbours,
    about: ({ texts, n }) => say(texts.about_neighbours, { k: TIES, n }),
  },
};

/** What the trust map can show. */
const MEASURES = {
  trip: {
    title: (texts) => texts.trust_trip,
    needs: "round-trip",
    about: ({ texts }) => texts.about_trip,
    field: (answer) => answer,
  },
  density: {
    title: (texts) => texts.trust_density,
    needs: "density",
    about: ({ texts, answer }) => say(texts.about_trust_density, { n: count(answer.count) }),
    field: (answer) => answer,
    log: true,
  },
  entropy: {
    title: (texts) => texts.trust_entropy,
    needs: "classes",
    about: ({ texts, answer }) => say(texts.about_entropy, { k: answer.k, n: count(answer.count) }),
    field: (answer) => answer.entropy,
  },
};

/** A number of unknown size for people: two digits that count. */
const readable = (value) =>
  value >= 100 ? count(Number(value.toPrecision(2))) : String(Number(value.toPrecision(2)));

/**
 * `changed()` is called when something else has to be drawn, `fail(error, retry)` when an answer
 * does not come.
 */
export class Layers {
  constructor({ changed, fail }) {
    Object.assign(this, { changed, fail });
    this.field = new Field();
    this.vectors = new Vectors();
    this.summary = html("summary", {});
    this.pills = html("div", { class: "lm-pills", role: "group" });
    this.element = html("details", { class: "lm-layers", open: true }, this.summary, this.pills);
    this.legend = html("ul", { class: "lm-legend", "data-testid": "legend" });
    this.on = new Set(AT_FIRST);
    this.measure = "trip";
    this.forAll = false;
    this.ink = 0.3; // of the decoded plane
    this.answers = new Map();
  }

  has = (name) => this.on.has(name) && this.offered(name);

  offered = (name) => this.map?.prior || !LAYERS[name].vae;

  /** A run's layers; which are on stays as it was. */
  setUp({ api, texts, map, points, digits }) {
    this.asking?.abort();
    this.asking = new AbortController();
    Object.assign(this, { api, texts, map, points, digits });
    this.answers.clear();
    this.colours = map.figure.data.map(({ marker }) => marker.color);
    this.pills.setAttribute("aria-label", texts.layers);
    const offered = Object.keys(LAYERS).filter(this.offered);
    this.switches = new Map(offered.map((name) => [name, this.switchFor(name)]));
    this.rows = new Map(offered.map((name) => [name, this.rowFor(name)]));
    this.pills.replaceChildren(...this.switches.values());
    // what was added is read first, what is there anyway last
    this.legend.replaceChildren(...[...this.rows.values()].map(({ element }) => element).reverse());
    this.settle();
  }

  switchFor(name) {
    const onclick = () => this.toggle(name);
    return html("button", { type: "button", "data-layer": name, onclick }, LAYERS[name].title(this.texts));
  }

  rowFor(name) {
    const caption = html("span", {});
    const scale = html("span", { class: "lm-scale", hidden: true });
    const control = { atlas: this.inkControl, posterior: this.allControl, trust: this.measureControl }[name];
    const element = html("li", { "data-layer": name },
      html("strong", {}, LAYERS[name].title(this.texts)), control?.call(this), caption, scale);
    return { element, caption, scale };
  }

  inkControl() {
    const oninput = ({ target }) => {
      this.ink = Number(target.value);
      this.changed();
    };
    return html("input", {
      type: "range", min: 0.05, max: 1, step: 0.05, value: this.ink, "aria-label": this.texts.ink,
      title: this.texts.ink, oninput,
    });
  }

  allControl() {
    const onclick = ({ target }) => {
      this.forAll = !this.forAll;
      target.setAttribute("aria-pressed", this.forAll);
      this.settle();
    };
    return html("button", { type: "button", "aria-pressed": String(this.forAll), onclick }, this.texts.for_all);
  }

  measureControl() {
    const group = html("span", { role: "group", "aria-label": this.texts.layer_trust });
    for (const [name, { title }] of Object.entries(MEASURES)) {
      const onclick = () => {
        this.measure = name;
        for (const button of group.children) button.setAttribute("aria-pressed", button.dataset.measure === name);
        this.settle();
      };
      group.append(html("button", {
        type: "button", "data-measure": name, "aria-pressed": String(this.measure === name), onclick,
      }, title(this.texts)));
    }
    return group;
  }

  show(name) {
    if (!this.on.has(name)) this.toggle(name);
  }

  toggle(name) {
    if (!this.on.delete(name)) {
      if (AREAS.includes(name)) for (const other of AREAS) this.on.delete(other);
      this.on.add(name);
    }
    this.settle();
  }

  /** Brings switches, captions and drawings in line with what is on. */
  settle() {
    for (const [name, button] of this.switches) button.setAttribute("aria-pressed", this.on.has(name));
    const chosen = [...this.switches.keys()].filter(this.has);
    this.summary.textContent = say(this.texts.layers_chosen, { n: chosen.length });
    for (const [name, row] of this.rows) {
      row.element.hidden = !this.has(name);
      if (this.has(name)) this.tell(name, row);
    }
    const area = AREAS.find(this.has);
    const answer = area && this.answer(area);
    if (area === "regions") this.field.show(answer?.majority ?? null, this.colours);
    else this.field.show((answer && this.fieldOf(area, answer)) ?? null);
    this.vectors.lay({
      prior: this.has("prior") && (this.map.slice?.zero ?? [0, 0]),
      density: this.has("density") && this.answer("density"),
      stretch: this.has("stretch") && this.answer("stretch"),
      crowd: this.forAll && this.has("posterior") && this.answer("posterior") && this.crowd(),
    }, this.map.plane);
    this.changed();
  }

  tell(name, { caption, scale }) {
    const { needs, about } = LAYERS[name];
    const answer = this.answer(name);
    scale.hidden = true;
    if (needs && !answer) {
      caption.textContent = this.texts.layer_waits;
      return;
    }
    const { texts, measure, digits } = this;
    const n = count(this.points.x.length);
    caption.textContent = about({ texts, answer, measure, digits, n, slice: this.map.slice, conditional: this.map.n_classes > 0 });
    const field = name === "trust" || name === "stretch" ? this.fieldOf(name, answer) : null;
    if (!field) return;
    const log = name === "stretch" || MEASURES[measure].log;
    const value = (share) => {
      const at = field.low + share * (field.high - field.low);
      return readable(log ? 10 ** at : at);
    };
    const [less, more] = field.beyond;
    scale.hidden = false;
    scale.replaceChildren(
      html("span", {}, `${less ? "≤ " : ""}${value(0)}`),
      html("span", { class: "lm-ramp" }, bar(), html("span", {}, value(0.5))),
      html("span", {}, `${more ? "≥ " : ""}${value(1)}`),
    );
  }

  fieldOf = (name, answer) => (name === "trust" ? MEASURES[this.measure].field(answer) : answer);

  /** The server's answer that a layer needs, or null while it is on its way. */
  answer(name) {
    const key = LAYERS[name].needs?.(this);
    if (!key) return null;
    if (!this.answers.has(key)) {
      this.answers.set(key, null);
      this.ask(key);
    }
    return this.answers.get(key);
  }

  async ask(key) {
    const { signal } = this.asking;
    try {
      const answer = await this.api.layer(key, signal);
      if (answer.std) answer.std = new Float32Array(bytesOf(answer.std).buffer);
      this.answers.set(key, answer);
      this.settle();
    } catch (error) {
      if (signal.aborted) return;
      this.answers.delete(key); // whoever needs it next asks again
      this.fail(error, () => this.settle());
    }
  }

  /** Every posterior at 1 sigma, by class. */
  crowd() {
    const classes = this.colours.map((colour) => ({ colour, ellipses: [] }));
    for (let i = 0; i < this.points.x.length; i++) {
      const { index, label, z } = this.points.at(i);
      classes[label].ellipses.push([...z, ...this.shape(index)]);
    }
    return classes;
  }

  /** Half axes and angle of an image's posterior at one sigma. */
  shape(index) {
    const { std, numbers } = this.answer("posterior");
    const [a, b, angle = 0] = std.subarray(numbers * index, numbers * (index + 1));
    return [a, b, angle];
  }

  /** Draws what a frame shows; `pin` is {z, index, near} or null, `sample` a place, `sight` as in `look`. */
  draw(frame, { pin, sample, sight }) {
    if (!this.map) return;
    this.field.draw(frame, this.map.plane);
    this.vectors.draw(frame);
    this.vectors.mark(frame, sample);
    this.vectors.posterior(this.vectors.pinned, frame, this.posteriorOf(pin?.z, pin?.index));
    this.vectors.tie(frame, pin?.z, pin && this.has("neighbours") ? this.neighboursOf(pin) : []);
    this.look(frame, sight);
  }

  /** In a plane through many units it is not the nearest places that are the nearest codes. */
  neighboursOf({ z, index, near }) {
    if (!this.map.slice) return this.points.nearestFew(...z, TIES, index);
    return (near ?? []).map((other) => this.points.of(other));
  }

  /** What is under the pointer, {z, point}, or null. */
  look(frame, sight) {
    if (!this.map || !this.has("posterior")) {
      this.vectors.pointed.replaceChildren();
      return;
    }
    const point = sight?.point;
    this.vectors.posterior(this.vectors.pointed, frame, point && this.posteriorOf(point.z, point.index));
  }

  posteriorOf(z, index) {
    if (index == null || !this.has("posterior") || !this.answer("posterior")) return null;
    return { z, shape: this.shape(index) };
  }

  destroy() {
    this.asking?.abort();
  }
}
