// Marks above the points: class names, the path, the pin and the cursor, drawn in pixels as SVG so
// that moving one costs nothing.

import { set, svg } from "./dom.js";
import { inFrame, spread, toPixel } from "./geometry.js";

const GAP = 22; // pixels between two class names

const placed = (element, [x, y]) => set(element, { transform: `translate(${x},${y})` });
const shown = (element, visible) => set(element, { visibility: visible ? null : "hidden" });

export class Marks {
  constructor() {
    this.glyphs = svg("g", { class: "lm-glyphs" });
    this.route = svg("polyline", { class: "lm-route" });
    this.ends = ["A", "B"].map((name) =>
      svg("g", { class: "lm-end", visibility: "hidden" }, svg("circle", { r: 9 }), svg("text", {}, name)),
    );
    this.pin = svg(
      "g",
      { class: "lm-pin", visibility: "hidden", "data-testid": "pin" },
      svg("circle", { r: 8 }),
      svg("path", { d: "M-13 0h7M6 0h7M0-13v7M0 6v7" }),
    );
    this.cursor = svg(
      "g",
      { class: "lm-cursor", visibility: "hidden" },
      svg("circle", { r: 7 }),
      svg("path", { d: "M-3 0h6M0-3v6" }),
    );
    this.element = svg(
      "svg",
      { class: "lm-marks", "aria-hidden": "true" },
      this.glyphs, this.route, ...this.ends, this.pin, this.cursor,
    );
    this.centres = [];
  }

  /** Names each class where its middle is, so that colour is never alone. */
  name(classes) {
    this.centres = classes.filter(({ centre }) => centre);
    this.glyphs.replaceChildren(
      ...this.centres.map(({ name, colour }) =>
        svg(
          "g",
          { class: "lm-glyph" },
          svg("circle", { r: 9.5, stroke: colour }),
          svg("text", {}, name.length > 2 ? name.slice(0, 2) : name),
        ),
      ),
    );
  }

  /** Puts everything where a frame has it: {pin, path} are places, cursor a sight, or null. */
  draw(frame, { pin, cursor, path }) {
    set(this.element, { viewBox: `${frame.left} ${frame.top} ${frame.width} ${frame.height}` });
    Object.assign(this.element.style, {
      left: `${frame.left}px`, top: `${frame.top}px`,
      width: `${frame.width}px`, height: `${frame.height}px`,
    });
    const middles = this.centres.map(({ centre }) => toPixel(frame, centre));
    const inside = middles.map((pixel) => inFrame(frame, ...pixel));
    const apart = spread(middles.filter((_, i) => inside[i]), GAP);
    let next = 0;
    [...this.glyphs.children].forEach((glyph, i) => {
      shown(glyph, inside[i]);
      if (inside[i]) placed(glyph, apart[next++]);
    });
    const pixels = path?.map((z) => toPixel(frame, z)) ?? [];
    set(this.route, { points: pixels.map((pixel) => pixel.join()).join(" ") });
    this.ends.forEach((end, i) => {
      shown(end, pixels.length > 0);
      if (pixels.length) placed(end, pixels.at(-i));
    });
    shown(this.pin, pin);
    if (pin) placed(this.pin, toPixel(frame, pin));
    this.look(frame, cursor);
  }

  /** Moves the cursor alone: {z, point}. */
  look(frame, cursor) {
    shown(this.cursor, cursor);
    if (!cursor) return;
    this.cursor.classList.toggle("lm-on-point", Boolean(cursor.point));
    placed(this.cursor, toPixel(frame, cursor.point?.z ?? cursor.z));
  }
}
