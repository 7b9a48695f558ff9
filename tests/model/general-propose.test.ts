/** Candidates of the general model on whatever it is given: marks by hand stay, answers are sound, and nothing makes it fail. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { emptyPartial, type Grid, type Image, type PartialSegmentation, Rng } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { diceOf } from "../../src/evaluate/annotator.ts";
import { pretrainedSegmenterPaths } from "../../src/files/index.ts";
import {
  type Candidate,
  createProposer,
  imageMaps,
  loadNetworks,
  type ProposeOptions,
  type Proposer,
} from "../../src/model/index.ts";
import { readWindow } from "../../src/model/window.ts";
import { readModelFolder, shippedModelFolder } from "../../src/train/index.ts";
import { PLAIN, randomModel, WITH_FEATURES } from "./general-models.ts";

let plain: Proposer;
let featured: Proposer;

beforeAll(async () => {
  const runtime = nodeRuntime({ threads: 1 });
  plain = await createProposer(randomModel(1, PLAIN), runtime);
  featured = await createProposer(randomModel(2, WITH_FEATURES), runtime);
});
afterAll(async () => {
  await plain.close();
  await featured.close();
});

type Draw = (x: number, y: number, rng: Rng) => number;

function imageOf({ width, height }: Grid, maximum: 255 | 65535, draw: Draw): Image {
  const rng = Rng.seeded(3);
  const values = Array.from({ length: width * height }, (_, i) => draw(i % width, Math.floor(i / width), rng));
  return { width, height, maximum, data: maximum === 255 ? Uint8Array.from(values) : Uint16Array.from(values) };
}

type Mark = (x: number, y: number) => "inside" | "outside" | null;

function marksOn(grid: Grid, mark: Mark): PartialSegmentation {
  const partial = emptyPartial(grid);
  for (let i = 0; i < partial.partialness.length; i++) {
    const drawn = mark(i % grid.width, Math.floor(i / grid.width));
    partial.partialness[i] = Number(drawn !== null);
    partial.segmentation[i] = Number(drawn === "inside");
  }
  return partial;
}

/** What a candidate must be, whatever was asked. */
function expectSound(candidates: readonly Candidate[], image: Grid, partial: PartialSegmentation, count: number): void {
  expect(candidates.length).toBeLessThanOrEqual(count);
  for (const [place, { box, partial: candidate, support, added }] of candidates.entries()) {
    expect([candidate.width, candidate.height]).toEqual([box.width, box.height]);
    expect(box.x >= 0 && box.y >= 0 && box.x + box.width <= image.width && box.y + box.height <= image.height).toBe(
      true,
    );
    expect(support > 0 && support <= 1).toBe(true);
    let [changed, fresh, inside, outside] = [0, 0, 0, 0];
    for (let i = 0; i < candidate.partialness.length; i++) {
      const p = (box.y + Math.floor(i / box.width)) * image.width + box.x + (i % box.width);
      const [m, s] = [candidate.partialness[i], candidate.segmentation[i]];
      if (s > m || m > 1) changed++;
      if (partial.partialness[p] && (m !== 1 || s !== partial.segmentation[p])) changed++;
      if (!m || partial.partialness[p]) continue;
      fresh++;
      if (s) inside++;
      else outside++;
    }
    expect(changed, "marks by hand that are gone, and pixels inside that are not segmented").toBe(0);
    // The likeliest is offered even when it adds nothing.
    if (place > 0) expect(fresh).toBeGreaterThan(0);
    expect(added).toEqual({ inside, outside });
  }
}

async function ask(
  proposer: Proposer,
  image: Image,
  partial: PartialSegmentation,
  options: Partial<ProposeOptions> = {},
) {
  const candidates = await proposer.propose(image, partial, { count: 8, rng: Rng.seeded(1), ...options });
  expectSound(candidates, image, partial, options.count ?? 8);
  return candidates;
}

const GRID = { width: 50, height: 37 };
const disk: Draw = (x, y, rng) => (Math.hypot(x - 25, y - 18) < 10 ? 180 : 60) + rng.below(20);
const stroke: Mark = (x, y) =>
  y === 18 && x > 20 && x < 30 ? "inside" : x === 3 && y > 5 && y < 30 ? "outside" : null;

