import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { type Affine, PLANE_NAMES, planesOf } from "../../src/image/index.ts";
import { DoubtMeter } from "../../src/project/doubt.ts";
import {
  type Action,
  ActionError,
  BY_HAND,
  type Change,
  deltaOf,
  emptyHistory,
  INSIDE,
  joinDeltas,
  parseAction,
  perform,
  SEGMENTED,
  Tally,
} from "../../src/project/index.ts";
import {
  DONE,
  FILLED,
  fillDelta,
  gapNear,
  marksOf,
  sliceOf,
  TOUCHED,
  volumeIndexOf,
  workedSlices,
} from "../../src/project/slice-labels.ts";
import { statisticsCsv, talliesOf } from "../../src/project/tally.ts";

const SIZE = [7, 6, 5] as const;
const GRID = { width: 7, height: 30, depth: 5 };
const VOXELS = 7 * 6 * 5;
/** Voxels of 1 x 2 x 3 mm; i runs to the left, j to the front, k to the feet. */
const LAF: Affine = [-1, 0, 0, 10, 0, 2, 0, 20, 0, 0, -3, 30];
const PLANES = planesOf({ size: SIZE, toWorld: LAF });
const STATES = [0, SEGMENTED, SEGMENTED | INSIDE, SEGMENTED | BY_HAND, SEGMENTED | INSIDE | BY_HAND];

function randomLabels(seed: number): Uint8Array {
  const rng = Rng.seeded(seed);
  return Uint8Array.from({ length: VOXELS }, () => STATES[rng.below(STATES.length)]);
}

const seeds = fc.integer({ min: 0, max: 1e6 });
const places = fc.constantFrom(...PLANE_NAMES).chain((name) => {
  const plane = PLANES[name];
  return fc.record({ plane: fc.constant(plane), slice: fc.integer({ min: 0, max: plane.count - 1 }) });
});

test("a change drawn on any slice of any plane changes those voxels and no others, and undo brings them back", () => {
  fc.assert(
    fc.property(seeds, places, (seed, { plane, slice }) => {
      const history = emptyHistory(GRID);
      history.annotation.data.set(randomLabels(seed));
      const before = history.annotation.data.slice();
      const wanted = randomLabels(seed + 1);
      const drawn = sliceOf(before, SIZE, plane, slice);
      const delta = deltaOf(drawn.data, (pixel) => wanted[pixel]);
      const volumeIndex = volumeIndexOf(SIZE, plane, slice);
      const joined = joinDeltas([{ delta, volumeIndex }]);
      const action: Action = {
        kind: "brush",
        mark: "inside",
        stroke: { points: [[0, 0]], width: 1 },
        slice: { axis: plane.axis, index: slice },
        delta: joined,
        at: 0,
      };
      perform(history, parseAction(JSON.parse(JSON.stringify(action)), GRID));
      const after = sliceOf(history.annotation.data, SIZE, plane, slice);
      expect(after.data).toEqual(wanted.subarray(0, after.data.length));
      const touched = new Set(Array.from(drawn.data.keys(), volumeIndex));
      history.annotation.data.forEach((value, voxel) => {
        if (!touched.has(voxel)) expect(value).toBe(before[voxel]);
      });
      perform(history, { kind: "undo", at: 1 });
      expect(history.annotation.data).toEqual(before);
    }),
  );
});

const label = (value: number) => ({ value, name: `Label ${value}`, color: "#e69f00" });

test("counting change by change gives what counting the whole gives, and taking changes back gives nothing", () => {
  const data = Int16Array.from({ length: VOXELS }, (_, i) => (i * 37) % 101);
  const volume = { size: SIZE, data, slope: 2, intercept: -5, toWorld: LAF };
  fc.assert(
    fc.property(seeds, (seed) => {
      const labels = randomLabels(seed);
      const delta = deltaOf(new Uint8Array(VOXELS), (voxel) => labels[voxel]);
      const stepwise = new Tally(volume);
      stepwise.change(delta, 1);
      const map = { size: SIZE, data: labels.map((value) => (value & INSIDE ? 7 : 0)), labels: [label(7)] };
      const [{ tally: whole }] = talliesOf(map, volume);
      expect(stepwise.areas).toEqual(whole.areas);
      const inside = [...labels.keys()].filter((voxel) => labels[voxel] & INSIDE);
      expect(whole.inside).toBe(inside.length);
      expect([0, 1, 2].map((axis) => whole.areas[axis].reduce((a, b) => a + b, 0))).toEqual(
        Array(3).fill(inside.length),
      );
      const mean = inside.reduce((total, voxel) => total + 2 * data[voxel] - 5, 0) / inside.length;
      if (inside.length > 0) expect(whole.mean(1)).toBeCloseTo(mean, 9);
      stepwise.change(delta, -1);
      expect(stepwise.inside).toBe(0);
      expect([0, 1, 2].map((axis) => stepwise.mean(axis as 0 | 1 | 2, 0))).toEqual([null, null, null]);
    }),
  );
});

