// A plane through many latent units: which code a place of it is, and where a code is seen in it.
// A slice is {origin, basis}; null where two units are the whole space. No imports.

/** The code at a place [u, v]: origin + u b1 + v b2. */
export const codeAt = (slice, [u, v]) =>
  slice ? slice.origin.map((at, unit) => at + u * slice.basis[0][unit] + v * slice.basis[1][unit]) : [u, v];

/** The place nearest to a code: its projection. */
export const placeOf = (slice, code) =>
  slice
    ? slice.basis.map((direction) =>
        direction.reduce((sum, share, unit) => sum + share * (code[unit] - slice.origin[unit]), 0))
    : code;

/** Latent units by what an image costs in them, the dearest first. */
export const byCost = (kl) => kl.map((_, unit) => unit).sort((a, b) => kl[b] - kl[a]);

/** A latent unit's name: z₁, z₂, ... */
export const unitName = (unit, letter = "z") =>
  letter + String(unit + 1).replace(/\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)));
