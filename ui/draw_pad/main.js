// The draw pad. Streamlit calls `mount` again with every message, so one pad lives for each element
// it is mounted in; after the first time the drawing is the browser's own.

import { loadOnce } from "../latent_map/api.js";
import { html } from "../latent_map/dom.js";
import { themeOf } from "../latent_map/theme.js";
import { drawStrokes, extend, placeOn } from "./strokes.js";

const REST = 250; // ms without a stroke until the drawing is told
const PEN = { least: 0.03, usual: 0.09, most: 0.16, step: 0.01 }; // of the pad's side

const style = () => loadOnce(new URL("pad.css", import.meta.url).href);
const pads = new WeakMap();

export default function mount(component) {
  const { parentElement } = component;
  if (!pads.has(parentElement)) pads.set(parentElement, new Pad(parentElement, component.data));
  pads.get(parentElement).update(component);
  return () => {
    pads.get(parentElement)?.destroy();
    pads.delete(parentElement);
  };
}

class Pad {
  constructor(parent, { strokes }) {
    this.strokes = strokes;
    this.stroke = null; // the one that is being drawn
    this.canvas = html("canvas", {
      class: "pad-sheet", role: "img", "data-testid": "pad",
      onpointerdown: (event) => this.begin(event),
      onpointermove: (event) => this.go(event),
      onpointerup: (event) => this.end(event),
      onpointercancel: (event) => this.end(event),
    });
    this.pen = html("input", {
      type: "range", min: PEN.least, max: PEN.most, step: PEN.step, value: PEN.usual,
      "data-testid": "pad-pen",
    });
    this.penName = html("span");
    this.undo = html("button", { type: "button", "data-testid": "pad-undo", onclick: () => this.change(this.strokes.slice(0, -1)) });
    this.clear = html("button", { type: "button", "data-testid": "pad-clear", onclick: () => this.change([]) });
    this.root = html("section", { class: "pad", "data-ready": "false" },
      this.canvas,
      html("div", { class: "pad-tools" },
        html("label", {}, this.penName, this.pen), this.undo, this.clear));
    parent.append(this.root);
    this.resizing = new ResizeObserver(() => this.lay());
    this.resizing.observe(this.canvas);
    style()
      .catch(() => {}) // without its style sheet the pad is plain, and works
      .then(() => { this.root.dataset.ready = "true"; });
  }

  update({ data, setStateValue }) {
    const { texts } = data;
    this.tell = () => setStateValue("drawing", this.strokes);
    this.ink = themeOf(this.root).ink;
    this.canvas.setAttribute("aria-label", texts.sheet);
    this.penName.textContent = texts.pen;
    this.undo.textContent = texts.undo;
    this.clear.textContent = texts.clear;
    this.draw();
  }

  // --- the pen ---

  begin(event) {
    if (this.stroke || !event.isPrimary || event.button !== 0) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    clearTimeout(this.resting);
    this.stroke = { width: Number(this.pen.value), points: [placeOn(this.canvas.getBoundingClientRect(), event)] };
    this.pointer = event.pointerId;
    this.draw();
  }

  go(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const box = this.canvas.getBoundingClientRect();
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) extend(this.stroke, placeOn(box, each));
    this.draw();
  }

  end(event) {
    if (!this.stroke || event.pointerId !== this.pointer) return;
    const { stroke } = this;
    this.stroke = null;
    this.change([...this.strokes, stroke]);
  }

  /** Takes over what is drawn now, and tells it once the pen has rested. */
  change(strokes) {
    this.strokes = strokes;
    this.draw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.tell(), REST);
  }

  // --- what is seen ---

  lay() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side || side === this.canvas.width) return;
    this.canvas.width = this.canvas.height = side;
    this.draw();
  }

  draw() {
    const { width: side } = this.canvas;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    context.strokeStyle = this.ink;
    drawStrokes(context, this.stroke ? [...this.strokes, this.stroke] : this.strokes, side);
    this.undo.disabled = this.clear.disabled = !this.strokes.length;
  }

  destroy() {
    clearTimeout(this.resting);
    this.resizing.disconnect();
    this.root.remove();
  }
}
