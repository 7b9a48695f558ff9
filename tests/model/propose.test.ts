import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import {
  boundsOf,
  emptyPartial,
  type Grid,
  type Image,
  type PartialSegmentation,
  Rng,
  ShapeError,
  type Stroke,
  UsageError,
  visitStroke,
} from "../../src/core/index.ts";
import type { Runtime, Tensors } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { type Candidate, createProposer, placeWindow } from "../../src/model/index.ts";
import { boxOf } from "../../src/model/window.ts";
import { DISKS, makeDiskImage } from "../../src/synth/index.ts";
import { initialModel, realModels } from "./models.ts";

const runtime = nodeRuntime({ threads: 1 });
const proposers = await Promise.all((await realModels()).map((model) => createProposer(model, runtime)));
afterAll(() => Promise.all(proposers.map((proposer) => proposer.close())));

/** Disks on an image of any size, and a few strokes inside and outside that were drawn without looking. */
const scene = fc
  .tuple(fc.integer({ min: 3, max: 130 }), fc.integer({ min: 3, max: 130 }), fc.nat(), fc.integer({ min: 0, max: 5 }))
  .map(([width, height, seed, strokes]) => {
    const rng = Rng.seeded(seed);
    const image = diskScene({ width, height }, rng);
    const partial = emptyPartial(image);
    for (let i = 0; i < strokes; i++) drawStroke(partial, randomStroke(image, rng), rng.below(2));
    return { image, partial, seed };
  });

const LARGE_DISKS = { ...DISKS, size: 64, radius: [10, 18] } as const;

/** Three disks, stretched to the grid; every other one with 16 bits a pixel. */
function diskScene({ width, height }: Grid, rng: Rng): Image {
  const { image } = makeDiskImage(rng, LARGE_DISKS);
  const intensities = Array.from({ length: width * height }, (_, i) => {
    const x = Math.floor((((i % width) + 0.5) * LARGE_DISKS.size) / width);
    const y = Math.floor(((Math.floor(i / width) + 0.5) * LARGE_DISKS.size) / height);
    return image[y * LARGE_DISKS.size + x];
  });
  return rng.below(2)
    ? { width, height, maximum: 255, data: Uint8Array.from(intensities, (v) => Math.round(v * 255)) }
    : { width, height, maximum: 65535, data: Uint16Array.from(intensities, (v) => Math.round(v * 65535)) };
}

function randomStroke({ width, height }: Grid, rng: Rng): Stroke {
  const point = () => [rng.between(0, width - 1), rng.between(0, height - 1)] as const;
  const start = point();
  return {
    points: [start, [start[0] + rng.between(-20, 20), start[1] + rng.between(-20, 20)]],
    width: 1 + rng.below(5),
  };
}

function drawStroke({ partialness, segmentation, ...grid }: PartialSegmentation, stroke: Stroke, inside: number): void {
  visitStroke(stroke, grid, (i) => {
    partialness[i] = 1;
    segmentation[i] = inside;
  });
}

/** What a person would draw: a stroke in the middle inside, one at the top outside. */
function plainScene() {
  const image = diskScene({ width: 96, height: 80 }, Rng.seeded(4));
  const partial = emptyPartial(image);
  drawStroke(
    partial,
    {
      points: [
        [40, 40],
        [56, 40],
      ],
      width: 4,
    },
    1,
  );
  drawStroke(
    partial,
    {
      points: [
        [30, 12],
        [60, 12],
      ],
      width: 4,
    },
    0,
  );
  return { image, partial };
}

