/** The cases whose gradients and first steps are kept as golden data (tests/fixtures/engine/make.py). */
import { type Case, paperCase, unetCase } from "./cases.ts";

/** By the name of their files. */
export function goldenCases(): Readonly<Record<string, Case>> {
  return {
    paper: paperCase(4),
    unet: unetCase({ count: 2, size: 32, widths: [8, 16, 24, 24], groups: 4 }),
  };
}
