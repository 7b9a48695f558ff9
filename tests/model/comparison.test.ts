/** The comparison maps, against the definitions they approximate or compute quickly. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Grid, Rng } from "../../src/core/index.ts";
import { compare, type ImageMaps, imageMaps, PLANES } from "../../src/model/index.ts";
import { smoothLabelMap } from "../../src/synth/index.ts";

type Marks = Parameters<typeof compare>[1];

/** Reaches and the longest step, as comparison.ts documents them. */
const [NEAR, GEODESIC, BARRIER] = [16, 24, 80];
const GAMMA = 60;

interface Scene {
  readonly noise: number;
  readonly maps: ImageMaps;
  readonly marks: Marks;
}

/** Regions of even intensity, noise, both, or extremes; a few cells marked inside and outside, some segmented besides. */
function drawScene({ width, height }: Grid, seed: number, noise: number): Scene {
  const rng = Rng.seeded(seed);
  const size = Math.max(width, height);
  const map = smoothLabelMap(rng, size, 4);
  const levels = [0, 1, 2, 3].map(() => rng.uniform());
  const image = Float32Array.from({ length: width * height }, (_, i) => {
    const level = levels[map[Math.floor(i / width) * size + (i % width)]];
    return Math.min(1, Math.max(0, level + noise * rng.normal()));
  });
  // The last column is padding.
  const onImage = Uint8Array.from(image, (_, i) => Number(i % width < width - 1));
  const kinds = onImage.map((on) => (on && rng.uniform() < 0.06 ? 1 + rng.below(3) : 0));
  const is = (...wanted: number[]) => Uint8Array.from(kinds, (kind) => Number(wanted.includes(kind)));
  return {
    noise,
    maps: imageMaps(image, onImage, { width, height }),
    marks: { inside: is(1), outside: is(2), segmented: is(1, 2, 3), segmentedInside: is(1) },
  };
}

const scenes = fc
  .tuple(fc.integer({ min: 2, max: 16 }), fc.integer({ min: 2, max: 16 }), fc.nat(), fc.constantFrom(0, 0.05, 1))
  .map(([width, height, seed, noise]) => drawScene({ width, height }, seed, noise));

function planesOf(
  { maps, marks }: Pick<Scene, "maps" | "marks">,
  step = 1,
): Record<(typeof PLANES)[number], Float32Array> {
  const area = maps.width * maps.height;
  const out = new Float32Array(PLANES.length * area);
  compare(maps, marks, step, out);
  return Object.fromEntries(PLANES.map((name, k) => [name, out.subarray(k * area, (k + 1) * area)])) as never;
}

/** Least over all paths from the seeds: of the sum of step costs, or of the largest cell on the way, by relaxing until nothing changes. */
function slowest(
  { width, height }: Grid,
  seeds: Uint8Array,
  sides: boolean,
  onto: (before: number, from: number, to: number, length: number) => number,
) {
  const best = Array.from(seeds, (seed) => (seed ? 0 : Number.POSITIVE_INFINITY));
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = 0; i < best.length; i++) {
      const [x, y] = [i % width, Math.floor(i / width)];
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++)
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          if (sides && nx !== x && ny !== y) continue;
          const value = onto(best[i], i, ny * width + nx, Math.hypot(nx - x, ny - y));
          if (!(value < best[ny * width + nx])) continue;
          best[ny * width + nx] = value;
          changed = true;
        }
    }
  }
  return best;
}

const distances = ({ maps }: Scene, seeds: Uint8Array, gamma: number) =>
  slowest(
    maps,
    seeds,
    false,
    (before, from, to, length) => before + length * Math.sqrt(1 + (gamma * (maps.image[to] - maps.image[from])) ** 2),
  );

/** The first cell where a plane is not exp(-exact / reach), or -1. */
const wrongCell = (plane: Float32Array, exact: readonly number[], reach: number) =>
  plane.findIndex((value, i) => Math.abs(value - Math.exp(-exact[i] / reach)) > 1e-5);

/** With marks inside by hand; without, what is segmented stands in for them, which is another test's matter. */
const markedScenes = scenes.filter(({ marks }) => marks.inside.includes(1));

test("nearness falls with the shortest path over neighbours from the marks", () => {
  fc.assert(
    fc.property(markedScenes, (scene) => {
      const { nearInside, nearOutside } = planesOf(scene);
      expect(wrongCell(nearInside, distances(scene, scene.marks.inside, 0), NEAR)).toBe(-1);
      expect(wrongCell(nearOutside, distances(scene, scene.marks.outside, 0), NEAR)).toBe(-1);
    }),
    { numRuns: 60 },
  );
});

