// Contour lines of a field on a lattice: marching squares. No imports.

/**
 * The segments [x1, y1, x2, y2] along which a field has a level. Node (column, row) of the n x n
 * lattice has the value `at(column, row)`; so have the segments its units, 0 to n - 1.
 */
export function contour(at, n, level) {
  const segments = [];
  for (let row = 0; row < n - 1; row++) {
    for (let column = 0; column < n - 1; column++) {
      // corners clockwise from the top left; an edge is crossed between corners on two sides
      const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([dx, dy]) => [column + dx, row + dy]);
      const values = corners.map(([x, y]) => at(x, y) - level);
      const crossings = [];
      for (let i = 0; i < 4; i++) {
        const [a, b] = [values[i], values[(i + 1) % 4]];
        if (a < 0 === b < 0) continue;
        const [[x0, y0], [x1, y1]] = [corners[i], corners[(i + 1) % 4]];
        const share = a / (a - b);
        crossings.push([x0 + share * (x1 - x0), y0 + share * (y1 - y0)]);
      }
      if (crossings.length === 2) segments.push([...crossings[0], ...crossings[1]]);
      if (crossings.length === 4) segments.push(...saddle(crossings, values));
    }
  }
  return segments;
}

/** Two corners above and two below, crosswise: the middle says which of them are joined. */
function saddle([top, right, bottom, left], values) {
  const middle = values.reduce((sum, value) => sum + value, 0);
  return middle < 0 === values[0] < 0
    ? [[...top, ...right], [...bottom, ...left]]
    : [[...top, ...left], [...bottom, ...right]];
}
