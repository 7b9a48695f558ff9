/**
 * Smooth random label maps: several smooth noise images, and at each pixel the number of the largest
 * (after SynthMorph: Hoffmann et al., IEEE TMI 41(3), 2022).
 */
import type { Rng } from "../core/index.ts";

/** Cells of the noise grid along one axis; fewer make larger, smoother regions. */
const CELLS = 4;
const POINTS = CELLS + 1;

/** @returns [size, size], values 0 to labels - 1 */
export function smoothLabelMap(rng: Rng, size: number, labels: number): Uint8Array {
  const noise = rng.normals(labels * POINTS * POINTS); // [labels, POINTS, POINTS]
  const map = new Uint8Array(size * size);
  for (let i = 0; i < size; i++) {
    const y = (i * CELLS) / size;
    const fy = y - Math.floor(y);
    for (let j = 0; j < size; j++) {
      const x = (j * CELLS) / size;
      const fx = x - Math.floor(x);
      let k = Math.floor(y) * POINTS + Math.floor(x);
      let best = Number.NEGATIVE_INFINITY;
      for (let label = 0; label < labels; label++, k += POINTS * POINTS) {
        const upper = noise[k] + fx * (noise[k + 1] - noise[k]);
        const lower = noise[k + POINTS] + fx * (noise[k + POINTS + 1] - noise[k + POINTS]);
        const value = upper + fy * (lower - upper);
        if (value <= best) continue;
        best = Math.fround(value);
        map[i * size + j] = label;
      }
    }
  }
  return map;
}
