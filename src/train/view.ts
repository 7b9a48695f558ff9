/** A random window on an annotated image: turned, mirrored, scaled and moved, read at the network's size. */
import type { Grid, Rng } from "../core/index.ts";

/** Maps window cells to image pixels: x = ax u + bx v + cx, with u, v from -1/2 to 1/2 across the window. */
export interface View {
  readonly x: readonly [number, number, number];
  readonly y: readonly [number, number, number];
}

/** Share of views that show the whole image. */
const WHOLE_SHARE = 0.65;
/** Window size over the target's longer side in the other views. */
const ROOM = [1.3, 4] as const;
const LEAST_SIZE = 48;

/** @param around  the target's bounds, in image pixels */
export function drawView(rng: Rng, image: Grid, around: { x: number; y: number; width: number; height: number }): View {
  const whole = Math.max(image.width, image.height);
  const isWhole = rng.uniform() < WHOLE_SHARE;
  const longer = Math.max(around.width, around.height);
  const size = isWhole
    ? whole * rng.between(0.9, 1.1)
    : Math.min(1.1 * whole, Math.max(LEAST_SIZE, longer * rng.between(...ROOM)));
  const off = isWhole ? 0.05 * whole : 0.25 * Math.max(0, size - longer);
  const [midX, midY] = isWhole
    ? [image.width / 2, image.height / 2]
    : [around.x + around.width / 2, around.y + around.height / 2];
  const turn = rng.uniform() < 0.4 ? rng.between(-Math.PI, Math.PI) : rng.between(-0.15, 0.15);
  const [sx, sy] = [size * Math.exp(0.08 * rng.normal()), size * Math.exp(0.08 * rng.normal())];
  const mirror = rng.uniform() < 0.5 ? -1 : 1;
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  return {
    x: [mirror * sx * cos, -sy * sin, midX + rng.between(-off, off)],
    y: [mirror * sx * sin, sy * cos, midY + rng.between(-off, off)],
  };
}

/** Where the centre of cell (column, row) of `size` lies, in image pixels from the image's corner. */
function at({ x, y }: View, column: number, row: number, size: number): [number, number] {
  const [u, v] = [(column + 0.5) / size - 0.5, (row + 0.5) / size - 0.5];
  return [x[0] * u + x[1] * v + x[2], y[0] * u + y[1] * v + y[2]];
}

/** Bilinear at half-pixel centres; a cell off the image gets `beyond`. @returns [size, size] */
export function readValues(
  view: View,
  size: number,
  data: ArrayLike<number>,
  offset: number,
  { width, height }: Grid,
  beyond: number,
): Float32Array {
  const out = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [px, py] = at(view, column, row, size);
      if (px < 0 || py < 0 || px >= width || py >= height) {
        out[row * size + column] = beyond;
        continue;
      }
      const [fx, fy] = [px - 0.5, py - 0.5];
      const [x0, y0] = [Math.floor(fx), Math.floor(fy)];
      const [tx, ty] = [fx - x0, fy - y0];
      const [left, right] = [Math.max(0, x0), Math.min(width - 1, x0 + 1)];
      const [top, bottom] = [offset + Math.max(0, y0) * width, offset + Math.min(height - 1, y0 + 1) * width];
      const upper = data[top + left] + tx * (data[top + right] - data[top + left]);
      const lower = data[bottom + left] + tx * (data[bottom + right] - data[bottom + left]);
      out[row * size + column] = upper + ty * (lower - upper);
    }
  }
  return out;
}

/** The value of the pixel that each cell's centre lies in. */
export function readNearest(
  view: View,
  size: number,
  data: Uint8Array,
  offset: number,
  { width, height }: Grid,
): Uint8Array {
  const out = new Uint8Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [px, py] = at(view, column, row, size).map(Math.floor);
      if (px >= 0 && py >= 0 && px < width && py < height) out[row * size + column] = data[offset + py * width + px];
    }
  }
  return out;
}

/** 1 where the cell's centre lies on the image. */
export function readOnImage(view: View, size: number, { width, height }: Grid): Uint8Array {
  const out = new Uint8Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [px, py] = at(view, column, row, size);
      out[row * size + column] = Number(px >= 0 && py >= 0 && px < width && py < height);
    }
  }
  return out;
}
