/** Colour pictures as PNG files: figures and contact sheets. */
import { encode } from "fast-png";

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** [H, W, 3], red, green, blue */
  readonly data: Uint8Array;
}

export function encodePicture({ width, height, data }: Picture): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 3 });
}
