import fc from "fast-check";
import { expect, test } from "vitest";
import { blurredWith, type Grid, Rng } from "../../src/core/index.ts";

/** The definition: a sum over both axes at once, pixels past an edge being those on it. */
function slowBlur(values: Float32Array, { width, height }: Grid, sigma: number): number[] {
  const radius = Math.ceil(3 * sigma);
  const weight = (d: number) => Math.exp((-d * d) / (2 * sigma * sigma));
  return Array.from(values, (_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    let [sum, total] = [0, 0];
    for (let dy = -radius; dy <= radius; dy++)
      for (let dx = -radius; dx <= radius; dx++) {
        const [px, py] = [Math.min(width - 1, Math.max(0, x + dx)), Math.min(height - 1, Math.max(0, y + dy))];
        const w = weight(dx) * weight(dy);
        sum += w * values[py * width + px];
        total += w;
      }
    return sum / total;
  });
}

const scenes = fc.record({
  width: fc.integer({ min: 1, max: 9 }),
  height: fc.integer({ min: 1, max: 9 }),
  sigma: fc.constantFrom(0.3, 0.8, 1.3, 2.5),
  seed: fc.nat(),
});

test("blurring along rows and then columns is the two-dimensional sum of the definition", () => {
  fc.assert(
    fc.property(scenes, ({ width, height, sigma, seed }) => {
      const values = Rng.seeded(seed).normals(width * height);
      const blurred = blurredWith(values, { width, height }, sigma);
      // Two sums of up to 17 float32 products: a few times 6e-8 of the values, which are below 5.
      for (const [i, value] of slowBlur(values, { width, height }, sigma).entries())
        expect(blurred[i]).toBeCloseTo(value, 5);
    }),
    { numRuns: 60 },
  );
});

test("what is even stays as it is, and nothing leaves the range of the values", () => {
  fc.assert(
    fc.property(scenes, ({ width, height, sigma, seed }) => {
      const grid = { width, height };
      const values = Rng.seeded(seed).normals(width * height);
      for (const value of blurredWith(new Float32Array(width * height).fill(0.7), grid, sigma))
        expect(value).toBeCloseTo(0.7, 6);
      const [least, most] = [Math.min(...values), Math.max(...values)];
      for (const value of blurredWith(values, grid, sigma)) {
        expect(value).toBeGreaterThan(least - 1e-5);
        expect(value).toBeLessThan(most + 1e-5);
      }
    }),
  );
});

test("blurring changes no value of what it is given", () => {
  const values = Rng.seeded(1).normals(20);
  const before = values.slice();
  blurredWith(values, { width: 5, height: 4 }, 1);
  expect(values).toEqual(before);
});
