/**
 * Pixel grids: images, masks and partial segmentations, row-major with the row from the top, pixel (x, y) at y * width + x.
 * Integers are pixel centres; (0, 0) is the top left pixel.
 */
import { ShapeError } from "./errors.ts";

export interface Grid {
  readonly width: number;
  readonly height: number;
}

/** A gray image as it was stored: 16 bits stay 16 bits. */
export interface Image extends Grid {
  /** [H, W], intensities 0 to `maximum` */
  readonly data: Uint8Array | Uint16Array;
  /** Largest intensity the file's bit depth can hold: 255 or 65535. */
  readonly maximum: 255 | 65535;
}

/** Hard labels, each value 0 or 1. */
export interface Mask extends Grid {
  readonly data: Uint8Array;
}

/**
 * A partial segmentation {x_m, x_s}: which pixels have been segmented at all, and which are inside.
 * `segmentation` is 1 only where `partialness` is 1.
 */
export interface PartialSegmentation extends Grid {
  /** x_m: [H, W], 1 where the pixel has been segmented, inside or outside */
  readonly partialness: Uint8Array;
  /** x_s: [H, W], 1 where inside; 0 where outside or not yet segmented */
  readonly segmentation: Uint8Array;
}

/** A rectangle of whole pixels; `x` and `y` are its top left pixel. */
export interface Box extends Grid {
  readonly x: number;
  readonly y: number;
}

export function emptyMask({ width, height }: Grid): Mask {
  return { width, height, data: new Uint8Array(width * height) };
}

export function emptyPartial({ width, height }: Grid): PartialSegmentation {
  const size = width * height;
  return { width, height, partialness: new Uint8Array(size), segmentation: new Uint8Array(size) };
}

/** @throws {ShapeError} naming `what` and both sizes when the grids differ */
export function requireSameGrid(what: string, a: Grid, b: Grid): void {
  if (a.width !== b.width || a.height !== b.height)
    throw new ShapeError(`${what}: ${a.width}x${a.height} does not lie on ${b.width}x${b.height}.`);
}

/** The part of `box` that lies on the grid; width and height are 0 when nothing does. */
export function clipBox(box: Box, grid: Grid): Box {
  const x = Math.min(grid.width, Math.max(0, box.x));
  const y = Math.min(grid.height, Math.max(0, box.y));
  return {
    x,
    y,
    width: Math.max(0, Math.min(grid.width, box.x + box.width) - x),
    height: Math.max(0, Math.min(grid.height, box.y + box.height) - y),
  };
}

/** The smallest box around the non-zero values of `data` on `grid`, or null when there are none. */
export function boundsOf(data: Uint8Array, grid: Grid): Box | null {
  let left = grid.width;
  let right = -1;
  let top = -1;
  let bottom = -1;
  for (let y = 0; y < grid.height; y++) {
    const row = y * grid.width;
    for (let x = 0; x < grid.width; x++) {
      if (data[row + x] === 0) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (top < 0) top = y;
      bottom = y;
    }
  }
  return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/**
 * A copy of the part of `data` (on `grid`) inside `box`.
 *
 * @throws {ShapeError} when the box reaches past the grid
 */
export function crop<T extends Uint8Array | Uint16Array>(data: T, grid: Grid, box: Box): T {
  if (box.x < 0 || box.y < 0 || box.x + box.width > grid.width || box.y + box.height > grid.height)
    throw new ShapeError(
      `crop: ${box.width}x${box.height} at (${box.x}, ${box.y}) reaches past the ${grid.width}x${grid.height} grid.`,
    );
  const out = data.slice(0, box.width * box.height) as T;
  for (let y = 0; y < box.height; y++) {
    const from = (box.y + y) * grid.width + box.x;
    out.set(data.subarray(from, from + box.width), y * box.width);
  }
  return out;
}