const IMAGES: [what: string, image: Image][] = [
  ["a disk", imageOf(GRID, 255, disk)],
  ["one that is black", imageOf(GRID, 255, () => 0)],
  ["one that is white at 16 bits", imageOf(GRID, 65535, () => 65535)],
  ["noise", imageOf(GRID, 255, (_, __, rng) => rng.below(256))],
  ["the extremes of 16 bits in turn", imageOf(GRID, 65535, (x, y) => 65535 * ((x + y) % 2))],
  ["one bright pixel at 16 bits", imageOf(GRID, 65535, (x, y) => (x === 25 && y === 18 ? 65535 : 0))],
];

const MARKS: [what: string, mark: Mark][] = [
  ["a stroke inside and one outside", stroke],
  ["nothing", () => null],
  ["one pixel", (x, y) => (x === 25 && y === 18 ? "inside" : null)],
  ["one pixel outside, in the corner", (x, y) => (x === 0 && y === 0 ? "outside" : null)],
  ["the whole image inside", () => "inside"],
  ["the whole image outside", () => "outside"],
  ["inside and outside pixel by pixel", (x, y) => ((x + y) % 2 ? "inside" : "outside")],
];

for (const [what, image] of IMAGES)
  test.each(MARKS)(
    `on ${what}, marked with %s, candidates are sound, and the same when asked again`,
    async (_, mark) => {
      const partial = marksOn(image, mark);
      for (const proposer of [plain, featured]) {
        const candidates = await ask(proposer, image, partial);
        expect(await ask(proposer, image, partial)).toEqual(candidates);
      }
    },
  );

test("where everything is marked by hand there is nothing to add", async () => {
  for (const mark of [MARKS[4][1], MARKS[5][1], MARKS[6][1]]) {
    const candidates = await ask(plain, IMAGES[0][1], marksOn(GRID, mark));
    expect(candidates.map(({ added }) => added)).toEqual([{ inside: 0, outside: 0 }]);
  }
});

test("one candidate, all of 64, and any step are answered; 0, 65, half a candidate and a step of 0 or 2 are refused", async () => {
  const image = IMAGES[0][1];
  const partial = marksOn(GRID, stroke);
  expect(await ask(plain, image, partial, { count: 1 })).toHaveLength(1);
  const many = await ask(plain, image, partial, { count: 64 });
  expect(many.length).toBeGreaterThan(1);
  // The likeliest is the same however many are wanted.
  expect(many[0].partial).toEqual((await ask(plain, image, partial, { count: 1 }))[0].partial);
  for (const step of [0.01, 0.5, 1]) await ask(plain, image, partial, { step });
  for (const count of [0, 65, 1.5]) await expect(ask(plain, image, partial, { count })).rejects.toThrow(/candidates/);
  for (const step of [0, 2, -1, Number.NaN]) await expect(ask(plain, image, partial, { step })).rejects.toThrow(/step/);
});

test.each([
  [16, 16],
  [1, 1],
  [1, 40],
  [300, 2],
  [1500, 1100],
])("an image of %d x %d is answered", async (width, height) => {
  const image = imageOf({ width, height }, 255, (x, y, rng) => (x < width / 2 ? 50 : 150) + (y % 7) + rng.below(10));
  const [middleX, middleY] = [width >> 1, height >> 1];
  await ask(
    plain,
    image,
    marksOn(image, (x, y) => (Math.abs(x - middleX) <= 3 && y === middleY ? "inside" : null)),
  );
});

test("candidates differ from each other, and the likeliest but the first come first", async () => {
  const candidates = await ask(plain, IMAGES[0][1], marksOn(GRID, stroke));
  const drawn = candidates.map(
    ({ partial, box }) => `${box.x} ${box.y} ${partial.segmentation.join("")} ${partial.partialness.join("")}`,
  );
  expect(new Set(drawn).size).toBe(drawn.length);
  const supports = candidates.slice(1).map(({ support }) => support);
  expect(supports).toEqual(supports.toSorted((a, b) => b - a));
});

