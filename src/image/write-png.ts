/** Colour pictures (figures, contact sheets) and label values as PNG files. */
import { encode } from "fast-png";
import type { Grid } from "../core/index.ts";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** [H, W, 3], red, green, blue */
  readonly data: Uint8Array;
}

export function encodePicture({ width, height, data }: Picture): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 3 });
}

/** @param labels  [H, W], 0 to 255, written as they are: 8-bit gray, nearly black on a screen */
export function encodeLabels(labels: Uint8Array, { width, height }: Grid): Uint8Array {
  return encode({ width, height, data: labels, depth: 8, channels: 1 });
}
