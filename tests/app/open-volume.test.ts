import fc from "fast-check";
import { expect, test } from "vitest";
import { carriedCandidate, insideOnly, startedFrom } from "../../src/app/carry.ts";
import { Colors } from "../../src/app/label-colors.ts";
import { OpenVolume } from "../../src/app/open-volume.ts";
import { slicesTouched } from "../../src/app/volume-label.ts";
import type { OfferedCandidate } from "../../src/app/worker-messages.ts";
import { emptyMask } from "../../src/core/index.ts";
import { grayScaleOf, type Volume } from "../../src/image/index.ts";
import { BY_HAND, FIRST, INSIDE, named, SEGMENTED, strokeDelta, takeDelta } from "../../src/project/annotation.ts";
import { annotationOf, emptyHistory, perform } from "../../src/project/history.ts";
import { sliceOf } from "../../src/project/slice-labels.ts";

const SIZE = [4, 3, 5] as const;

test("the slices that a change reaches hold all of its voxels, and a change in one slice reaches no other", () => {
  const runs = fc.tuple(fc.integer({ min: 0, max: 59 }), fc.integer({ min: 1, max: 60 }));
  fc.assert(
    fc.property(runs, fc.constantFrom(0 as const, 1 as const, 2 as const), ([start, length], axis) => {
      const end = Math.min(60, start + length);
      const { first, last } = slicesTouched([start, end - start, 0, SEGMENTED], axis, SIZE);
      const places = Array.from({ length: end - start }, (_, i) => {
        const voxel = start + i;
        return [voxel % 4, Math.floor(voxel / 4) % 3, Math.floor(voxel / 12)][axis];
      });
      expect(first).toBeLessThanOrEqual(Math.min(...places));
      expect(last).toBeGreaterThanOrEqual(Math.max(...places));
      if (end - start <= 1) expect([first, last]).toEqual([places[0], places[0]]);
      if (axis === 2) expect([first, last]).toEqual([Math.min(...places), Math.max(...places)]);
    }),
  );
});

test("a volume is first seen axially, but slices that were taken thicker than that in the plane that they were taken in", () => {
  const first = (size: Volume["size"], toWorld: Volume["toWorld"]) => {
    const volume: Volume = {
      ...{ size, data: new Int16Array(size[0] * size[1] * size[2]), slope: 1, intercept: 0, toWorld },
      ...{ modality: null, windows: [], notes: [], origin: { kind: "other" } },
    };
    return new OpenVolume(volume, grayScaleOf(volume), emptyHistory({ width: 1, height: 1 }), new Colors([]))
      .firstPlane;
  };
  expect(first([9, 9, 9], [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0])).toBe("axial");
  expect(first([9, 9, 9], [-1, 0, 0, 0, 0, 1.4, 0, 0, 0, 0, 1, 0])).toBe("axial");
  expect(first([9, 9, 9], [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 5, 0])).toBe("axial");
  expect(first([9, 9, 9], [-1, 0, 0, 0, 0, 0, 4, 0, 0, -1, 0, 0])).toBe("coronal");
  expect(first([9, 9, 9], [0, 0, 4, 0, 1, 0, 0, 0, 0, -1, 0, 0])).toBe("sagittal");
  // A row of slices that are one pixel wide is no plane to look at.
  expect(first([1, 9, 9], [-1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 0])).toBe("sagittal");
});

test("a slice holds what a label's annotation does, what the others have of it too, whichever changes came and went", () => {
  const [ni, nj, nk] = SIZE;
  const volume: Volume = {
    ...{ size: SIZE, data: new Int16Array(60), slope: 1, intercept: 0, toWorld: [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0] },
    ...{ modality: null, windows: [], notes: [], origin: { kind: "other" } },
  };
  const point = fc.tuple(fc.integer({ min: 0, max: ni - 1 }), fc.integer({ min: 0, max: nj * nk - 1 }));
  const strokes = fc.array(fc.option(fc.tuple(fc.constantFrom(FIRST, 2, 3), point, point)), { maxLength: 6 });
  fc.assert(
    fc.property(strokes, (all) => {
      const history = emptyHistory({ width: ni, height: nj * nk });
      const open = new OpenVolume(volume, grayScaleOf(volume), history, new Colors([]));
      for (const one of all) {
        if (!one) {
          open.changed(perform(history, { kind: "undo", at: 0 }));
          continue;
        }
        const [label, ...points] = one;
        const stroke = { points, width: 2 };
        const delta = strokeDelta(annotationOf(history, label), stroke, "inside");
        open.changed(perform(history, { kind: "brush", mark: "inside", stroke, ...named(label), delta, at: 0 }));
      }
      for (const [, label] of open.worked)
        for (const plane of Object.values(open.planes))
          for (let slice = 0; slice < plane.count; slice++)
            expect(label.on(plane, slice)).toEqual(sliceOf(label.annotation.data, SIZE, plane, slice));
    }),
  );
});

const GRID = { width: 20, height: 20 };

function square(from: number, to: number) {
  const mask = emptyMask(GRID);
  for (let y = from; y < to; y++) mask.data.fill(1, y * 20 + from, y * 20 + to);
  return mask;
}

const empty = () => ({ ...GRID, data: new Uint8Array(400) });

test("a mask that is carried over adds exactly its pixels, and decides no others", () => {
  const mask = square(5, 15);
  const carried = carriedCandidate(mask, empty())!;
  expect(carried.change).toEqual({ gained: 100, lost: 0 });
  const delta = takeDelta(empty(), carried.partial, carried.box);
  for (let run = 0; run < delta.length; run += 4) expect(delta[run + 3]).toBe(SEGMENTED | INSIDE);
  expect(carriedCandidate(emptyMask(GRID), empty())).toBeNull();
});

test("the model begins from the middle of the mask and from what is far from it, and never from what a hand drew otherwise", () => {
  const annotation = empty();
  annotation.data[10 * 20 + 10] = SEGMENTED | BY_HAND;
  const started = startedFrom(square(5, 15), annotation);
  expect(started[10 * 20 + 10]).toBe(SEGMENTED | BY_HAND);
  expect(started[9 * 20 + 9]).toBe(SEGMENTED | INSIDE);
  // The mask's own edge is undecided, and so is what is just beyond it.
  expect(started[5 * 20 + 5]).toBe(0);
  expect(started[3 * 20 + 10]).toBe(0);
  expect(started[0]).toBe(SEGMENTED);
  expect(annotation.data[9 * 20 + 9]).toBe(0);
});

test("of what the model makes of it only the inside is taken", () => {
  const partialness = new Uint8Array(400).fill(1);
  const made: OfferedCandidate = {
    box: { x: 0, y: 0, ...GRID },
    partial: { ...GRID, partialness, segmentation: square(4, 14).data },
    support: 0.5,
    added: { inside: 1, outside: 2 },
    change: { gained: 1, lost: 0 },
  };
  const taken = insideOnly(made, empty());
  expect(taken.change).toEqual({ gained: 100, lost: 0 });
  const after = takeDelta(empty(), taken.partial, taken.box);
  for (let run = 0; run < after.length; run += 4) expect(after[run + 3]).toBe(SEGMENTED | INSIDE);
});
