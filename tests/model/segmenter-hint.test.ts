/** What the pretrained segmenter makes of a box or strokes, and what that does to the answers. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPartial, type Image, Rng } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { diceOf } from "../../src/evaluate/annotator.ts";
import { pretrainedSegmenterPaths } from "../../src/files/index.ts";
import { createProposer, type Proposer, REGION_CELLS } from "../../src/model/index.ts";
import { gridOnWindow } from "../../src/model/pretrained.ts";
import { boxAlone, segmenterHint, withHint } from "../../src/model/segmenter-hint.ts";
import { readModelFolder, shippedModelFolder } from "../../src/train/index.ts";
import { randomModel, WITH_FEATURES } from "./general-models.ts";

const GRID = { width: 60, height: 44 };

/** All beyond the box is outside. */
function boxed(left: number, top: number, width: number, height: number) {
  const partial = emptyPartial(GRID);
  for (let i = 0; i < partial.partialness.length; i++) {
    const [x, y] = [i % GRID.width, Math.floor(i / GRID.width)];
    partial.partialness[i] = Number(x < left || y < top || x >= left + width || y >= top + height);
  }
  return partial;
}

const boxes = fc
  .tuple(fc.integer({ min: 0, max: 29 }), fc.integer({ min: 0, max: 20 }))
  .chain(([x, y]) =>
    fc.tuple(fc.constant(x), fc.constant(y), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 20 })),
  );

test("a box is known by what it leaves open, also when outside has been marked in it", () => {
  fc.assert(
    fc.property(boxes, ([x, y, width, height]) => {
      const partial = boxed(x, y, width, height);
      expect(boxAlone(partial)).toEqual({ x, y, width, height });
      const middle = (y + Math.floor(height / 2)) * GRID.width + x + Math.floor(width / 2);
      if (width > 2 && height > 2) {
        partial.partialness[middle] = 1;
        expect(boxAlone(partial)).toEqual({ x, y, width, height });
      }
      partial.partialness[middle] = 1;
      partial.segmentation[middle] = 1;
      expect(boxAlone(partial)).toBeNull();
    }),
  );
});

test("nothing marked, and all but a rim of the image, are no box", () => {
  expect(boxAlone(emptyPartial(GRID))).toBeNull();
  expect(boxAlone(boxed(0, 1, GRID.width, GRID.height - 1))).toBeNull();
  expect(boxAlone(boxed(0, 0, 0, 0))).toBeNull();
});

/** A bright ellipse, seen by the pretrained encoder, and the segmenter's decoder. */
const ELLIPSE = Uint8Array.from({ length: GRID.width * GRID.height }, (_, i) =>
  Number(Math.hypot(((i % GRID.width) - 34) / 15, (Math.floor(i / GRID.width) - 20) / 11) < 1),
);
const runtime = nodeRuntime({ threads: 1 });
const paths = pretrainedSegmenterPaths()!;
const readDecoder = () => readFile(paths.decoder);

function ellipseImage(): Image {
  const rng = Rng.seeded(4);
  return { ...GRID, maximum: 255, data: ELLIPSE.map((value) => 60 + 90 * value + rng.below(20)) };
}

/** @param strokes  rows of pixels, drawn by hand */
function stroked(strokes: readonly { x: number; y: number; length: number; label: 0 | 1 }[]) {
  const partial = emptyPartial(GRID);
  for (const { x, y, length, label } of strokes) {
    partial.partialness.fill(1, y * GRID.width + x, y * GRID.width + x + length);
    partial.segmentation.fill(label, y * GRID.width + x, y * GRID.width + x + length);
  }
  return partial;
}

test("the hint to a box is for inside and outside alike, that to a stroke half as much for outside, and without either there is none", async () => {
  const image = ellipseImage();
  const proposer = await createProposer(randomModel(2, WITH_FEATURES), runtime);
  const features = await proposer.encode(image, await readFile(paths.encoder));
  const decoder = await runtime.load(await readDecoder());
  const hint = async (partial: ReturnType<typeof stroked>) => {
    const odds = await segmenterHint(decoder, features, partial, partial);
    if (!odds) return null;
    const onImage = gridOnWindow(odds, REGION_CELLS, GRID, { x: 0, y: 0, size: 60 }, 60);
    const mean = (label: number) => {
      const picked = [...ELLIPSE.keys()].filter((i) => ELLIPSE[i] === label);
      return picked.reduce((sum, i) => sum + onImage[i], 0) / picked.length;
    };
    return { inside: mean(1), outside: mean(0), least: Math.min(...odds), most: Math.max(...odds) };
  };

  const box = (await hint(boxed(18, 8, 33, 25)))!;
  expect(box.inside).toBeGreaterThan(0.5);
  expect(box.outside).toBeLessThan(-0.5);
  const inside = { x: 26, y: 20, length: 16, label: 1 } as const;
  for (const strokes of [[inside], [inside, { x: 2, y: 40, length: 20, label: 0 } as const]]) {
    const stroke = (await hint(stroked(strokes)))!;
    expect(stroke.inside).toBeGreaterThan(0.5);
    expect(stroke.outside).toBeLessThan(-0.1);
    expect(stroke.least).toBeGreaterThan(-0.61);
  }
  expect(Math.max(box.most, -box.least)).toBeLessThan(1.3);
  expect(await hint(emptyPartial(GRID))).toBeNull();
  expect(await hint(stroked([{ x: 2, y: 40, length: 20, label: 0 }]))).toBeNull();

  await decoder.close();
  await proposer.close();
});

