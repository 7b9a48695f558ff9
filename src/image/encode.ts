/** Masks to bytes. */
import { encode } from "fast-png";
import type { Mask } from "../core/index.ts";

/** An 8-bit gray PNG of the mask's own size, with indexed values: 0 outside, 1 inside (nearly black on a screen). */
export function encodeMaskPng({ width, height, data }: Mask): Uint8Array {
  return encode({ width, height, data, depth: 8, channels: 1 });
}
