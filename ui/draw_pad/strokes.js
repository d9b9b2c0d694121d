// Strokes as numbers: in units of the pad's side, x to the right and y down. No imports.

const CLOSE = 0.004; // points nearer than this to the last say nothing new
const clamp = (value) => Math.min(Math.max(value, 0), 1);
const round = (value) => Math.round(value * 1e4) / 1e4;

/** A pointer's place on the pad, which lies at `box` on the page. */
export const placeOn = (box, { clientX, clientY }) => [
  round(clamp((clientX - box.left) / box.width)),
  round(clamp((clientY - box.top) / box.height)),
];

/** Adds a point to a stroke unless it says nothing new. */
export function extend(stroke, [x, y]) {
  const last = stroke.points.at(-1);
  if (last && Math.hypot(x - last[0], y - last[1]) < CLOSE) return false;
  stroke.points.push([x, y]);
  return true;
}

/** Draws strokes on a square context of `side` pixels, with the colour that it has. */
export function drawStrokes(context, strokes, side) {
  context.lineCap = context.lineJoin = "round";
  for (const { width, points } of strokes) {
    context.lineWidth = width * side;
    context.beginPath();
    context.moveTo(points[0][0] * side, points[0][1] * side);
    for (const [x, y] of points) context.lineTo(x * side, y * side); // a dot is a line to itself
    context.stroke();
  }
}
