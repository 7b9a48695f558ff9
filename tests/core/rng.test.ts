import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";

const words = (rng: Rng, count: number) => Array.from({ length: count }, () => rng.nextUint32());

test("the same seed gives the same numbers, another seed gives others", () => {
  const draw = (seed: number) => words(Rng.seeded(seed), 8);
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (a, b) => {
      expect(draw(a)).toEqual(draw(a));
      if (a !== b) expect(draw(a)).not.toEqual(draw(b));
    }),
  );
});

test("a derived generator depends on its parent's state and the key alone, and does not advance the parent", () => {
  const parent = Rng.seeded(3);
  const before = parent.at("noise").nextUint32();
  expect(parent.at("noise").nextUint32()).toBe(before);
  expect(parent.at("order").nextUint32()).not.toBe(before);
  expect(parent.at(1).nextUint32()).not.toBe(parent.at("1").nextUint32());
});

test("a generator goes on from its saved state", () => {
  const rng = Rng.seeded(11);
  rng.normals(5);
  const again = Rng.from(rng.state);
  expect(again.normals(5)).toEqual(rng.normals(5));
});

test("normal draws have mean 0, variance 1 and the tails of a Gaussian", () => {
  const draws = Rng.seeded(5).normals(200_000);
  const mean = draws.reduce((total, x) => total + x, 0) / draws.length;
  const variance = draws.reduce((total, x) => total + (x - mean) ** 2, 0) / draws.length;
  // Standard errors are 0.0022, 0.0032 and 0.00035; the bounds are about five of them.
  expect(Math.abs(mean)).toBeLessThan(0.012);
  expect(Math.abs(variance - 1)).toBeLessThan(0.016);
  expect(Math.abs(draws.filter((x) => Math.abs(x) > 1.96).length / draws.length - 0.05)).toBeLessThan(0.002);
});

test("the generator is sfc32, as an independent program computes it", () => {
  // Python, 32-bit words, state (1, 2, 3, 4): t = a + b + d; d += 1; a = b ^ b >> 9; b = c + (c << 3); c = rotl(c, 21) + t.
  expect(words(Rng.from([1, 2, 3, 4]), 8)).toEqual([
    7, 34, 56623200, 188882296, 3431242869, 399395954, 785775158, 3843710725,
  ]);
});

test("normal draws are the normal quantiles of the uniform ones, as an independent program computes them", () => {
  // Python 3's statistics.NormalDist().inv_cdf of the eight numbers above: both tails and the middle.
  const quantiles = [
    -5.906597343983775, -5.6497801750417365, -2.2207598335467065, -1.7062842270417293, 0.8376932092158412,
    -1.3225555204857062, -0.9041703646237127, 1.2532005893980498,
  ];
  const rng = Rng.from([1, 2, 3, 4]);
  // The approximation's own relative error is 1.15e-9.
  for (const quantile of quantiles) expect(Math.abs(rng.normal() / quantile - 1)).toBeLessThan(1.2e-9);
  const upper = Rng.from([1, 2, 3, 4]);
  const draws = Array.from({ length: 497 }, () => upper.normal());
  expect(Math.abs(draws[496] / 3.4921049230541694 - 1)).toBeLessThan(1.2e-9);
});

test("seeds and keys lead to the numbers they always led to", () => {
  // Trained models and held-out sets are named by their seeds: a change here makes all of them unrepeatable.
  expect(words(Rng.seeded(2026), 4)).toEqual([4175340547, 998476024, 3134788744, 4076210925]);
  expect(Rng.seeded(0).state).toEqual([629758309, -2111662577, -1540028078, 13]);
  expect(Rng.seeded(2 ** 40 + 5).state).toEqual([-484803698, -307888052, -991151801, 13]);
  expect(Rng.seeded(2026).at("batches").at(17).state).toEqual([-792635783, -2120784122, 1486277871, -1965849331]);
  expect(Rng.seeded(2026).at("17").state).toEqual([37946216, -1152182852, -1905025468, -1754393099]);
  expect(Rng.seeded(3).uniform()).toBe(0.5904280204558745);
  expect([...Rng.seeded(7).normals(3)]).toEqual([1.5077667236328125, -0.22924205660820007, 0.03476057946681976]);
  expect(Rng.seeded(9).shuffle([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([3, 8, 0, 2, 7, 1, 6, 5, 4, 9]);
});

test("100,000 steps and names each get a generator of their own", () => {
  const root = Rng.seeded(1);
  const states = new Set<string>();
  for (let i = 0; i < 50_000; i++) {
    states.add(root.at(i).state.join());
    states.add(root.at(`layer.${i}`).state.join());
  }
  expect(states.size).toBe(100_000);
});

test("below reaches every value and nothing else, about equally often", () => {
  const rng = Rng.seeded(4);
  const counts = new Array<number>(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[rng.below(7)]++;
  expect(counts).toHaveLength(7);
  // Standard deviation of each count is 93.
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
});

test("a shuffle keeps what it shuffles", () => {
  fc.assert(
    fc.property(fc.nat(), fc.array(fc.integer()), (seed, items) => {
      const shuffled = Rng.seeded(seed).shuffle([...items]);
      expect(shuffled.sort((a, b) => a - b)).toEqual([...items].sort((a, b) => a - b));
    }),
  );
});
