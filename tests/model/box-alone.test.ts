/** A box that nothing else is known of: how it is recognised, and what the pretrained segmenter makes of it. */
import { readFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPartial, type Image, Rng } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { diceOf } from "../../src/evaluate/annotator.ts";
import { pretrainedSegmenterPaths } from "../../src/files/index.ts";
import { boxAlone } from "../../src/model/box-alone.ts";
import { createProposer } from "../../src/model/index.ts";
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

test("with the pretrained segmenter a box around a bright ellipse gives the ellipse, by a network that has learned nothing", async () => {
  const paths = pretrainedSegmenterPaths()!;
  const runtime = nodeRuntime({ threads: 1 });
  const model = randomModel(2, WITH_FEATURES);
  const readDecoder = () => readFile(paths.decoder);
  const [alone, helped] = [await createProposer(model, runtime), await createProposer(model, runtime, readDecoder)];
  const rng = Rng.seeded(4);
  const truth = Uint8Array.from({ length: GRID.width * GRID.height }, (_, i) =>
    Number(Math.hypot(((i % GRID.width) - 34) / 15, (Math.floor(i / GRID.width) - 20) / 11) < 1),
  );
  const image: Image = { ...GRID, maximum: 255, data: truth.map((value) => 60 + 90 * value + rng.below(20)) };
  const features = await helped.encode(image, await readFile(paths.encoder));
  const partial = boxed(18, 8, 33, 25);
  const agreement = async (proposer: typeof alone) => {
    const [{ box, partial: first }] = await proposer.propose(image, partial, { count: 1, rng, features });
    expect(box).toEqual({ x: 0, y: 0, ...GRID });
    return diceOf(first.segmentation, truth);
  };
  expect(await agreement(helped)).toBeGreaterThan(0.8);
  expect(await agreement(alone)).toBeLessThan(0.5);

  await alone.close();
  await helped.close();
});
