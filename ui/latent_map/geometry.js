// Pure geometry: pixels and places, the nearest of many points, labels that keep apart. No imports.

/**
 * A frame says where a plot lies in its element and what it shows: {left, top, width, height} in
 * pixels, {x0, x1, y0, y1} in units of z. The y axis points upwards.
 */
export const toPlace = (frame, px, py) => [
  frame.x0 + ((px - frame.left) / frame.width) * (frame.x1 - frame.x0),
  frame.y1 - ((py - frame.top) / frame.height) * (frame.y1 - frame.y0),
];

export const toPixel = (frame, [x, y]) => [
  frame.left + ((x - frame.x0) / (frame.x1 - frame.x0)) * frame.width,
  frame.top + ((frame.y1 - y) / (frame.y1 - frame.y0)) * frame.height,
];

export const inFrame = (frame, px, py) =>
  px >= frame.left &&
  px <= frame.left + frame.width &&
  py >= frame.top &&
  py <= frame.top + frame.height;

/** Units of z in a pixel; the axes are equal. */
export const unit = (frame) => (frame.x1 - frame.x0) / frame.width;

/** A frame's ranges zoomed by a factor about a place, which stays where it is on the screen. */
export function zoomed({ x0, x1, y0, y1 }, factor, [x, y]) {
  return {
    x0: x + (x0 - x) / factor,
    x1: x + (x1 - x) / factor,
    y0: y + (y0 - y) / factor,
    y1: y + (y1 - y) / factor,
  };
}

/** Whether a place lies inside a closed outline of corners, by the even-odd rule. */
export function inside(outline, x, y) {
  let within = false;
  for (let i = 0; i < outline.length; i++) {
    const [ax, ay] = outline[i];
    const [bx, by] = outline.at(i - 1);
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) within = !within;
  }
  return within;
}

/** An outline with at most so many corners: those go first that span least with their neighbours. */
export function simplified(outline, limit) {
  const kept = outline.filter(
    ([x, y], i) => i === 0 || x !== outline[i - 1][0] || y !== outline[i - 1][1],
  );
  const area = (i) => {
    const [[ax, ay], [bx, by], [cx, cy]] = [kept.at(i - 1), kept[i], kept[(i + 1) % kept.length]];
    return Math.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay));
  };
  while (kept.length > limit) {
    let least = 0;
    for (let i = 1; i < kept.length; i++) if (area(i) < area(least)) least = i;
    kept.splice(least, 1);
  }
  return kept;
}

/**
 * Many points, ready to be asked which is nearest. Sorted by x: a look-up bisects and then reads a
 * narrow band, however far a few codes may lie from all others.
 */
export class Points {
  constructor(x, y, index, label) {
    this.order = Uint32Array.from(x.keys()).sort((a, b) => x[a] - x[b]);
    this.x = Float32Array.from(this.order, (i) => x[i]);
    this.y = Float32Array.from(this.order, (i) => y[i]);
    this.index = Uint32Array.from(this.order, (i) => index[i]);
    this.label = Uint16Array.from(this.order, (i) => label[i]);
    this.rank = new Map(Array.from(this.index, (index, rank) => [index, rank]));
  }

  /** The point nearest to a place within a radius, of the classes that count; or null. */
  nearest(x, y, radius, counts = () => true) {
    let best = null;
    let bestSquare = radius * radius;
    for (let i = this.firstFrom(x - radius); i < this.x.length && this.x[i] <= x + radius; i++) {
      const square = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (square <= bestSquare && counts(this.label[i])) {
        best = i;
        bestSquare = square;
      }
    }
    return best === null ? null : this.at(best);
  }

  /** The k points nearest to a place, nearest first, without one that is itself there. */
  nearestFew(x, y, k, without) {
    const found = []; // [square, rank], rising
    for (let i = 0; i < this.x.length; i++) {
      const square = (this.x[i] - x) ** 2 + (this.y[i] - y) ** 2;
      if (found.length === k && square >= found[k - 1][0]) continue;
      if (this.index[i] === without) continue;
      const place = found.findIndex(([other]) => square < other);
      found.splice(place < 0 ? found.length : place, 0, [square, i]);
      if (found.length > k) found.pop();
    }
    return found.map(([, i]) => this.at(i));
  }

  /** The point that belongs to an image of the gallery. */
  of(index) {
    return this.rank.has(index) ? this.at(this.rank.get(index)) : null;
  }

  at(i) {
    return { index: this.index[i], label: this.label[i], z: [this.x[i], this.y[i]] };
  }

  firstFrom(x) {
    let low = 0;
    let high = this.x.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.x[middle] < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Moves pixel positions apart until no two are closer than a gap; the first of equals goes left. */
export function spread(places, gap, rounds = 60) {
  const moved = places.map(([x, y]) => [x, y]);
  for (let round = 0; round < rounds; round++) {
    let still = true;
    for (let i = 1; i < moved.length; i++) {
      for (let j = 0; j < i; j++) {
        const dx = moved[i][0] - moved[j][0];
        const dy = moved[i][1] - moved[j][1];
        const distance = Math.hypot(dx, dy);
        if (distance >= gap) continue;
        const push = (gap - distance) / 2 + 0.1;
        const [ux, uy] = distance > 0 ? [dx / distance, dy / distance] : [1, 0];
        moved[i] = [moved[i][0] + push * ux, moved[i][1] + push * uy];
        moved[j] = [moved[j][0] - push * ux, moved[j][1] - push * uy];
        still = false;
      }
    }
    if (still) break;
  }
  return moved;
}
