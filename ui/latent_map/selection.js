// The selection: box and lasso on the plane, and what is known of the points inside: counts, mean
// image, decode of the mean z, files. The outline alone is sent; it selects here as it does there.

import { html, number, say, set, svg } from "./dom.js";
import { inside, simplified, toPixel } from "./geometry.js";
import { icon } from "./icons.js";
import { bytesOf, paint } from "./picture.js";

const CORNERS = 64; // the most that the server reads
const DIGITS = 7; // of a corner, in the address

const round = (value) => Number(value.toPrecision(DIGITS));

const corners = ([ax, ay], [bx, by]) => [[ax, ay], [bx, ay], [bx, by], [ax, by]];

export class Selection {
  /**
   * `ask(query, signal)` promises the server's answer, `address(file, query)` is where a file of it
   * lies; `announce(sentence)` tells a screen reader, `fail(error, retry)` shows what went wrong,
   * `told(selection)` hears of what was selected here, null when that was cleared.
   */
  constructor(plane, handlers) {
    this.plane = plane;
    this.handlers = handlers;
    this.tools = html("div", { class: "lm-tools", role: "group" });
    this.line = svg("polygon", { class: "lm-outline" });
    this.overlay = svg("svg", { class: "lm-marks", "aria-hidden": "true" }, this.line);
    this.element = html("section", { class: "lm-selection", "data-testid": "selection", hidden: true });
    plane.element.append(this.overlay);
    this.tool = "move";
    this.trail = null; // places on the way, while an outline is drawn
    this.outline = null; // the closed line that selects
    this.source = null; // {query, indices} of the map that an outline was drawn on, if not this one
  }

  setUp(texts, map, usable) {
    Object.assign(this, { texts, map });
    this.forget();
    this.tools.hidden = !usable;
    this.tools.setAttribute("aria-label", texts.tools);
    this.element.setAttribute("aria-label", texts.selection);
    const names = { move: texts.tool_move, box: texts.tool_box, lasso: texts.tool_lasso };
    this.buttons = Object.entries(names).map(([tool, label]) =>
      html("button",
        { type: "button", "aria-label": label, title: label, "data-tool": tool,
          onclick: () => this.choose(tool) },
        icon(tool)));
    this.tools.replaceChildren(...this.buttons);
    this.choose(usable ? this.tool : "move");
  }

  choose(tool) {
    const changed = tool !== this.tool;
    this.tool = tool;
    for (const button of this.buttons) {
      button.setAttribute("aria-pressed", button.dataset.tool === tool);
    }
    this.giveUp();
    this.plane.gesture = tool === "move" ? null : this;
    const hints = { box: this.texts.box_hint, lasso: this.texts.lasso_hint };
    if (changed && hints[tool]) this.handlers.announce(hints[tool]);
  }

  // --- the gesture: what the plane tells while a tool is on ---

  start(place) {
    this.trail = [place];
    this.tip = null;
    this.draw();
  }

  move(place) {
    if (!this.trail) return;
    this.tip = null;
    if (this.tool === "box") this.trail = [this.trail[0], place];
    else this.trail.push(place);
    this.draw();
  }

  /** Where the next corner would be. */
  point(place) {
    this.tip = place;
    this.draw();
  }

  end() {
    const trail = this.trail;
    this.giveUp();
    if (!trail || trail.length < 2) return;
    const line = this.tool === "box" ? corners(trail[0], trail.at(-1)) : simplified(trail, CORNERS);
    if (line.length > 2) this.select(line.map(([x, y]) => [round(x), round(y)]));
  }

  giveUp() {
    this.trail = null;
    this.draw();
  }

  /** Corners by keyboard, at the cursor's place; whether the key was meant for us. */
  key(key, place) {
    if (key === "Escape" && this.trail) this.giveUp();
    else if (key === "Enter" && !this.trail) this.start(place);
    else if (key === "Enter") {
      const same = this.trail.at(-1).every((value, i) => value === place[i]);
      if (!same || this.tool === "box") this.move(place);
      if (same || this.tool === "box") this.end();
    } else return false;
    if (this.trail) this.handlers.announce(`${this.texts.corner} ${this.trail.length}`);
    return true;
  }

  // --- what is selected ---

  select(outline) {
    this.outline = outline;
    this.source = null;
    this.apply();
  }

