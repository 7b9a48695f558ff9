/** Masks for the tests of this folder. */
import type { Grid, Image } from "../../src/core/index.ts";

export function rectangle(grid: Grid, x: number, y: number, width: number, height: number): Uint8Array {
  return Uint8Array.from({ length: grid.width * grid.height }, (_, i) => {
    const [column, row] = [i % grid.width, Math.floor(i / grid.width)];
    return Number(column >= x && column < x + width && row >= y && row < y + height);
  });
}

export function union(...masks: readonly Uint8Array[]): Uint8Array {
  return masks[0].map((_, i) => Number(masks.some((mask) => mask[i] === 1)));
}

/** Bright where the mask is on, dark elsewhere. */
export function imageOf(mask: Uint8Array, { width, height }: Grid): Image {
  return { width, height, data: mask.map((value) => 40 + 160 * value), maximum: 255 };
}

export function count(mask: Uint8Array): number {
  return mask.reduce((sum, value) => sum + value, 0);
}
