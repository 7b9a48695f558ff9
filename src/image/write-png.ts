/** Colour pictures (figures, contact sheets) and label values as PNG files. */
import { encode } from "fast-png";
import type { Grid, Image } from "../core/index.ts";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** [H, W, 3], red, green, blue */
  readonly data: Uint8Array;
}

export function encodePicture({ width, height, data }: Picture): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 3 });
}

/** @param labels  [H, W], written as they are, in 8 or 16 bits: nearly black on a screen */
export function encodeLabels(labels: Uint8Array | Uint16Array, { width, height }: Grid): Uint8Array {
  return encode({ width, height, data: labels, depth: labels instanceof Uint8Array ? 8 : 16, channels: 1 });
}

/** Every intensity as it is; nothing else of the file that it came from. */
export function encodeImagePng({ width, height, data }: Image): Uint8Array {
  return encodeLabels(data, { width, height });
}