  /** Selects the images that an outline on another map selects there; null ends that. */
  follow(source) {
    this.forget();
    this.source = source;
    if (source) this.apply();
  }

  clear() {
    this.forget();
    this.handlers.told(null);
  }

  forget() {
    this.asking?.abort();
    this.outline = this.source = null;
    this.element.hidden = true;
    this.plane.highlight(null);
    this.draw();
  }

  /** Selects anew with the same outline: other classes may count now. */
  async apply() {
    if (!this.outline && !this.source) return;
    this.asking?.abort();
    const { signal } = (this.asking = new AbortController());
    this.draw();
    const indices = this.pick();
    if (this.outline) this.handlers.told({ query: this.query(), indices: new Set(indices) });
    if (!indices.length) {
      this.tell(html("p", {}, this.texts.none_selected));
      this.handlers.announce(this.texts.none_selected);
      return;
    }
    try {
      const answer = await this.handlers.ask(this.query(), signal);
      if (!signal.aborted) this.show(answer);
    } catch (error) {
      if (!signal.aborted) this.handlers.fail(error, () => this.apply());
    }
  }

  pick() {
    const { source, outline, plane } = this;
    return plane.highlight(
      source
        ? (x, y, index) => source.indices.has(index)
        : (x, y, index, label) => plane.counts(label) && inside(outline, x, y),
    );
  }

  /** What the server selects by: where the outline is from, and the classes that count. */
  query() {
    if (this.source) return this.source.query;
    const labels = this.map.class_names.map((_, label) => label).filter(this.plane.counts);
    const all = labels.length === this.map.class_names.length;
    return { outline: this.outline.flat().join(), ...(!all && { labels: labels.join() }) };
  }

  show(answer) {
    const { texts, map } = this;
    const head = say(texts.selected, { n: answer.n });
    const most = Math.max(...answer.counts);
    const bars = answer.counts.map((n, label) =>
      html("li", { "aria-label": say(texts.class_count, { label: map.class_names[label], n }) },
        html("span", { "aria-hidden": "true" }, map.class_names[label]),
        html("i", {
          style: `width:${(100 * n) / most}%;background:${map.figure.data[label].marker.color}`,
        }),
        html("span", { "aria-hidden": "true" }, String(n))));
    const place = `z = (${answer.z.map((value) => number(value)).join(", ")})`;
    const file = (kind, label) =>
      html("a", { href: this.handlers.address(`selection.${kind}`, this.query()), download: "" }, label);
    this.tell(
      html("p", {}, html("strong", {}, head)),
      html("ul", { class: "lm-bars" }, ...bars),
      html("div", { class: "lm-pair" },
        this.picture("mean-image", answer.mean, texts.mean_image, `n = ${answer.n}`),
        this.picture("mean-z", answer.image, texts.mean_z, place)),
      html("p", { class: "lm-files" }, file("csv", texts.csv), file("png", texts.png)),
    );
    this.handlers.announce(head);
  }

  picture(name, base64, label, detail) {
    const canvas = html("canvas", {
      class: "lm-ink", "data-testid": name, role: "img", "aria-label": label,
    });
    paint(canvas, bytesOf(base64), this.map.image_shape);
    return html("figure", {}, canvas, html("figcaption", {}, label, html("br"), detail));
  }

  tell(...children) {
    const button = html("button", { type: "button", onclick: () => this.clear() }, this.texts.clear);
    this.element.replaceChildren(...children, button);
    this.element.hidden = false;
  }

  // --- the line on the plane ---

  draw() {
    if (!this.plane.drawn) return;
    const frame = this.plane.frame();
    set(this.overlay, { viewBox: `${frame.left} ${frame.top} ${frame.width} ${frame.height}` });
    Object.assign(this.overlay.style, {
      left: `${frame.left}px`, top: `${frame.top}px`,
      width: `${frame.width}px`, height: `${frame.height}px`,
    });
    const trail = this.trail && [...this.trail, this.tip ?? this.trail.at(-1)];
    const drawn = trail && this.tool === "box" ? corners(trail[0], trail.at(-1)) : trail;
    const line = (drawn ?? this.outline ?? []).map((place) => toPixel(frame, place).join());
    set(this.line, { points: line.join(" ") });
  }

  destroy() {
    this.asking?.abort();
  }
}
