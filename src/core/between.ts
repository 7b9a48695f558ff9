/**
 * Masks between two masks, by their signed distances: positive inside, negative outside, in pixels to the nearest pixel of the other kind.
 *
 *   inside at share t   where (1 - t) distance(a) + t distance(b) > 0                    Raya and Udupa (1990), shape-based interpolation
 */
import { ShapeError } from "./errors.ts";
import { type Mask, requireSameGrid } from "./grid.ts";
import { distanceTo } from "./regions.ts";

/**
 * @param a, b    neither empty: nothing has no shape to go to
 * @param shares  of the way from `a` (0) to `b` (1)
 * @returns       a mask for each share; `a` for 0 and `b` for 1
 * @throws {ShapeError} when the grids differ or a mask is empty
 */
export function masksBetween(a: Mask, b: Mask, shares: readonly number[]): Mask[] {
  requireSameGrid("masksBetween", a, b);
  const [from, to] = [signedDistance(a), signedDistance(b)];
  const { width, height } = a;
  return shares.map((share) => {
    const data = new Uint8Array(width * height);
    for (let i = 0; i < data.length; i++) data[i] = (1 - share) * from[i] + share * to[i] > 0 ? 1 : 0;
    return { width, height, data };
  });
}

/** Half a pixel less than to the next pixel's centre: the edge lies between two pixels. */
function signedDistance(mask: Mask): Float64Array {
  const outside = mask.data.map((value) => 1 - value);
  if (!mask.data.includes(1)) throw new ShapeError("masksBetween: there is no shape between a mask and an empty one.");
  // A mask that fills the grid is at no distance from its outside.
  const depth = outside.includes(1)
    ? distanceTo(outside, mask)
    : new Float64Array(outside.length).fill(mask.width + mask.height);
  const away = distanceTo(mask.data, mask);
  return depth.map((value, i) => (mask.data[i] === 1 ? value - 0.5 : 0.5 - away[i]));
}