test("look-alikes come last, in at most a third of the places beside the first, and not without a mark inside", async () => {
  const image = IMAGES[0][1];
  for (const count of [1, 2, 3, 4, 8, 64]) {
    const candidates = await ask(plain, image, marksOn(GRID, stroke), { count });
    const alike = candidates.filter(({ looksAlike }) => looksAlike);
    expect(alike.length).toBeLessThanOrEqual(Math.min(2, Math.floor((count - 1) / 3)));
    if (count > 6) expect(alike.length).toBeGreaterThan(0);
    expect(candidates.slice(candidates.length - alike.length)).toEqual(alike);
    const outside = await ask(
      plain,
      image,
      marksOn(GRID, (x, y) => (stroke(x, y) === "outside" ? "outside" : null)),
      { count },
    );
    expect(outside.filter(({ looksAlike }) => looksAlike)).toEqual([]);
  }
});

test("of a small thing, looked at closely, siblings far away are found all the same", async () => {
  const segmenter = pretrainedSegmenterPaths()!;
  const learned = await createProposer(await readModelFolder(shippedModelFolder()), nodeRuntime({ threads: 1 }), () =>
    readFile(segmenter.decoder),
  );
  const grid = { width: 420, height: 340 };
  const isDisk = (x: number, y: number) => Math.hypot((x % 140) - 70, (y % 113) - 56) < 11;
  const image = imageOf(grid, 255, (x, y, rng) => (isDisk(x, y) ? 60 : 130) + rng.below(30));
  const partial = marksOn(grid, (x, y) => {
    if (Math.max(Math.abs(x - 210), Math.abs(y - 169)) < 6) return "inside";
    return y === 200 && Math.abs(x - 210) < 60 ? "outside" : null;
  });
  const features = await learned.encode(image, await readFile(segmenter.encoder));
  const candidates = await ask(learned, image, partial, { count: 4, features });
  const alike = candidates.filter(({ looksAlike }) => looksAlike);
  expect(alike).toHaveLength(1);
  const [{ box, partial: found }] = alike;
  expect(box).toEqual({ x: 0, y: 0, ...grid });
  const centres = [70, 210, 350].flatMap((x) => [56, 169, 282].map((y) => y * grid.width + x));
  expect(centres.map((i) => found.segmentation[i])).toEqual(centres.map(() => 1));
  // A cell is more than three pixels wide here: what is found may reach beyond the disks, but lies nowhere else.
  const isNear = (x: number, y: number) => Math.hypot((x % 140) - 70, (y % 113) - 56) < 25;
  const strays = found.segmentation.filter(
    (inside, i) => inside && !isNear(i % grid.width, Math.floor(i / grid.width)),
  );
  expect(strays.length).toBeLessThan(0.02 * alike[0].added.inside);
  expect(candidates[0].box.width).toBeLessThan(grid.width);
  await learned.close();
});

test("a smooth thing in noise is found whole although it is looked at closely", async () => {
  const learned = await createProposer(await readModelFolder(shippedModelFolder()), nodeRuntime({ threads: 1 }));
  const grid = { width: 420, height: 340 };
  const isOrgan = (x: number, y: number) => Math.hypot((x - 268) / 48, (y - 160) / 62) < 1;
  const isOther = (x: number, y: number) => Math.hypot((x - 138) / 56, (y - 160) / 42) < 1;
  const isBody = (x: number, y: number) => Math.hypot((x - 215) / 170, (y - 170) / 140) < 1;
  const noise = Rng.seeded(4).normals(grid.width * grid.height);
  const image = imageOf(grid, 255, (x, y) => {
    const tissue = isOrgan(x, y) || isOther(x, y) ? 150 : isBody(x, y) ? 92 : 22;
    return tissue + 7 * noise[y * grid.width + x];
  });
  const partial = marksOn(grid, (x, y) =>
    Math.abs(x - 268) < 16 && Math.abs(y - 160 - (x - 268) / 2) < 3 ? "inside" : null,
  );
  const [{ box, partial: found }] = await ask(learned, image, partial, { count: 1 });
  expect(box.width).toBeLessThan(grid.width);
  const truth = found.segmentation.map((_, i) =>
    Number(isOrgan(box.x + (i % box.width), box.y + Math.floor(i / box.width))),
  );
  expect(diceOf(found.segmentation, truth)).toBeGreaterThan(0.8);
  await learned.close();
});