test("statistics are in mm2, ml and intensities, slice by slice and as a whole", () => {
  const data = Float32Array.from({ length: VOXELS }, (_, i) => (i < 42 ? 4 : 10));
  const volume = { size: SIZE, data, slope: 1, intercept: 0, toWorld: LAF };
  const labels = new Uint8Array(VOXELS);
  labels.fill(1, 0, 3);
  labels.fill(1, 42, 43);
  const tallies = talliesOf({ size: SIZE, data: labels, labels: [label(1)] }, volume);
  expect(tallies[0].tally.voxelVolume).toBeCloseTo(0.006, 12);
  expect(statisticsCsv(tallies, PLANES.axial)).toBe(
    [
      "plane,slice,position_mm,voxels,area_mm2,volume_ml,mean_intensity",
      "axial,1,30.000,3,6.0000,0.018000,4.0000",
      "axial,2,27.000,1,2.0000,0.006000,10.0000",
      "whole,,,4,,0.024000,5.5000",
      "",
    ].join("\n"),
  );
  labels.fill(4, 43, 45);
  const two = [label(1), { ...label(4), name: 'left, "big"' }];
  expect(statisticsCsv(talliesOf({ size: SIZE, data: labels, labels: two }, volume), PLANES.axial)).toBe(
    [
      "label,name,plane,slice,position_mm,voxels,area_mm2,volume_ml,mean_intensity",
      "1,Label 1,axial,1,30.000,3,6.0000,0.018000,4.0000",
      "1,Label 1,axial,2,27.000,1,2.0000,0.006000,10.0000",
      "1,Label 1,whole,,,4,,0.024000,5.5000",
      '4,"left, ""big""",axial,2,27.000,2,4.0000,0.012000,10.0000',
      '4,"left, ""big""",whole,,,2,,0.012000,10.0000',
      "",
    ].join("\n"),
  );
});

test("a mean leaves out voxels that hold no number, and there is none where all of them are such", () => {
  const data = new Float32Array(VOXELS).fill(10);
  data.fill(Number.NaN, 0, 2);
  data[43] = Number.POSITIVE_INFINITY;
  const volume = { size: SIZE, data, slope: 2, intercept: 1, toWorld: LAF };
  const tally = new Tally(volume);
  const change = [0, 4, 0, SEGMENTED | INSIDE, 42, 2, 0, SEGMENTED | INSIDE, 84, 1, 0, SEGMENTED | INSIDE];
  tally.change(change, 1);
  expect([tally.inside, tally.mean(0), tally.mean(2, 0), tally.mean(2, 1)]).toEqual([7, 21, 21, 21]);
  expect(tally.mean(0, 0)).toBe(21);
  expect(tally.mean(0, 1)).toBeNull();
  tally.change(change, -1);
  expect([tally.inside, tally.mean(0), tally.mean(2, 1)]).toEqual([0, null, null]);
});

const done = (index: number): Change => ({ kind: "done", slice: { axis: 2, index }, delta: [] });
const brush = (index: number, axis: 0 | 2 = 2): Change => ({
  kind: "brush",
  mark: "inside",
  stroke: { points: [[0, 0]], width: 1 },
  slice: { axis, index },
  delta: [],
});
const fill = (from: number, to: number): Change => ({ kind: "fill", axis: 2, from, to, delta: [] });

test("a slice is touched, filled or done by the last of the changes on it, and what is done stays done", () => {
  const plane = { axis: 2, count: 6 } as const;
  expect([...marksOf([brush(0), done(0), done(4), fill(0, 4), brush(2), brush(4), brush(5, 0)], plane)]).toEqual([
    DONE,
    FILLED,
    TOUCHED,
    FILLED,
    DONE | TOUCHED,
    0,
  ]);
  expect([...marksOf([fill(0, 4), brush(2), fill(0, 4)], plane)]).toEqual([0, FILLED, FILLED, FILLED, 0, 0]);
});

test("what was worked on is, in the plane with most of it, the slices that were called done and those filled between, or all that were touched", () => {
  const planes = Object.values(PLANES);
  const worked = (...changes: Change[]) => {
    const found = workedSlices(changes, planes);
    return found && [found.plane.axis, ...found.slices];
  };
  expect(worked(brush(1), brush(3), brush(2, 0))).toEqual([2, 1, 3]);
  expect(worked(brush(1, 0), brush(3, 0), brush(2))).toEqual([0, 1, 3]);
  expect(worked(done(0), done(3), fill(0, 3), brush(4))).toEqual([2, 0, 1, 2, 3]);
  expect(worked()).toBeNull();
  expect(worked({ kind: "import", mask: { sha256: "", label: 1 }, delta: [] })).toBeNull();
});

