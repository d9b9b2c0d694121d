// Icons as strokes on a square of 16, since fonts differ in the signs they have.

import { svg } from "./dom.js";

const STROKES = {
  move: "M8 1v14M1 8h14M8 1L6 3M8 1l2 2M8 15l-2-2M8 15l2-2M1 8l2-2M1 8l2 2M15 8l-2-2M15 8l-2 2",
  box: "M2 3h12v10H2z",
  lasso: "M8 2.5c3.6 0 6 1.6 6 4s-2.4 4-6 4-6-1.6-6-4 2.4-4 6-4zM4.5 10c-1 1 .6 2 .2 4",
  screen: "M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4",
};

export const icon = (name) =>
  svg("svg", { class: "lm-icon", viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: STROKES[name] }));
