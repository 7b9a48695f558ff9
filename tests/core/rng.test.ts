import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";

test("the same seed gives the same numbers, another seed gives others", () => {
  const draw = (seed: number) =>
    Array.from(
      { length: 8 },
      (
        (rng) => () =>
          rng.nextUint32()
      )(Rng.seeded(seed)),
    );
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (a, b) => {
      expect(draw(a)).toEqual(draw(a));
      if (a !== b) expect(draw(a)).not.toEqual(draw(b));
    }),
  );
});

test("a derived generator does not depend on how far its parent has advanced only on its state and key", () => {
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
