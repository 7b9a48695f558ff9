import fc from "fast-check";
import { expect, test } from "vitest";
import { components, Rng } from "../../src/core/index.ts";
import { drawScene, pickThings } from "../../src/synth/index.ts";

const SIZE = 96;
const GRID = { width: SIZE, height: SIZE };
const sceneOf = (seed: number) => drawScene(Rng.seeded(seed), SIZE);

test("a kind has looks of its own, which no ground and no other kind has", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { looks, kinds } = sceneOf(seed);
      const kindOf = new Map<number, number>();
      // Walls between packed cells belong to no one kind; they look like a rim of the first.
      const walls = Math.max(...kinds);
      for (const [i, look] of looks.entries()) {
        if (kinds[i] === walls) continue;
        expect(kindOf.get(look) ?? kinds[i]).toBe(kinds[i]);
        kindOf.set(look, kinds[i]);
      }
    }),
    { numRuns: 100 },
  );
});

test("what is picked is of one kind, and mostly all of it", () => {
  let whole = 0;
  for (let seed = 0; seed < 200; seed++) {
    const scene = sceneOf(seed);
    const picked = pickThings(Rng.seeded(seed).at("pick"), scene);
    const kinds = new Set(scene.kinds.filter((_, i) => picked[i] === 1));
    expect(kinds.size, `seed ${seed}`).toBeLessThanOrEqual(1);
    expect(kinds.has(0)).toBe(false);
    const [kind] = kinds;
    if (scene.kinds.every((value, i) => Number(value === kind) === picked[i])) whole++;
  }
  expect(whole).toBeGreaterThan(140);
});

test("most scenes hold several things of the kind that is picked", () => {
  let several = 0;
  for (let seed = 0; seed < 100; seed++) {
    const picked = pickThings(Rng.seeded(seed).at("pick"), sceneOf(seed));
    if (components(picked, GRID).sizes.length > 1) several++;
  }
  expect(several).toBeGreaterThan(60);
});

test("a seed draws the same scene again, and another seed another", () => {
  expect(sceneOf(3)).toEqual(sceneOf(3));
  expect(sceneOf(3)).not.toEqual(sceneOf(4));
});
