import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { type AddedLabels, addedDice, choose, INSIDE, NOTHING, OUTSIDE } from "../../src/model/choose.ts";

const CELLS = 200;

const labels = fc.uint8Array({ minLength: CELLS, maxLength: CELLS, max: 2 });

/** Draws around a few shapes that differ, each shape with a little noise of its own. */
const clustered = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 30 }), fc.nat())
  .map(([shapes, count, seed]) => {
    const rng = Rng.seeded(seed);
    const originals = Array.from({ length: shapes }, () => Uint8Array.from({ length: CELLS }, () => rng.below(3)));
    return Array.from({ length: count }, () => noisy(originals[rng.below(shapes)], 0.02 + 0.05 * rng.uniform(), rng));
  });

function noisy(draw: AddedLabels, share: number, rng: Rng): AddedLabels {
  return draw.map((label) => (rng.uniform() < share ? rng.below(3) : label));
}

test("Dice of what two draws add is symmetric, 1 for equals, and tells inside from outside", () => {
  fc.assert(
    fc.property(labels, labels, (a, b) => {
      expect(addedDice(a, b)).toBe(addedDice(b, a));
      expect(addedDice(a, b)).toBeGreaterThanOrEqual(0);
      expect(addedDice(a, b)).toBeLessThanOrEqual(1);
      expect(addedDice(a, a)).toBe(1);
    }),
  );
  const [inside, outside] = [INSIDE, OUTSIDE].map((label) => new Uint8Array(CELLS).fill(label));
  expect(addedDice(inside, outside)).toBe(0);
});

test("chosen draws differ, at most as many as asked for, and each draw that adds something is counted once", () => {
  fc.assert(
    fc.property(clustered, fc.integer({ min: 1, max: 12 }), (draws, count) => {
      const chosen = choose(draws, count);
      expect(chosen.length).toBeGreaterThan(0);
      expect(chosen.length).toBeLessThanOrEqual(count);
      for (const [i, a] of chosen.entries())
        for (const b of chosen.slice(i + 1)) expect(addedDice(draws[a.draw], draws[b.draw])).toBeLessThan(0.97);
      expect(chosen.reduce((total, { count }) => total + count, 0)).toBe(draws.length);
    }),
  );
});

test("no exchange of one chosen draw for another brings the choice closer to all draws", () => {
  fc.assert(
    fc.property(clustered, fc.integer({ min: 1, max: 4 }), (draws, count) => {
      const chosen = choose(draws, count).map(({ draw }) => draw);
      // Near doubles count as the draw they were merged into, so the cost may differ by what they differ: 0.03 each.
      const slack = 0.03 * draws.length + 1e-9;
      const cost = costOf(chosen, draws);
      for (const i of chosen.keys())
        for (const other of draws.keys())
          expect(cost).toBeLessThanOrEqual(costOf(chosen.with(i, other), draws) + slack);
    }),
  );
});

test("clearly separate shapes are all found, each counted as often as it was drawn", () => {
  const shape = (label: number, from: number) =>
    Uint8Array.from({ length: CELLS }, (_, i) => (i >= from && i < from + 50 ? label : NOTHING));
  const [a, b, c] = [shape(INSIDE, 0), shape(OUTSIDE, 0), shape(INSIDE, 100)];
  expect(choose([a, b, a, c, a, b], 3)).toEqual([
    { draw: 0, count: 3 },
    { draw: 1, count: 2 },
    { draw: 3, count: 1 },
  ]);
  expect(choose([a, b, a, c, a, b], 8)).toHaveLength(3);
  expect(choose([c, a, b, a], 1)).toEqual([{ draw: 1, count: 4 }]);
});

test("draws that agree on at least 97 % are one, and below that they are two", () => {
  const a = new Uint8Array(CELLS).fill(INSIDE);
  const differing = (cells: number) => a.map((label, i) => (i < cells ? OUTSIDE : label));
  expect(choose([a, differing(6)], 4)).toEqual([{ draw: 0, count: 2 }]);
  expect(choose([a, differing(7)], 4)).toHaveLength(2);
});

test("draws that add nothing, or next to nothing, are not offered and not counted", () => {
  const specks = (cells: number) => new Uint8Array(CELLS).fill(INSIDE, 0, cells);
  expect(choose([specks(0), specks(1), specks(3)], 4)).toEqual([]);
  expect(choose([specks(0), specks(4), specks(3)], 4)).toEqual([{ draw: 1, count: 1 }]);
  expect(choose([], 4)).toEqual([]);
});

function costOf(chosen: readonly number[], draws: readonly AddedLabels[]): number {
  return draws.reduce(
    (total, draw) => total + Math.min(...chosen.map((medoid) => 1 - addedDice(draws[medoid], draw))),
    0,
  );
}
