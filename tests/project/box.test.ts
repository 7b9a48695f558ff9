/** A box: what it closes, what it leaves, what the next one opens again, and what a journal may say of it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Box, Rng } from "../../src/core/index.ts";
import { type Affine, planesOf } from "../../src/image/index.ts";
import {
  ActionError,
  annotationOf,
  BY_HAND,
  boxDelta,
  byHandOf,
  type Change,
  CLOSED,
  closedAcross,
  type Delta,
  emptyHistory,
  FIRST,
  type History,
  INSIDE,
  insideBeyond,
  joinDeltas,
  named,
  OWN,
  parseAction,
  partialOf,
  perform,
  SEGMENTED,
  sliceOf,
  strokeDelta,
  valuesOf,
  volumeIndexOf,
} from "../../src/project/index.ts";
import { GRID, randomBox, randomStroke, session } from "./made.ts";

const LABELS = [FIRST, 2, 7];
const seed = fc.nat(2 ** 31);
const length = fc.integer({ min: 0, max: 40 });
const isWithin = (box: Box, x: number, y: number) =>
  x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
const isPixelWithin = (box: Box, pixel: number) => isWithin(box, pixel % GRID.width, Math.floor(pixel / GRID.width));
const boxOf = (seed: number, name: string) => randomBox(Rng.seeded(seed).at(name), GRID);

function draw(history: History, box: Box, label = FIRST): void {
  perform(history, { kind: "box", box, ...named(label), delta: boxDelta(annotationOf(history, label), box), at: 0 });
}

test("a box closes all beyond it that is not inside, and takes nothing from any label", () => {
  fc.assert(
    fc.property(seed, length, fc.constantFrom(...LABELS), (seed, count, label) => {
      const { history } = session(seed, count, LABELS);
      const before = annotationOf(history, label).data.slice();
      const values = valuesOf(history, 1);
      const box = boxOf(seed, "box");
      draw(history, box, label);
      const { data } = annotationOf(history, label);
      expect(valuesOf(history, 1)).toEqual(values);
      data.forEach((value, pixel) => {
        const was = before[pixel] & OWN;
        if (isPixelWithin(box, pixel)) expect(value & OWN).toBe(was === CLOSED ? 0 : was);
        else expect(value & OWN).toBe(was & (INSIDE | BY_HAND) ? was : CLOSED);
      });
      expect(insideBeyond(annotationOf(history, label), box)).toBe(
        data.filter((value, pixel) => value & INSIDE && !isPixelWithin(box, pixel)).length,
      );
    }),
  );
});

test("the model sees all beyond a first box as outside by hand, and nothing within it as decided", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      const history = emptyHistory(GRID);
      const box = boxOf(seed, "box");
      draw(history, box);
      const { partialness, segmentation } = partialOf(history.annotation);
      const expected = partialness.map((_, pixel) => (isPixelWithin(box, pixel) ? 0 : 1));
      expect(partialness).toEqual(expected);
      expect(byHandOf(history.annotation)).toEqual(expected);
      expect(segmentation.includes(1)).toBe(false);
    }),
  );
});

test("the newest box is the one that counts: it leaves what it would have left without those before it", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const [first, second] = [boxOf(seed, "first"), boxOf(seed, "second")];
      const [twice, once] = [session(seed, count).history, session(seed, count).history];
      const before = once.annotation.data.slice();
      draw(twice, first);
      draw(twice, second);
      draw(once, second);
      // What a candidate had decided to be outside is closed by the first box, and undecided when the second opens it.
      const expected = once.annotation.data.map((value, pixel) =>
        before[pixel] === SEGMENTED && !isPixelWithin(first, pixel) && isPixelWithin(second, pixel) ? 0 : value,
      );
      expect(twice.annotation.data).toEqual(expected);
    }),
  );
});

test("what was drawn outside beyond a box stays outside when a larger box is drawn", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      const history = emptyHistory(GRID);
      draw(history, boxOf(seed, "first"));
      const stroke = randomStroke(Rng.seeded(seed).at("stroke"));
      const delta = strokeDelta(history.annotation, stroke, "outside");
      perform(history, { kind: "scribble", mark: "outside", stroke, delta, at: 0 });
      const drawn = history.annotation.data.map((value) => (value === (SEGMENTED | BY_HAND) ? 1 : 0));
      draw(history, { x: 0, y: 0, ...GRID });
      expect(history.annotation.data).toEqual(drawn.map((is) => is * (SEGMENTED | BY_HAND)));
    }),
  );
});

/** Voxels of 1 x 2 x 3 mm; i runs to the left, j to the front, k to the feet. */
const SIZE = [7, 6, 5] as const;
const LAF: Affine = [-1, 0, 0, 10, 0, 2, 0, 20, 0, 0, -3, 30];
const PLANES = Object.values(planesOf({ size: SIZE, toWorld: LAF }));
const TALL = { width: 7, height: 30, depth: 5 };