describe.each(proposers.map((proposer) => [proposer.name, proposer] as const))("%s", (_, proposer) => {
  test("every candidate keeps the input exactly, is inside only where segmented, and is larger than the input", async () => {
    let candidates = 0;
    await fc.assert(
      fc.asyncProperty(scene, async ({ image, partial, seed }) => {
        const before = structuredClone(partial);
        for (const candidate of await proposer.propose(image, partial, { count: 6, rng: Rng.seeded(seed) })) {
          expectLarger(candidate, partial);
          candidates++;
        }
        expect(partial).toEqual(before);
      }),
      { numRuns: 12 },
    );
    expect(candidates).toBeGreaterThan(12);
  });

  test("candidates come few to many inside pixels added, with a share of the draws each", async () => {
    await fc.assert(
      fc.asyncProperty(scene, fc.integer({ min: 1, max: 9 }), async ({ image, partial, seed }, count) => {
        const candidates = await proposer.propose(image, partial, { count, rng: Rng.seeded(seed) });
        expect(candidates.length).toBeLessThanOrEqual(count);
        const sizes = candidates.map(({ added }) => added.inside);
        expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
        for (const { support } of candidates) expect(support).toBeGreaterThan(0);
        expect(candidates.reduce((total, { support }) => total + support, 0)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 8 },
    );
  });

  test("the same seed gives the same candidates, also in an overlapping call, and other seeds give others", async () => {
    const { image, partial } = plainScene();
    const ask = (seed: number) => proposer.propose(image, partial, { count: 4, rng: Rng.seeded(seed) });
    const [first, other, again] = await Promise.all([ask(7), ask(8), ask(7)]);
    expect(first.length).toBeGreaterThan(0);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });
});

const [proposer] = proposers;

test("overlapping calls run one after another: a session in the browser refuses a second run", async () => {
  let running = 0;
  let most = 0;
  const counting: Runtime = {
    name: runtime.name,
    async load(onnx) {
      const session = await runtime.load(onnx);
      const run = async (inputs: Tensors) => {
        most = Math.max(most, ++running);
        const outputs = await session.run(inputs);
        running--;
        return outputs;
      };
      return { ...session, run };
    },
  };
  const counted = await createProposer(initialModel(1), counting);
  const { image, partial } = plainScene();
  const calls = [1, 2, 3].map((seed) => counted.propose(image, partial, { count: 4, rng: Rng.seeded(seed) }));
  const closed = counted.close();
  expect((await Promise.all(calls)).every((candidates) => candidates.length > 0)).toBe(true);
  await closed;
  expect(most).toBe(1);
});

test("candidates cover the window's pixels, and a window can be asked for", async () => {
  const { image, partial } = plainScene();
  const [candidate] = await proposer.propose(image, partial, { count: 1, rng: Rng.seeded(1) });
  const placed = placeWindow(boundsOf(partial.partialness, partial), image);
  expect(candidate.box).toEqual(boxOf(placed, image));
  const window = { x: 20.5, y: -3, size: 50 };
  const [asked] = await proposer.propose(image, partial, { count: 1, rng: Rng.seeded(1), window });
  expect(asked.box).toEqual({ x: 20, y: 0, width: 50, height: 47 });
});

test("nothing is offered where everything is segmented already", async () => {
  const { image, partial } = plainScene();
  partial.partialness.fill(1);
  expect(await proposer.propose(image, partial, { count: 4, rng: Rng.seeded(1) })).toEqual([]);
});

test("grids that differ, windows off the image and impossible counts are refused, and the next call is served", async () => {
  const { image, partial } = plainScene();
  const rng = Rng.seeded(1);
  const small = emptyPartial({ width: 96, height: 79 });
  await expect(proposer.propose(image, small, { count: 4, rng })).rejects.toThrow(ShapeError);
  await expect(proposer.propose(image, partial, { count: 0, rng })).rejects.toThrow(UsageError);
  await expect(proposer.propose(image, partial, { count: 65, rng })).rejects.toThrow("ask for 1 to 64");
  for (const window of [
    { x: 96, y: 0, size: 40 },
    { x: 0, y: 0, size: 0 },
    { x: Number.NaN, y: 0, size: 40 },
  ])
    await expect(proposer.propose(image, partial, { count: 4, rng, window })).rejects.toThrow(ShapeError);
  expect(await proposer.propose(image, partial, { count: 4, rng })).not.toEqual([]);
});

function expectLarger({ box, partial, added }: Candidate, input: PartialSegmentation): void {
  let [inside, outside] = [0, 0];
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const i = y * box.width + x;
      const p = (box.y + y) * input.width + box.x + x;
      const [m, s] = [partial.partialness[i], partial.segmentation[i]];
      if (s > m) expect.fail(`inside but not segmented at ${x}, ${y}`);
      if (input.partialness[p]) {
        if (m !== 1 || s !== input.segmentation[p]) expect.fail(`the input is changed at ${x}, ${y}`);
      } else if (m) {
        if (s) inside++;
        else outside++;
      }
    }
  }
  expect(added).toEqual({ inside, outside });
  expect(inside + outside).toBeGreaterThan(0);
}
