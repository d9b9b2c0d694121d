// The decoded plane in memory: which tile covers a place, and the picture blended from its decodes.
// A lattice holds (cells + 1)² decodes of `size` bytes each, row by row from the top left. No imports.

const FINE = 3; // level of the tiles that previews are blended from at home: 128 cells a side

/** The home square of a plane {center, half}, measured from its top left corner. */
export function squareOf({ center: [x, y], half }) {
  return { left: x - half, top: y + half, side: 2 * half };
}

/** The tile of a level that covers a place. */
export function tileAt(square, level, x, y) {
  const n = 2 ** level;
  return {
    level,
    column: Math.floor(((x - square.left) / square.side) * n),
    row: Math.floor(((square.top - y) / square.side) * n),
  };
}

/** The level that previews are blended from: finer by one with each doubling of the zoom. */
export function previewLevel({ half }, { x0, x1 }, maxLevel) {
  const depth = Math.floor(Math.log2((2 * half) / (x1 - x0)));
  return Math.min(FINE + Math.max(depth, 0), maxLevel);
}

/** The cell of a tile that holds a place, and how far right and down in it the place lies (0..1). */
export function cellAt(square, tile, cells, x, y) {
  const n = 2 ** tile.level;
  const u = (((x - square.left) / square.side) * n - tile.column) * cells;
  const v = (((square.top - y) / square.side) * n - tile.row) * cells;
  const column = Math.min(Math.max(Math.floor(u), 0), cells - 1);
  const row = Math.min(Math.max(Math.floor(v), 0), cells - 1);
  return { column, row, right: u - column, down: v - row };
}

/** Writes the bilinear blend of a cell's four corner decodes into `out`. */
export function blend(lattice, cells, size, { column, row, right, down }, out) {
  const a = (row * (cells + 1) + column) * size;
  const b = a + size;
  const c = a + (cells + 1) * size;
  const d = c + size;
  const wa = (1 - right) * (1 - down);
  const wb = right * (1 - down);
  const wc = (1 - right) * down;
  const wd = right * down;
  for (let i = 0; i < size; i++) {
    // + 0.5: a byte array cuts off what it should round
    out[i] = wa * lattice[a + i] + wb * lattice[b + i] + wc * lattice[c + i] + wd * lattice[d + i] + 0.5;
  }
  return out;
}

/** Cuts the RGBA pixels of a sprite of `nodes` x `nodes` decodes into a lattice of C, H, W bytes. */
export function latticeOf(rgba, nodes, [channels, height, width]) {
  const lattice = new Uint8Array(nodes * nodes * channels * height * width);
  const stride = nodes * width;
  let to = 0;
  for (let node = 0; node < nodes * nodes; node++) {
    const corner = Math.floor(node / nodes) * height * stride + (node % nodes) * width;
    for (let channel = 0; channel < channels; channel++) {
      for (let y = 0; y < height; y++) {
        let from = 4 * (corner + y * stride) + channel;
        for (let x = 0; x < width; x++, from += 4) lattice[to++] = rgba[from];
      }
    }
  }
  return lattice;
}

export const nameOf = ({ level, column, row }) => `${level}/${column}/${row}`;

const AT_ONCE = 4; // requests under way
const PATIENCE = 24; // requests that wait; older ones are for places the pointer has left

/**
 * The tiles of one run: fetched when wanted, the latest wish first, the longest unused forgotten.
 * `load(tile)` promises a lattice; `arrived(tile)` hears of each new one.
 */
export class Tiles {
  constructor({ square, cells, maxLevel, reach, size, load, arrived, limit = 192 }) {
    Object.assign(this, { square, cells, maxLevel, reach, size, load, arrived, limit });
    this.lattices = new Map(); // in order of use
    this.promises = new Map();
    this.waiting = [];
    this.closed = false;
  }

  /** Blends the picture at a place from the finest tile at hand; returns its level, or -1. */
  preview(x, y, out) {
    for (let level = this.maxLevel; level >= 0; level--) {
      const tile = tileAt(this.square, level, x, y);
      const lattice = this.get(tile);
      if (!lattice) continue;
      blend(lattice, this.cells, this.size, cellAt(this.square, tile, this.cells, x, y), out);
      return level;
    }
    return -1;
  }

  get(tile) {
    const name = nameOf(tile);
    const lattice = this.lattices.get(name);
    if (lattice) {
      this.lattices.delete(name);
      this.lattices.set(name, lattice);
    }
    return lattice;
  }

  exists({ level, column, row }) {
    const side = 2 ** level;
    const inside = (i) => i >= -this.reach * side && i < (this.reach + 1) * side;
    return level >= 0 && level <= this.maxLevel && inside(column) && inside(row);
  }

  /** Promises a tile's lattice; null when it was given up for later wishes or does not exist. */
  want(tile) {
    const name = nameOf(tile);
    if (this.lattices.has(name)) return Promise.resolve(this.get(tile));
    if (!this.exists(tile)) return Promise.resolve(null);
    if (!this.promises.has(name)) {
      this.promises.set(
        name,
        new Promise((resolve, reject) => this.waiting.push({ tile, name, resolve, reject })),
      );
      while (this.waiting.length > PATIENCE) this.settle(this.waiting.shift(), null);
      this.work();
    }
    return this.promises.get(name);
  }

  work() {
    const busy = this.promises.size - this.waiting.length;
    for (let free = AT_ONCE - busy; free > 0 && this.waiting.length; free--) {
      const wish = this.waiting.pop();
      this.load(wish.tile).then(
        (lattice) => this.settle(wish, lattice),
        (error) => this.settle(wish, null, error),
      );
    }
  }

  settle({ tile, name, resolve, reject }, lattice, error) {
    this.promises.delete(name);
    if (lattice && !this.closed) {
      this.lattices.set(name, lattice);
      if (this.lattices.size > this.limit) this.lattices.delete(this.lattices.keys().next().value);
      this.arrived?.(tile);
    }
    if (error) reject(error);
    else resolve(lattice);
    this.work();
  }

  close() {
    this.closed = true;
    for (const wish of this.waiting.splice(0)) this.settle(wish, null);
    this.lattices.clear();
  }
}
