import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { drawScene, paintScene, type ReadTexture } from "../../src/synth/index.ts";

const SIZE = 64;
const noise: ReadTexture = (rng) => Float32Array.from({ length: SIZE * SIZE }, () => rng.uniform());
const flat: ReadTexture = () => new Float32Array(SIZE * SIZE).fill(0.3);
const paint = (seed: number, texture: ReadTexture) =>
  paintScene(Rng.seeded(seed).at("paint"), drawScene(Rng.seeded(seed), SIZE), SIZE, texture);

test("whatever the scene and the textures, an image is within 0 and 1, and the same for the same generator", () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(noise, flat), (seed, texture) => {
      const image = paint(seed, texture);
      expect(image.length).toBe(SIZE * SIZE);
      expect(image.every((value) => value >= 0 && value <= 1)).toBe(true);
      expect(paint(seed, texture)).toEqual(image);
    }),
    { numRuns: 60 },
  );
});

test("the ground is what was read, and things mostly differ from it", () => {
  let [followed, different, scenes] = [0, 0, 0];
  for (let seed = 0; seed < 60; seed++) {
    const { kinds } = drawScene(Rng.seeded(seed), SIZE);
    // A ramp from left to right: what follows it has been read.
    const image = paint(seed, () => Float32Array.from({ length: SIZE * SIZE }, (_, i) => (i % SIZE) / SIZE));
    const where = (isHere: (kind: number, x: number) => boolean) => image.filter((_, i) => isHere(kinds[i], i % SIZE));
    const [left, right] = [where((kind, x) => !kind && x < 20), where((kind, x) => !kind && x > 44)];
    const [ground, things] = [where((kind) => !kind), where((kind) => kind > 0)];
    if (Math.min(left.length, right.length, things.length) < 40) continue;
    scenes++;
    if (mean(right) > mean(left)) followed++;
    if (Math.abs(mean(things) - mean(ground)) > 0.05) different++;
  }
  expect(scenes).toBeGreaterThan(20);
  expect(followed / scenes).toBeGreaterThan(0.85);
  expect(different / scenes).toBeGreaterThan(0.6);
});

function mean(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
