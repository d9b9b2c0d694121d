// The path between two images: fetched whole, once, so that the picture follows the hand. A slider
// for t, a play button, a strip of twenty beneath.

import { html, number, say } from "./dom.js";
import { bytesOf, paint, paintSheet } from "./picture.js";

const STRIP = 20;
const SECONDS = 4; // from A to B when it plays

export class Path {
  /** `shown({pixels, z, t})` hears of each frame that the hand comes to. */
  constructor(shown) {
    this.shown = shown;
    this.slider = html("input", {
      type: "range", min: 0, max: 1, step: 0.005, value: 0, "data-testid": "path-t",
      oninput: () => { this.pause(); this.go(Number(this.slider.value)); },
    });
    this.player = html("button", { type: "button", "data-testid": "path-play", onclick: () => this.toggle() });
    this.from = html("canvas", { class: "lm-ink", role: "img" });
    this.to = html("canvas", { class: "lm-ink", role: "img" });
    this.sheet = html("canvas", { class: "lm-ink", "data-testid": "strip", role: "img" });
    this.note = html("figcaption", { class: "lm-quiet" });
    this.controls = html(
      "div",
      { class: "lm-drag" },
      this.player, this.from, this.slider, this.to,
    );
    this.strip = html("figure", { class: "lm-strip" }, this.sheet, this.note);
    this.t = 0;
    this.frames = [];
    this.resizing = new ResizeObserver(() => this.layStrip());
    this.resizing.observe(this.strip);
  }

  setUp(answer, shape, names, texts) {
    this.texts = texts;
    this.shape = shape;
    this.z = answer.z;
    const size = shape.reduce((product, side) => product * side, 1);
    const pixels = bytesOf(answer.images);
    this.frames = answer.z.map((_, i) => pixels.subarray(i * size, (i + 1) * size));
    const ends = { a: names[answer.start.label], b: names[answer.end.label] };
    for (const [canvas, end, name] of [
      [this.from, answer.start, `A: ${ends.a}`],
      [this.to, answer.end, `B: ${ends.b}`],
    ]) {
      paint(canvas, bytesOf(end.original), shape);
      canvas.setAttribute("aria-label", name);
      canvas.title = name;
    }
    this.slider.setAttribute("aria-label", texts.position);
    this.note.textContent = `${say(texts.strip, { n: STRIP })} · ${say(texts.ends, ends)}`;
    this.sheet.setAttribute("aria-label", this.note.textContent);
    this.columns = 0;
    this.layStrip();
    this.pause();
    this.go(this.t);
  }

  /** Twenty pictures in one row, or in two where there is little room. */
  layStrip() {
    const columns = this.strip.clientWidth < 560 ? STRIP / 2 : STRIP;
    if (!this.frames.length || columns === this.columns) return;
    this.columns = columns;
    const last = this.frames.length - 1;
    const chosen = Array.from({ length: STRIP }, (_, i) => this.frames[Math.round((i * last) / (STRIP - 1))]);
    paintSheet(this.sheet, chosen, this.shape, columns);
  }

  go(t) {
    if (!this.frames.length) return;
    this.t = t;
    const i = Math.round(t * (this.frames.length - 1));
    this.slider.value = t;
    this.slider.setAttribute("aria-valuetext", say(this.texts.at, { t: number(t) }));
    this.shown({ pixels: this.frames[i], z: this.z[i], t });
  }

  /** Goes to the frame nearest to a place. */
  goNear([x, y]) {
    const distances = this.z.map(([zx, zy]) => Math.hypot(zx - x, zy - y));
    this.pause();
    this.go(distances.indexOf(Math.min(...distances)) / (this.z.length - 1));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    let t = this.t >= 1 ? 0 : this.t;
    let before = performance.now();
    const step = (now) => {
      t = Math.min(t + (now - before) / 1000 / SECONDS, 1);
      before = now;
      this.go(t);
      if (t >= 1) this.pause();
      else this.playing = requestAnimationFrame(step);
    };
    this.playing = requestAnimationFrame(step);
    this.label();
  }

  pause() {
    if (this.playing) cancelAnimationFrame(this.playing);
    this.playing = null;
    this.label();
  }

  label() {
    this.player.textContent = this.playing ? "❚❚" : "▶";
    if (this.texts) this.player.setAttribute("aria-label", this.playing ? this.texts.pause : this.texts.play);
  }

  destroy() {
    this.pause();
    this.resizing.disconnect();
    this.controls.remove();
    this.strip.remove();
  }
}
