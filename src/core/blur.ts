/** Gaussian blur of values on a grid: separable, cut off at three deviations, edges held. */
import type { Grid } from "./grid.ts";

/** @param sigma  in pixels */
export function blurredWith(values: Float32Array, { width, height }: Grid, sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const kernel = Float32Array.from({ length: 2 * radius + 1 }, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * sigma * sigma)),
  );
  const total = kernel.reduce((sum, value) => sum + value, 0);
  const normal = kernel.map((value) => value / total);
  const out = new Float32Array(values.length);
  for (let y = 0; y < height; y++) blurLine(values, y * width, 1, width, normal, out);
  const across = out.slice();
  for (let x = 0; x < width; x++) blurLine(across, x, width, height, normal, out);
  return out;
}

function blurLine(
  values: Float32Array,
  start: number,
  step: number,
  length: number,
  kernel: Float32Array,
  out: Float32Array,
): void {
  const radius = (kernel.length - 1) / 2;
  // The line with its ends held, so that the inner loop asks nothing.
  const line = new Float32Array(length + 2 * radius);
  for (let i = 0; i < line.length; i++) line[i] = values[start + step * Math.min(length - 1, Math.max(0, i - radius))];
  for (let i = 0; i < length; i++) {
    let sum = 0;
    for (let k = 0; k < kernel.length; k++) sum += kernel[k] * line[i + k];
    out[start + step * i] = sum;
  }
}