test("a small thing in a very large image is found by looks between the whole and it", async () => {
  const learned = await createProposer(await readModelFolder(shippedModelFolder()), nodeRuntime({ threads: 1 }));
  const grid = { width: 1500, height: 1200 };
  const isThing = (x: number, y: number) => Math.hypot((x - 980) / 34, (y - 420) / 26) < 1;
  const isBody = (x: number, y: number) => Math.hypot((x - 750) / 700, (y - 600) / 560) < 1;
  const noise = Rng.seeded(4).normals(grid.width * grid.height);
  const image = imageOf(grid, 255, (x, y) => {
    const tissue = isThing(x, y) ? 150 : isBody(x, y) ? 92 : 40;
    return tissue + 8 * noise[y * grid.width + x];
  });
  const partial = marksOn(grid, (x, y) => (Math.abs(x - 980) < 13 && Math.abs(y - 420) < 3 ? "inside" : null));
  const [{ box, partial: found }] = await ask(learned, image, partial, { count: 1 });
  const truth = found.segmentation.map((_, i) =>
    Number(isThing(box.x + (i % box.width), box.y + Math.floor(i / box.width))),
  );
  expect(diceOf(found.segmentation, truth)).toBeGreaterThan(0.9);
  await learned.close();
});

test("what was taken and not drawn by hand may be revised; what was drawn stays", async () => {
  const image = IMAGES[0][1];
  const hand = marksOn(GRID, stroke);
  const taken = marksOn(GRID, (x, y) => stroke(x, y) ?? (x > 35 ? "inside" : null));
  const candidates = await plain.propose(image, taken, { count: 8, rng: Rng.seeded(1), byHand: hand.partialness });
  expect(candidates.length).toBeGreaterThan(0);
  for (const { box, partial } of candidates)
    for (let i = 0; i < partial.partialness.length; i++) {
      const p = (box.y + Math.floor(i / box.width)) * image.width + box.x + (i % box.width);
      if (hand.partialness[p])
        expect([partial.partialness[i], partial.segmentation[i]]).toEqual([1, hand.segmentation[p]]);
    }
});

test("what was taken comes after the likeliest answer, corrected near what is drawn after it and nowhere else", async () => {
  const grid = { width: 300, height: 220 };
  const image = imageOf(grid, 255, (x, y, rng) => (Math.hypot(x - 150, y - 110) < 60 ? 160 : 70) + rng.below(30));
  const first: Mark = (x, y) => (y === 110 && x > 130 && x < 170 ? "inside" : null);
  const isTaken = (x: number, y: number) => Math.hypot(x - 150, y - 110) < 60 || Math.hypot(x - 30, y - 30) < 20;
  const drawn: Mark = (x, y) => first(x, y) ?? (y === 112 && x > 180 && x < 205 ? "outside" : null);
  const taken = marksOn(grid, (x, y) => drawn(x, y) ?? (isTaken(x, y) ? "inside" : "outside"));
  const options = { byHand: marksOn(grid, drawn).partialness, rng: Rng.seeded(1), count: 4 };
  const [likeliest, kept, ...others] = await plain.propose(image, taken, options);
  expect(kept.keeps).toBe(true);
  expect([likeliest, ...others].filter(({ keeps }) => keeps)).toEqual([]);
  const changed = [...kept.partial.segmentation.entries()].flatMap(([i, value]) => {
    const [x, y] = [kept.box.x + (i % kept.box.width), kept.box.y + Math.floor(i / kept.box.width)];
    return value === taken.segmentation[y * grid.width + x] ? [] : [[x, y]];
  });
  expect(changed.length).toBeGreaterThan(0);
  // Cells of this small network are wide.
  const reach = (6 * Math.max(grid.width, grid.height)) / PLAIN.size;
  const away = (at: number, from: number, to: number) => Math.max(0, from - at, at - to);
  for (const [x, y] of changed)
    expect(away(x, 131, 204) + Math.min(Math.abs(y - 110), Math.abs(y - 112))).toBeLessThanOrEqual(reach);
  // Nothing is kept of what was only supposed, where all is by hand, or where there is no place for it.
  for (const asked of [{ isTaken: false }, { byHand: taken.partialness }, { count: 1 }])
    expect((await plain.propose(image, taken, { ...options, ...asked })).filter(({ keeps }) => keeps)).toEqual([]);
});