/** A box on a slice of a volume, as the app makes it. */
function drawOnSlice(history: History, rng: Rng): { box: Box; plane: (typeof PLANES)[number]; slice: number } {
  const plane = PLANES[rng.below(3)];
  const slice = rng.below(plane.count);
  const box = randomBox(rng, plane);
  const across = closedAcross(history.done, PLANES, plane, slice);
  const onSlice = boxDelta(sliceOf(history.annotation.data, SIZE, plane, slice), box, across);
  const delta = joinDeltas([{ delta: onSlice, volumeIndex: volumeIndexOf(SIZE, plane, slice) }]);
  const change: Change = { kind: "box", box, slice: { axis: plane.axis, index: slice }, delta };
  perform(history, parseAction(JSON.parse(JSON.stringify({ ...change, at: 0 })), TALL));
  return { box, plane, slice };
}

test("a voxel is closed while the newest box of any slice through it leaves it out, whatever the order", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 12 }), (seed, count) => {
      const history = emptyHistory(TALL);
      const drawn = Array.from({ length: count }, (_, i) => drawOnSlice(history, Rng.seeded(seed).at(i)));
      const expected = new Uint8Array(history.annotation.data.length);
      for (const plane of PLANES)
        for (let slice = 0; slice < plane.count; slice++) {
          const newest = drawn.findLast((one) => one.plane === plane && one.slice === slice);
          const indexOf = volumeIndexOf(SIZE, plane, slice);
          for (let pixel = 0; newest && pixel < plane.width * plane.height; pixel++)
            if (!isWithin(newest.box, pixel % plane.width, Math.floor(pixel / plane.width)))
              expected[indexOf(pixel)] = CLOSED;
        }
      expect(history.annotation.data).toEqual(expected);
      for (let i = 0; i < count; i++) perform(history, { kind: "undo", at: 0 });
      expect(history.annotation.data.every((value) => value === 0)).toBe(true);
    }),
  );
});

test("a journal's box is on its image or slice, no click, and does what a box does", () => {
  const box = { x: 3, y: 4, width: 10, height: 5 };
  const parse = (box: object, delta: Delta = [], more = {}) =>
    parseAction({ kind: "box", box, delta, at: 0, ...more }, GRID);
  const delta = [0, 2, 0, CLOSED, 2, 1, SEGMENTED, CLOSED, 130, 1, CLOSED, 0];
  expect(parse(box, delta, { label: 2 })).toEqual({ kind: "box", box, delta, label: 2, at: 0 });
  const refused = [
    { ...box, width: 1 },
    { ...box, x: -1 },
    { ...box, y: 26 },
    { ...box, x: 0.5 },
    { ...box, width: 38 },
    { x: 3, y: 4 },
    { ...box, name: "x" },
  ];
  for (const wrong of refused) expect(() => parse(wrong), JSON.stringify(wrong)).toThrow(ActionError);
  for (const [before, after] of [
    [SEGMENTED | INSIDE, CLOSED],
    [SEGMENTED | INSIDE | BY_HAND, 0],
    [SEGMENTED | BY_HAND, CLOSED],
    [SEGMENTED | BY_HAND, 0],
    [CLOSED, SEGMENTED],
    [CLOSED, CLOSED],
    [0, SEGMENTED | BY_HAND],
    [0, CLOSED | INSIDE],
  ])
    expect(() => parse(box, [0, 1, before, after]), `${before} to ${after}`).toThrow(ActionError);
  const stroke = { points: [[1, 1]], width: 3 };
  const scribble = (delta: Delta) => parseAction({ kind: "scribble", mark: "outside", stroke, delta, at: 0 }, GRID);
  expect(() => scribble([0, 1, 0, CLOSED])).toThrow(/a scribble may not turn 0 into 37/);
  expect(() => scribble([0, 1, CLOSED, SEGMENTED | BY_HAND])).not.toThrow();
  const slice = { axis: 1, index: 2 };
  const onSlice = (box: object, where: object) => parseAction({ kind: "box", box, delta: [], at: 0, ...where }, TALL);
  for (const wide of [
    { x: 0, y: 0, width: 7, height: 5 },
    { x: 0, y: 0, width: 5, height: 7 },
  ])
    expect(() => onSlice(wide, { slice })).not.toThrow();
  expect(() => onSlice({ x: 0, y: 0, width: 6, height: 6 }, { slice })).toThrow(/reaches 6, 6 of 7 x 5/);
  expect(() => onSlice({ x: 0, y: 0, width: 5, height: 5 }, {})).toThrow(/on no slice/);
});
