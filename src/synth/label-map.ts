/**
 * Smooth random label maps: several smooth noise images, and at each pixel the number of the largest
 * (after SynthMorph: Hoffmann et al., IEEE TMI 41(3), 2022).
 */
import type { Rng } from "../core/index.ts";

/** Cells of the noise grid along one axis; fewer make larger, smoother regions. */
const CELLS = 4;

/** @returns [size, size], values 0 to labels - 1 */
export function smoothLabelMap(rng: Rng, size: number, labels: number): Uint8Array {
  const out = new Uint8Array(size * size);
  const best = new Float32Array(size * size).fill(Number.NEGATIVE_INFINITY);
  for (let label = 0; label < labels; label++) {
    const grid = rng.normals((CELLS + 1) * (CELLS + 1));
    for (let i = 0; i < size; i++) {
      const y = (i * CELLS) / size;
      const top = Math.floor(y) * (CELLS + 1);
      const fy = y - Math.floor(y);
      for (let j = 0; j < size; j++) {
        const x = (j * CELLS) / size;
        const k = top + Math.floor(x);
        const fx = x - Math.floor(x);
        const upper = grid[k] + fx * (grid[k + 1] - grid[k]);
        const lower = grid[k + CELLS + 1] + fx * (grid[k + CELLS + 2] - grid[k + CELLS + 1]);
        const value = upper + fy * (lower - upper);
        const p = i * size + j;
        if (value > best[p]) {
          best[p] = value;
          out[p] = label;
        }
      }
    }
  }
  return out;
}