test("the geodesic maps never claim to be nearer than the shortest path, and seldom miss it where there is less than noise", () => {
  let [missed, all] = [0, 0];
  fc.assert(
    fc.property(markedScenes, (scene) => {
      const exact = distances(scene, scene.marks.inside, GAMMA).map((distance) => Math.exp(-distance / GEODESIC));
      const plane = planesOf(scene).geodesicInside;
      expect(plane.findIndex((value, i) => value > exact[i] + 1e-5)).toBe(-1);
      if (scene.noise === 1) return;
      all += plane.length;
      missed += plane.filter((value, i) => value < exact[i] - 0.01).length;
    }),
    { numRuns: 60 },
  );
  // Two rounds of sweeps miss a path that winds more often than they turn: about 3 in 100 pixels of these scenes.
  expect(missed / all).toBeLessThan(0.05);
});

test("the barrier maps are the least highest gradient on any path over sides", () => {
  fc.assert(
    fc.property(markedScenes, (scene) => {
      const { maps, marks } = scene;
      const { barrierInside, barrierOutside } = planesOf(scene);
      const levels = (seeds: Uint8Array) =>
        slowest(maps, seeds, true, (before, _, to) => Math.max(before, maps.gradient[to]));
      expect(wrongCell(barrierInside, levels(marks.inside), BARRIER)).toBe(-1);
      if (marks.outside.includes(1)) expect(wrongCell(barrierOutside, levels(marks.outside), BARRIER)).toBe(-1);
    }),
    { numRuns: 60 },
  );
});

test("what is marked is in the planes as it is, and the step everywhere", () => {
  fc.assert(
    fc.property(scenes, fc.double({ min: 0.01, max: 1, noNaN: true }), (scene, step) => {
      const planes = planesOf(scene, step);
      for (const name of ["inside", "outside", "segmented", "segmentedInside"] as const)
        expect([...planes[name]]).toEqual([...scene.marks[name]]);
      expect([...planes.onImage]).toEqual([...scene.maps.onImage]);
      expect(planes.step.every((value) => value === Math.fround(step))).toBe(true);
      const { image, onImage } = scene.maps;
      expect(planes.image).toEqual(image.map((value, i) => (onImage[i] ? value - 0.5 : 0)));
    }),
  );
});

test("every value of every plane lies between -1 and 1, whatever is marked", () => {
  const marks = fc.constantFrom("drawn", "none", "all inside", "all outside", "one cell");
  fc.assert(
    fc.property(scenes, marks, (scene, which) => {
      const planes = planesOf({ ...scene, marks: marked(scene, which) });
      for (const name of PLANES)
        expect(
          planes[name].every((value) => value >= -1 && value <= 1),
          `${name}, ${which}`,
        ).toBe(true);
    }),
    { numRuns: 200 },
  );
});

function marked({ maps, marks }: Scene, which: string): Marks {
  if (which === "drawn") return marks;
  const none = new Uint8Array(maps.onImage.length);
  const some = which === "one cell" ? none.with(0, 1) : maps.onImage;
  if (which === "none") return { inside: none, outside: none, segmented: none, segmentedInside: none };
  if (which === "all outside") return { inside: none, outside: some, segmented: some, segmentedInside: none };
  return { inside: some, outside: none, segmented: some, segmentedInside: some };
}

test("where nothing is marked nothing is near, alike or different", () => {
  const scene = drawScene({ width: 12, height: 9 }, 4, 0.05);
  const planes = planesOf({ ...scene, marks: marked(scene, "none") });
  for (const name of PLANES.slice(PLANES.indexOf("nearInside"), PLANES.indexOf("step")))
    expect(
      planes[name].every((value) => value === 0),
      name,
    ).toBe(true);
});

test("a constant image gives numbers, and no likelihood to any place", () => {
  for (const level of [0, 0.5, 1]) {
    const grid = { width: 16, height: 16 };
    const maps = imageMaps(new Float32Array(256).fill(level), new Uint8Array(256).fill(1), grid);
    const marks = drawScene(grid, 2, 0).marks;
    const planes = planesOf({ maps, marks });
    for (const name of PLANES) expect(planes[name].every(Number.isFinite), name).toBe(true);
    const likely = planes.intensityLikelihood;
    expect(likely.every((value) => value === likely[0])).toBe(true);
    expect(planes.difference.every((value) => Math.abs(value) < 1e-6)).toBe(true);
    // No edge anywhere: the whole image lies at flood level 0.
    expect(planes.barrierInside.every((value) => value === 1)).toBe(true);
  }
});

