/** Properties of the disks: what the paper's section 3 says of the data, and what training relies on. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng, UsageError } from "../../src/core/index.ts";
import { DISKS, type DiskOptions, makeDiskImage, makeDiskSet } from "../../src/synth/index.ts";

const options = fc.record({
  size: fc.constantFrom(16, 32, 48),
  disks: fc.integer({ min: 1, max: 3 }),
  radius: fc.tuple(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 4, max: 6 })),
  background: fc.constantFrom([0, 0], [0.3, 0.6], [0, 1]) as fc.Arbitrary<[number, number]>,
  intensity: fc.constantFrom([0, 1], [0.1, 1]) as fc.Arbitrary<[number, number]>,
  contrast: fc.constantFrom(0, 0.05, 0.1, 0.14),
  noise: fc.constantFrom(0, 0.02, 0.3),
}) satisfies fc.Arbitrary<DiskOptions>;

const sum = (mask: Uint8Array) => mask.reduce((total, value) => total + value, 0);

test("disks are disjoint, and masks hold 0 and 1", () => {
  fc.assert(
    fc.property(fc.nat(), options, (seed, opts) => {
      const { disks } = makeDiskImage(Rng.seeded(seed), opts);
      expect(disks).toHaveLength(opts.disks);
      const owners = disks[0].map((_, i) => disks.reduce((total, disk) => total + disk[i], 0));
      expect(owners.every((count) => count === 0 || count === 1)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("the last disk is whole within its radius, and of each other at least half is visible", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { disks } = makeDiskImage(Rng.seeded(seed), DISKS);
      const [least, most] = DISKS.radius;
      // A centre at half a radius from two edges leaves 0.61 of the disk: each cuts off a cap of 0.195.
      for (const disk of disks) {
        expect(sum(disk)).toBeGreaterThan(0.5 * 0.61 * Math.PI * (least - 0.5) ** 2);
        expect(sum(disk)).toBeLessThan(Math.PI * (most + 0.5) ** 2);
      }
      const last = disks[disks.length - 1];
      const inside = [...last.keys()].filter((i) => last[i]);
      // Convex: the pixel halfway between any two of its pixels is its own as well.
      const hasMiddle = (a: number, b: number) => {
        const x = ((a % 32) + (b % 32)) / 2;
        const y = (Math.floor(a / 32) + Math.floor(b / 32)) / 2;
        return !Number.isInteger(x) || !Number.isInteger(y) || last[y * 32 + x] === 1;
      };
      expect(inside.every((a) => inside.slice(0, 20).every((b) => hasMiddle(a, b)))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("background and disks differ in intensity by the contrast at least", () => {
  fc.assert(
    fc.property(fc.nat(), options, (seed, opts) => {
      const { image, disks } = makeDiskImage(Rng.seeded(seed), { ...opts, noise: 0 });
      const levelOf = (owner: number) =>
        new Set([...image].filter((_, i) => disks.findIndex((disk) => disk[i] === 1) === owner));
      const levels = [-1, ...disks.keys()].map(levelOf).filter((values) => values.size > 0);
      for (const values of levels) expect(values.size).toBe(1);
      const flat = levels.map((values) => [...values][0]).sort((a, b) => a - b);
      // float32 keeps 6e-8 of a level.
      for (let i = 1; i < flat.length; i++) expect(flat[i] - flat[i - 1]).toBeGreaterThan(opts.contrast - 2e-7);
      const within = (values: Iterable<number>, [low, high]: readonly [number, number]) =>
        expect([...values].every((value) => value > low - 1e-7 && value < high + 1e-7)).toBe(true);
      within(levelOf(-1), opts.background);
      for (const disk of disks.keys()) within(levelOf(disk), opts.intensity);
    }),
    { numRuns: 50 },
  );
});

test("intensities stay in [0, 1] and noise has the spread asked for", () => {
  const deviations: number[] = [];
  for (let seed = 0; seed < 50; seed++) {
    const clean = makeDiskImage(Rng.seeded(seed), { ...DISKS, noise: 0 }).image;
    const noisy = makeDiskImage(Rng.seeded(seed), { ...DISKS, noise: 0.05 }).image;
    const wild = makeDiskImage(Rng.seeded(seed), { ...DISKS, noise: 1 }).image;
    expect(wild.every((value) => value >= 0 && value <= 1)).toBe(true);
    // Away from black and white, where nothing is cut off.
    for (let i = 0; i < clean.length; i++) if (clean[i] > 0.3 && clean[i] < 0.7) deviations.push(noisy[i] - clean[i]);
  }
  const spread = Math.sqrt(deviations.reduce((total, d) => total + d * d, 0) / deviations.length);
  // About 10,000 pixels: the standard error is 0.0004.
  expect(deviations.length).toBeGreaterThan(5000);
  expect(Math.abs(spread - 0.05)).toBeLessThan(0.002);
});

test("image i of a split does not depend on how many there are, and the splits differ", () => {
  const rng = Rng.seeded(5);
  const [few, many] = [makeDiskSet(rng, "train", 3, DISKS), makeDiskSet(rng, "train", 10, DISKS)];
  expect(many.slice(0, 3)).toEqual(few);
  const images = [...many, ...makeDiskSet(rng, "heldout", 10, DISKS)].map(({ image }) => image.join());
  expect(new Set(images).size).toBe(20);
});

test("disks that can't be had are refused with what to change", () => {
  const refused = (change: Partial<DiskOptions>) => () => makeDiskImage(Rng.seeded(1), { ...DISKS, ...change });
  expect(refused({ disks: 8, radius: [15, 16], contrast: 0 })).toThrow(UsageError);
  expect(refused({ disks: 8, radius: [15, 16], contrast: 0 })).toThrow(/Choose fewer or smaller disks\.$/);
  // Whether there is room for the last of four levels 0.15 apart depends on the others; drawing on might never end.
  expect(refused({ contrast: 0.15 })).toThrow(
    "3 disks with a contrast of 0.15 don't fit between the intensities 0.2 and 1. " +
      "Choose a lower contrast, fewer disks, or a wider range: more than 2 x disks x contrast.",
  );
});