test("who has taken a candidate is answered nearer to it than who was only shown it", async () => {
  const image = imageOf({ width: PLAIN.size, height: PLAIN.size }, 255, (x, y, rng) => 6 * x + y + rng.below(40));
  const hand = marksOn(image, (x, y) => (y === 9 && x > 4 && x < 12 ? "inside" : null));
  const window = { x: 0, y: 0, size: PLAIN.size };
  let nearer = 0;
  const options = { window, byHand: hand.partialness };
  const offered = await plain.propose(image, hand, { count: 64, rng: Rng.seeded(1), ...options });
  for (const { partial: taken } of offered) {
    const answer = async (isTaken: boolean) => {
      const [{ partial }] = await plain.propose(image, taken, { count: 1, rng: Rng.seeded(1), isTaken, ...options });
      return partial.segmentation;
    };
    const agreement = (shown: Uint8Array) => {
      const part = (mask: Uint8Array) => mask.map((value, i) => value & taken.partialness[i]);
      return diceOf(part(shown), part(taken.segmentation));
    };
    const [after, before] = [await answer(true), await answer(false)];
    expect(agreement(after)).toBeGreaterThanOrEqual(agreement(before));
    if (agreement(after) > agreement(before)) nearer++;
  }
  expect(nearer).toBeGreaterThan(offered.length / 3);
});

test("features change the answer of a model that reads them, and a model that reads none says so", async () => {
  const image = IMAGES[0][1];
  const partial = marksOn(GRID, stroke);
  expect([plain.usesFeatures, featured.usesFeatures]).toEqual([false, true]);
  const [projected, channels] = [WITH_FEATURES.features, 256].map((of) => Rng.seeded(5).normals(of * 64 * 64));
  const features = { projected, channels };
  const [without, given] = [await ask(featured, image, partial), await ask(featured, image, partial, { features })];
  expect(given).not.toEqual(without);
});

test("a pixel's probability is the mean over the model's answers, whatever has been taken", async () => {
  const { size, latent } = PLAIN;
  const image = imageOf({ width: size, height: size }, 255, (x, y, rng) => 6 * x + y + rng.below(40));
  const hand = marksOn(image, (x, y) => (y === 9 && x > 4 && x < 12 ? "inside" : y === 30 ? "outside" : null));
  const taken = marksOn(image, (_, y) => (y > 6 && y < 14 ? "inside" : y === 30 ? "outside" : null));
  const model = randomModel(1, PLAIN);
  const networks = await loadNetworks(model, nodeRuntime({ threads: 1 }), 15);
  // Cells are pixels here, and the image is too small for a closer look.
  const window = { x: 0, y: 0, size };
  const reading = readWindow(image, taken, window, size);
  const marks = {
    inside: hand.segmentation,
    outside: hand.partialness.map((value, i) => value - hand.segmentation[i]),
    segmented: taken.partialness,
    segmentedInside: taken.segmentation,
  };
  const maps = imageMaps(reading.image, reading.onImage, image);
  const latents = Rng.seeded(7)
    .at("latents")
    .normals(15 * latent);
  const answers = await networks.answer({ maps, marks, step: 1, features: null }, latents);
  await networks.close();
  const options = { rng: Rng.seeded(7), byHand: hand.partialness };
  const likely = await plain.probabilities!(image, taken, options);
  expect(likely.length).toBe(size * size);
  for (let i = 0; i < likely.length; i++) {
    const mean = answers.reduce((sum, { segmentation }) => sum + segmentation[i] / answers.length, 0);
    expect(Math.abs(likely[i] - mean)).toBeLessThan(1e-5);
  }
  expect(await plain.probabilities!(image, taken, options)).toEqual(likely);
  expect(await plain.probabilities!(image, taken, { ...options, rng: Rng.seeded(8) })).not.toEqual(likely);
});

test.each([
  [16, 16],
  [1, 40],
  [700, 500],
])("every pixel of an image of %d x %d has a probability", async (width, height) => {
  const image = imageOf({ width, height }, 255, (x, y, rng) => (x < width / 2 ? 50 : 150) + (y % 7) + rng.below(10));
  const partial = marksOn(image, (x, y) => (x === width >> 1 && y === height >> 1 ? "inside" : null));
  const likely = await plain.probabilities!(image, partial, { rng: Rng.seeded(1) });
  expect(likely.length).toBe(width * height);
  // Not a number fails both comparisons.
  expect(likely.find((probability) => !(probability >= 0 && probability < 1 + 1e-6))).toBe(undefined);
  expect(likely.filter((probability) => probability > 0).length).toBeGreaterThan(0.9 * likely.length);
});
