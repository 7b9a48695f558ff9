import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { changeAppearance, paint, smoothLabelMap } from "../../src/synth/index.ts";

const SIZE = 24;
const GRID = { width: SIZE, height: SIZE };
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value / values.length, 0);

/** Values from 0 to 1, or the extremes alone. */
const images = fc.record({ seed: fc.nat(), extreme: fc.boolean() }).map(({ seed, extreme }) => {
  const rng = Rng.seeded(seed);
  return Float32Array.from({ length: SIZE * SIZE }, () => (extreme ? rng.below(2) : rng.uniform()));
});

test("a changed image and a painted one stay within 0 and 1", () => {
  fc.assert(
    fc.property(images, fc.nat(), fc.constantFrom(0, 0.5, 1), (image, seed, strength) => {
      const rng = Rng.seeded(seed);
      changeAppearance(rng, image, GRID, strength);
      const painted = paint(rng, smoothLabelMap(rng.at("map"), SIZE, 6), GRID);
      for (const values of [image, painted]) expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("strength 0 changes nothing, and strength 1 nearly always something", () => {
  let changed = 0;
  for (let seed = 0; seed < 100; seed++) {
    const image = Float32Array.from({ length: SIZE * SIZE }, (_, i) => i / (SIZE * SIZE));
    const [still, moved] = [image.slice(), image.slice()];
    changeAppearance(Rng.seeded(seed), still, GRID, 0);
    expect(still).toEqual(image);
    changeAppearance(Rng.seeded(seed), moved, GRID, 1);
    if (moved.some((value, i) => value !== image[i])) changed++;
  }
  // The chances that nothing happens multiply to 0.1.
  expect(changed).toBeGreaterThan(80);
});

test("the same generator paints the same image, another another", () => {
  const labels = smoothLabelMap(Rng.seeded(1), SIZE, 5);
  const painted = (seed: number) => paint(Rng.seeded(seed), labels, GRID);
  expect(painted(3)).toEqual(painted(3));
  expect(painted(3)).not.toEqual(painted(4));
});

test("what is painted shows the labels: pixels of one label are more alike than pixels of two", () => {
  const contrasts: number[] = [];
  for (let seed = 0; seed < 30; seed++) {
    const labels = Uint8Array.from({ length: SIZE * SIZE }, (_, i) => Number(i % SIZE < SIZE / 2));
    const image = paint(Rng.seeded(seed), labels, GRID);
    const levels = [0, 1].map((label) => mean([...image].filter((_, i) => labels[i] === label)));
    contrasts.push(Math.abs(levels[0] - levels[1]));
  }
  // Two levels drawn from 0.05 to 0.95 differ by 0.3 on average.
  expect(mean(contrasts)).toBeGreaterThan(0.15);
});