test("a hint is added to the log odds of every answer; beside the image there is none", () => {
  const odds = fc.double({ min: -5, max: 5, noNaN: true });
  fc.assert(
    fc.property(fc.array(odds, { minLength: 16, maxLength: 16 }), odds, (own, hint) => {
      const segmentation = Float32Array.from(own, (value) => 1 / (1 + Math.exp(-value)));
      const partialness = new Float32Array(16).fill(1);
      const everywhere = new Float32Array(REGION_CELLS * REGION_CELLS).fill(hint);
      // The left half of the window lies beside the image.
      const [answer] = withHint([{ partialness, segmentation }], everywhere, GRID, { x: -20, y: 0, size: 40 });
      for (let i = 0; i < 16; i++) {
        const p = answer.segmentation[i];
        expect(Math.log(p / (1 - p))).toBeCloseTo(own[i] + (i % 4 < 2 ? 0 : hint), 1);
      }
    }),
    { numRuns: 20 },
  );
});

test("with the hint a stroke in a faint ellipse is answered better, and a box around it by a network that has learned nothing", async () => {
  const rng = Rng.seeded(4);
  const faint: Image = { ...GRID, maximum: 255, data: ELLIPSE.map((value) => 90 + 12 * value + rng.below(70)) };
  const learned = await readModelFolder(shippedModelFolder());
  const unlearned = randomModel(2, WITH_FEATURES);
  const first = async (proposer: Proposer, image: Image, partial: ReturnType<typeof stroked>) => {
    const features = await proposer.encode(image, await readFile(paths.encoder));
    const [{ box, partial: found }] = await proposer.propose(image, partial, {
      count: 1,
      rng: Rng.seeded(1),
      features,
    });
    expect(box).toEqual({ x: 0, y: 0, ...GRID });
    return found.segmentation;
  };
  const stroke = stroked([{ x: 26, y: 20, length: 16, label: 1 }]);
  const box = boxed(18, 8, 33, 25);
  const [alone, helped] = [await createProposer(learned, runtime), await createProposer(learned, runtime, readDecoder)];
  await helped.prepareForFeatures();
  const agreement = async (proposer: Proposer) => diceOf(await first(proposer, faint, stroke), ELLIPSE);
  expect(await agreement(helped)).toBeGreaterThan((await agreement(alone)) + 0.03);

  // What is said of how likely pixels are is of the same answers.
  const likely = async (proposer: Proposer) => {
    const features = await proposer.encode(faint, await readFile(paths.encoder));
    return proposer.probabilities!(faint, stroke, { rng: Rng.seeded(1), features });
  };
  const [own, withHints] = [await likely(alone), await likely(helped)];
  const meanIn = (values: Float32Array) =>
    values.reduce((sum, value, i) => sum + value * ELLIPSE[i], 0) / ELLIPSE.reduce((sum, value) => sum + value, 0);
  expect(meanIn(withHints)).toBeGreaterThan(meanIn(own) + 0.03);

  const unhelped = await createProposer(unlearned, runtime);
  const unlearnedHelped = await createProposer(unlearned, runtime, readDecoder);
  const failing = await createProposer(unlearned, runtime, () => Promise.reject(new Error("no such file")));
  const answer = await first(unhelped, ellipseImage(), box);
  const better = await first(unlearnedHelped, ellipseImage(), box);
  expect(diceOf(better, ELLIPSE)).toBeGreaterThan(diceOf(answer, ELLIPSE));
  expect(answer.includes(1)).toBe(true);
  // A decoder that cannot be read costs the hint, not the answer.
  expect(await first(failing, ellipseImage(), box)).toEqual(answer);

  await Promise.all([alone, helped, unhelped, unlearnedHelped, failing].map((proposer) => proposer.close()));
});