test("cells like those marked inside are likelier than cells like those outside", () => {
  const grid = { width: 20, height: 20 };
  const rng = Rng.seeded(6);
  const isBright = (i: number) => i % 20 < 8;
  const image = Float32Array.from({ length: 400 }, (_, i) => (isBright(i) ? 0.7 : 0.3) + 0.03 * rng.normal());
  const line = (column: number) => Uint8Array.from(image, (_, i) => Number(i % 20 === column && i >= 100 && i < 300));
  const [inside, outside] = [line(3), line(15)];
  const segmented = inside.map((value, i) => value | outside[i]);
  const maps = imageMaps(image, new Uint8Array(400).fill(1), grid);
  const planes = planesOf({ maps, marks: { inside, outside, segmented, segmentedInside: inside } });
  for (const name of ["intensityLikelihood", "textureLikelihood"] as const) {
    const values = (bright: boolean) => [...planes[name]].filter((_, i) => isBright(i) === bright);
    const middle = (list: number[]) => list.sort((a, b) => a - b)[list.length >> 1];
    expect(middle(values(true))).toBeGreaterThan(0.3);
    expect(middle(values(false))).toBeLessThan(-0.3);
  }
});

test("a box compares what it leaves open with what lies beyond it: the thing in it is likelier than what is around the thing", () => {
  const grid = { width: 32, height: 32 };
  const rng = Rng.seeded(11);
  const isThing = (i: number) => Math.hypot((i % 32) - 16, Math.floor(i / 32) - 16) < 7;
  const isOpen = (i: number) => Math.abs((i % 32) - 16) <= 8 && Math.abs(Math.floor(i / 32) - 16) <= 8;
  const image = Float32Array.from({ length: 1024 }, (_, i) => (isThing(i) ? 0.8 : 0.3) + 0.03 * rng.normal());
  const outside = Uint8Array.from(image, (_, i) => Number(!isOpen(i)));
  const none = new Uint8Array(1024);
  const maps = imageMaps(image, new Uint8Array(1024).fill(1), grid);
  const planes = planesOf({ maps, marks: { inside: none, outside, segmented: outside, segmentedInside: none } });
  const sorted = (name: (typeof PLANES)[number], is: boolean) =>
    [...planes[name]].filter((_, i) => isOpen(i) && isThing(i) === is).sort((a, b) => a - b);
  for (const name of ["intensityLikelihood", "difference"] as const)
    expect(sorted(name, true)[0], name).toBeGreaterThan(sorted(name, false).at(-1)!);
  expect(planes.nearInside.every((value) => value === 0)).toBe(true);
});

test("where nothing is marked inside by hand, what has been segmented is compared with", () => {
  const scene = drawScene({ width: 14, height: 14 }, 9, 0.05);
  const { inside, outside, segmented, segmentedInside } = scene.marks;
  const none = new Uint8Array(inside.length);
  const asTaken = planesOf({ ...scene, marks: { inside: none, outside: none, segmented, segmentedInside } });
  const asDrawn = planesOf({
    ...scene,
    marks: {
      inside: segmentedInside,
      outside: segmented.map((value, i) => value & (1 - segmentedInside[i])),
      segmented,
      segmentedInside,
    },
  });
  expect(outside.includes(1) && segmentedInside.includes(1)).toBe(true);
  for (const name of PLANES.slice(PLANES.indexOf("nearInside"), PLANES.indexOf("step")))
    expect(asTaken[name], name).toEqual(asDrawn[name]);
});

test("a mirrored image with mirrored marks gives mirrored planes", () => {
  let [off, all] = [0, 0];
  fc.assert(
    fc.property(scenes, ({ maps, marks }) => {
      const flipped = <T extends Float32Array | Uint8Array>(values: T): T =>
        values.map((_, i) => values[Math.floor(i / maps.width) * maps.width + maps.width - 1 - (i % maps.width)]) as T;
      const mirror = {
        maps: imageMaps(flipped(maps.image), flipped(maps.onImage), maps),
        marks: {
          inside: flipped(marks.inside),
          outside: flipped(marks.outside),
          segmented: flipped(marks.segmented),
          segmentedInside: flipped(marks.segmentedInside),
        },
      };
      const [planes, mirrored] = [planesOf({ maps, marks }), planesOf(mirror)];
      for (const name of PLANES) {
        const wanted = flipped(planes[name]);
        for (const [i, value] of mirrored[name].entries()) {
          all++;
          if (Math.abs(value - wanted[i]) > 0.02) off++;
        }
      }
    }),
  );
  // The sweeps begin at one corner, and a local mean that is off by a rounding may fall into the next bin.
  expect(off / all).toBeLessThan(0.005);
});

test("planes are written where they belong in a batch, and nothing beside them is touched", () => {
  const scene = drawScene({ width: 5, height: 4 }, 1, 0.1);
  const length = PLANES.length * 20;
  const batch = new Float32Array(3 * length).fill(7);
  compare(scene.maps, scene.marks, 1, batch, length);
  expect([...batch.subarray(length, 2 * length)]).toEqual(PLANES.flatMap((name) => [...planesOf(scene)[name]]));
  expect(batch.subarray(0, length).every((value) => value === 7)).toBe(true);
  expect(batch.subarray(2 * length).every((value) => value === 7)).toBe(true);
});
