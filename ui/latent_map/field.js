// Fields: bytes on a lattice over a square of the plane, as colours on a canvas beneath the points.

import { html } from "./dom.js";
import { toPixel } from "./geometry.js";
import { bytesOf } from "./picture.js";

const STRENGTH = 0.7; // digits and paper shine through
const TINT = 0.45; // of a class's colour, so that its points stand out

// cividis (Nuñez, Anderton & Renslow 2018): even to the eye, for any colour vision
const CIVIDIS = ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"];

/** The red, green and blue of a colour #rrggbb. */
export const rgb = (colour) => [0, 2, 4].map((i) => parseInt(colour.replace("#", "").slice(i, i + 2), 16));

/** 256 colours, evenly along the anchors. */
export const ramp = Array.from({ length: 256 }, (_, step) => {
  const place = (step / 255) * (CIVIDIS.length - 1);
  const i = Math.min(Math.floor(place), CIVIDIS.length - 2);
  const [from, to] = [rgb(CIVIDIS[i]), rgb(CIVIDIS[i + 1])];
  return from.map((channel, k) => Math.round(channel + (place - i) * (to[k] - channel)));
});

/** A canvas of one pixel for each node of a field, coloured by its byte. */
export function coloured({ n, values }, colours) {
  const canvas = html("canvas", { width: n, height: n });
  const context = canvas.getContext("2d");
  const image = context.createImageData(n, n);
  bytesOf(values).forEach((step, i) => image.data.set([...colours[step], 255], 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A strip of all colours, for a legend. */
export function bar() {
  const canvas = html("canvas", {
    width: 256, height: 1, style: `opacity:${STRENGTH}`, "aria-hidden": "true",
  });
  const context = canvas.getContext("2d");
  ramp.forEach(([r, g, b], x) => {
    context.fillStyle = `rgb(${r},${g},${b})`;
    context.fillRect(x, 0, 1, 1);
  });
  return canvas;
}

export class Field {
  constructor() {
    this.element = html("canvas", { class: "lm-field", "aria-hidden": "true", "data-testid": "field" });
    this.source = null;
  }

  /** Shows a field in a continuous map, or in the colours of classes; null shows none. */
  show(field, classes) {
    if (this.source === field) return;
    this.source = field;
    this.picture = field && coloured(field, classes?.map(rgb) ?? ramp);
    this.strength = classes ? TINT : STRENGTH;
  }

  /** Draws the field where a frame has its square {center, half}; its nodes reach the edges. */
  draw(frame, { center: [x, y], half }) {
    const { element } = this;
    const scale = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(frame.width * scale), Math.round(frame.height * scale)];
    if (!this.source && !element.width) return;
    Object.assign(element, { width: this.source ? width : 0, height: this.source ? height : 0 });
    if (!this.source) return;
    Object.assign(element.style, {
      left: `${frame.left}px`, top: `${frame.top}px`,
      width: `${frame.width}px`, height: `${frame.height}px`,
    });
    const context = element.getContext("2d");
    context.setTransform(scale, 0, 0, scale, -frame.left * scale, -frame.top * scale);
    context.imageSmoothingQuality = "high";
    context.globalAlpha = this.strength;
    const [left, top] = toPixel(frame, [x - half, y + half]);
    const [right, bottom] = toPixel(frame, [x + half, y - half]);
    // nodes are the middles of the picture's pixels: the outer halves of the border are cut off
    const [across, down] = [(right - left) / (this.source.n - 1), (bottom - top) / (this.source.n - 1)];
    context.beginPath();
    context.rect(left, top, right - left, bottom - top);
    context.clip();
    context.drawImage(
      this.picture, left - across / 2, top - down / 2, right - left + across, bottom - top + down,
    );
  }
}
