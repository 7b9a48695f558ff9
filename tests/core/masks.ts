/** Small random masks, from single pixels to whole grids, as speckle and as rounded regions; and the slow geometry they are tested with. */
import fc from "fast-check";
import { type Grid, Rng } from "../../src/core/index.ts";

export interface Drawn {
  readonly grid: Grid;
  /** [H, W], 0 or 1 */
  readonly mask: Uint8Array;
}

export const masks = (longest = 14): fc.Arbitrary<Drawn> =>
  fc
    .record({
      width: fc.integer({ min: 1, max: longest }),
      height: fc.integer({ min: 1, max: longest }),
      seed: fc.nat(),
      share: fc.constantFrom(0.05, 0.3, 0.6, 0.95),
      isRound: fc.boolean(),
    })
    .map(({ width, height, seed, share, isRound }) => {
      const rng = Rng.seeded(seed);
      const grid = { width, height };
      const mask = new Uint8Array(width * height);
      if (isRound) for (let k = 0; k < 3; k++) addDisk(mask, grid, rng);
      else for (let i = 0; i < mask.length; i++) mask[i] = Number(rng.uniform() < share);
      return { grid, mask };
    });

/** A mask that is not empty. */
export const regions = (longest?: number) => masks(longest).filter(({ mask }) => mask.includes(1));

function addDisk(mask: Uint8Array, { width, height }: Grid, rng: Rng): void {
  const [x, y, radius] = [rng.between(0, width), rng.between(0, height), rng.between(0.5, Math.max(width, height) / 3)];
  for (let i = 0; i < mask.length; i++)
    if (Math.hypot((i % width) - x, Math.floor(i / width) - y) <= radius) mask[i] = 1;
}

export const place = (i: number, { width }: Grid): [number, number] => [i % width, Math.floor(i / width)];

export const pixelsOf = (mask: ArrayLike<number>): number[] =>
  Array.from(mask, (_, i) => i).filter((i) => mask[i] !== 0);

/** Whether two pixels touch, by sides or corners. */
export function touch(i: number, j: number, grid: Grid): boolean {
  const [[ax, ay], [bx, by]] = [place(i, grid), place(j, grid)];
  return i !== j && Math.abs(ax - bx) <= 1 && Math.abs(ay - by) <= 1;
}
