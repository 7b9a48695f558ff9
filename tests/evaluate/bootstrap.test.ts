import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { estimate } from "../../src/evaluate/index.ts";

test("the interval of a mean is its value plus and minus 1.96 standard errors", () => {
  const rng = Rng.seeded(4);
  const shares = Array.from({ length: 1000 }, () => ({ total: 10 + rng.normal(), count: 1 }));
  const { value, low, high } = estimate(shares, Rng.seeded(1));
  const mean = shares.reduce((sum, { total }) => sum + total, 0) / 1000;
  expect(value).toBeCloseTo(mean, 12);
  // Standard error 1 / sqrt(1000) = 0.0316; the quantiles of 2,000 resamples scatter by about a tenth of it.
  expect(value - low).toBeCloseTo(1.96 * 0.0316, 2);
  expect(high - value).toBeCloseTo(1.96 * 0.0316, 2);
});

test("images that count more weigh more", () => {
  const shares = [
    { total: 3, count: 3 },
    { total: 0, count: 1 },
  ];
  expect(estimate(shares, Rng.seeded(1)).value).toBe(0.75);
});

test("95 % intervals of a ratio hold the truth in about 95 of 100 samples", () => {
  const rng = Rng.seeded(9);
  let held = 0;
  for (let trial = 0; trial < 200; trial++) {
    const shares = Array.from({ length: 100 }, () => {
      const count = 1 + rng.below(3);
      return {
        count,
        total: Array.from({ length: count }, () => (rng.uniform() < 0.3 ? 1 : 0)).reduce<number>((a, b) => a + b, 0),
      };
    });
    const { low, high } = estimate(shares, rng.at(trial));
    if (low <= 0.3 && 0.3 <= high) held++;
  }
  // A binomial of 200 and 0.95 has mean 190 and standard deviation 3.1.
  expect(held).toBeGreaterThan(177);
  expect(held).toBeLessThan(200);
});