test("the gap to fill is the nearest that has slices between two done ones", () => {
  const marks = Uint8Array.from([DONE, 0, 0, DONE, DONE, TOUCHED, DONE, 0]);
  expect(gapNear(marks, 0)).toEqual({ from: 0, to: 3 });
  expect(gapNear(marks, 5)).toEqual({ from: 4, to: 6 });
  expect(gapNear(marks, 7)).toEqual({ from: 4, to: 6 });
  expect(gapNear(Uint8Array.of(DONE, DONE, 0, TOUCHED), 1)).toBeNull();
});

test("filling goes from one shape to the other, replaces what was filled, and leaves what is by hand", () => {
  for (const name of PLANE_NAMES) {
    const plane = PLANES[name];
    const labels = new Uint8Array(VOXELS);
    const set = (slice: number, value: (x: number, y: number) => number) => {
      const index = volumeIndexOf(SIZE, plane, slice);
      for (let p = 0; p < plane.width * plane.height; p++)
        labels[index(p)] = value(p % plane.width, Math.floor(p / plane.width));
    };
    const last = plane.count - 1;
    set(0, (x, y) => (x >= 1 && x <= 3 && y >= 1 && y <= 3 ? SEGMENTED | INSIDE : 0));
    set(last, (x, y) => (x >= 1 && x <= 3 && y >= 1 && y <= 3 ? SEGMENTED | INSIDE | BY_HAND : SEGMENTED));
    set(2, (x, y) => (x === 2 && y === 2 ? SEGMENTED | BY_HAND : x === 0 ? SEGMENTED | INSIDE : 0));
    const delta = fillDelta(labels, SIZE, plane, { from: 0, to: last })!;
    parseAction({ kind: "fill", axis: plane.axis, from: 0, to: last, delta, at: 0 }, GRID);
    const history = emptyHistory(GRID);
    history.annotation.data.set(labels);
    perform(history, { kind: "fill", axis: plane.axis, from: 0, to: last, delta, at: 0 });
    const { data } = sliceOf(history.annotation.data, SIZE, plane, 2);
    data.forEach((value, p) => {
      const [x, y] = [p % plane.width, Math.floor(p / plane.width)];
      if (x === 2 && y === 2) expect(value).toBe(SEGMENTED | BY_HAND);
      else expect(value).toBe(x >= 1 && x <= 3 && y >= 1 && y <= 3 ? SEGMENTED | INSIDE : 0);
    });
  }
});

test("nothing can be filled towards a slice without a mask", () => {
  const labels = new Uint8Array(VOXELS).fill(SEGMENTED | INSIDE, 0, 42);
  expect(fillDelta(labels, SIZE, PLANES.axial, { from: 0, to: 4 })).toBeNull();
});

test("a slice left out between two is doubted most, one like its neighbours not at all", () => {
  const labels = new Uint8Array(VOXELS);
  const box = (slice: number, width: number) => {
    for (let y = 1; y < 5; y++) labels.fill(SEGMENTED | INSIDE, slice * 42 + y * 7 + 1, slice * 42 + y * 7 + 1 + width);
  };
  [4, 4, 0, 4, 4].forEach((width, slice) => {
    box(slice, width);
  });
  const meter = new DoubtMeter(labels, SIZE, PLANES.axial);
  expect([0, 1, 2, 3, 4].map((slice) => meter.uneven(slice))).toEqual([0, 0, 1, 0, 0]);
  labels.fill(0, 84, 126);
  box(2, 5);
  expect(meter.uneven(2)).toBeCloseTo(0.2, 9);
  labels.fill(0, 168);
  box(4, 2);
  expect(meter.filled(2, { from: 0, to: 4 })).toBeCloseTo(0.5, 9);
  expect(meter.filled(1, { from: 0, to: 4 })).toBeCloseTo(0.375, 9);
});

test("a change that names a slice which is not there, or is on an image, is refused", () => {
  const at = 0;
  const slice = { axis: 2, index: 5 };
  expect(() => parseAction({ kind: "done", slice, delta: [], at }, GRID)).toThrow(/slice 5 of 5/);
  expect(() => parseAction({ kind: "done", slice: { axis: 1, index: 6 }, delta: [], at }, GRID)).toThrow(ActionError);
  expect(() => parseAction({ kind: "done", slice: { axis: 0, index: 6 }, delta: [1, 1, 0, 3], at }, GRID)).toThrow(
    ActionError,
  );
  expect(() => parseAction({ kind: "fill", axis: 2, from: 0, to: 5, delta: [], at }, GRID)).toThrow(ActionError);
  const image = { width: 7, height: 30 };
  expect(() => parseAction({ kind: "done", slice: { axis: 2, index: 0 }, delta: [], at }, image)).toThrow(
    /an image has none/,
  );
  const fromHand = { kind: "fill", axis: 2, from: 0, to: 4, delta: [0, 1, SEGMENTED | BY_HAND, 0], at };
  expect(() => parseAction(fromHand, GRID)).toThrow(/a fill may not turn/);
  expect(() => parseAction({ ...fromHand, delta: [0, 1, SEGMENTED | INSIDE, 0] }, GRID)).not.toThrow();
});
