// What layers draw as lines: circles of the prior, contours, ellipses, ties to neighbours.
// Shapes of the whole plane stand in units of z and are moved by one transform; those of the pin and
// the pointer stand in pixels.

import { contour } from "./contours.js";
import { set, svg } from "./dom.js";
import { toPixel, unit } from "./geometry.js";
import { bytesOf } from "./picture.js";

const SIGMAS = [1, 2];

/** The path of an ellipse: its middle, half axes, and the first one's angle in radians. */
export function ellipse(x, y, a, b, angle = 0) {
  const [dx, dy] = [a * Math.cos(angle), a * Math.sin(angle)];
  const arc = `A${a} ${b} ${(angle * 180) / Math.PI} 1 1`;
  return `M${x + dx} ${y + dy}${arc} ${x - dx} ${y - dy}${arc} ${x + dx} ${y + dy}`;
}

const pathOf = (ellipses) => ellipses.map((numbers) => ellipse(...numbers)).join("");

/** The path of a field's contour at a level, in units of the field's plane. */
export function contourPath({ n, low, high, values }, { center: [x, y], half }, level) {
  const bytes = bytesOf(values);
  const at = (column, row) => low + (bytes[row * n + column] / 255) * (high - low);
  const step = (2 * half) / (n - 1);
  const place = (column, row) => `${x - half + column * step} ${y + half - row * step}`;
  return contour(at, n, level)
    .map(([x1, y1, x2, y2]) => `M${place(x1, y1)}L${place(x2, y2)}`)
    .join("");
}

export class Vectors {
  constructor() {
    this.prior = svg("g", { class: "lm-prior" }, ...[1, 2, 3].map((r) => svg("circle", { r })));
    this.contours = svg("g", { class: "lm-contours", "data-testid": "contours" });
    this.stretch = svg("path", { class: "lm-stretch", "data-testid": "indicatrices" });
    this.crowd = svg("g", { class: "lm-crowd", "data-testid": "posteriors" });
    this.units = svg("g", { class: "lm-units" }, this.prior, this.contours, this.stretch, this.crowd);
    this.ties = svg("g", { class: "lm-ties", "data-testid": "ties" });
    this.pinned = svg("g", { class: "lm-posterior", "data-testid": "posterior-pin" });
    this.pointed = svg("g", { class: "lm-posterior", "data-testid": "posterior-hover" });
    this.sample = svg("circle", { class: "lm-sample", r: 4, "data-testid": "sample" });
    this.element = svg(
      "svg",
      { class: "lm-vectors", "aria-hidden": "true" },
      this.units, this.ties, this.pinned, this.pointed, this.sample,
    );
  }

  /** Lays the shapes of the whole plane; what is null is not drawn, `prior` is its mean's place. */
  lay({ prior, density, stretch, crowd }, plane) {
    set(this.prior, { visibility: prior ? null : "hidden", transform: prior ? `translate(${prior})` : null });
    this.contours.replaceChildren(
      ...(density ? density.levels : []).map((level) => svg("path", { d: contourPath(density, plane, level) })),
    );
    set(this.stretch, { d: pathOf(stretch ? stretch.ellipses : []) });
    this.crowd.replaceChildren(
      ...(crowd || []).map(({ colour, ellipses }) =>
        svg("path", { stroke: colour, d: pathOf(ellipses) }),
      ),
    );
  }

  /** Puts everything where a frame has it. */
  draw(frame) {
    set(this.element, { viewBox: `${frame.left} ${frame.top} ${frame.width} ${frame.height}` });
    Object.assign(this.element.style, {
      left: `${frame.left}px`, top: `${frame.top}px`,
      width: `${frame.width}px`, height: `${frame.height}px`,
    });
    const [x, y] = toPixel(frame, [0, 0]);
    const scale = 1 / unit(frame);
    set(this.units, { transform: `matrix(${scale} 0 0 ${-scale} ${x} ${y})` });
  }

  /** The posterior of one image at 1 and 2 sigma, to scale: {z, shape: [a, b, angle]}, or null. */
  posterior(group, frame, point) {
    const [cx, cy] = point ? toPixel(frame, point.z) : [];
    const [a, b, angle] = point?.shape ?? [];
    group.replaceChildren(
      ...(point ? SIGMAS : []).map((sigma) =>
        svg("ellipse", {
          cx, cy, "data-sigma": sigma, rx: (sigma * a) / unit(frame), ry: (sigma * b) / unit(frame),
          transform: angle ? `rotate(${(-angle * 180) / Math.PI} ${cx} ${cy})` : null,
        }),
      ),
    );
  }

  /** Lines from a place to its neighbours' places. */
  tie(frame, z, neighbours) {
    const [x1, y1] = z ? toPixel(frame, z) : [];
    this.ties.replaceChildren(
      ...neighbours.flatMap((point) => {
        const [x2, y2] = toPixel(frame, point.z);
        return [svg("line", { x1, y1, x2, y2 }), svg("circle", { cx: x2, cy: y2, r: 4.5, "data-index": point.index })];
      }),
    );
  }

  /** The place drawn from the pinned image's posterior. */
  mark(frame, z) {
    const [cx, cy] = z ? toPixel(frame, z) : [];
    set(this.sample, { cx, cy, visibility: z ? null : "hidden" });
  }
}
