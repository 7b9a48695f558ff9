/** Boxes and crops against what a pixel-by-pixel definition says. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Box,
  boundsOf,
  clipBox,
  crop,
  emptyMask,
  emptyPartial,
  type Grid,
  requireSameGrid,
  ShapeError,
} from "../../src/core/index.ts";

const grids = fc.record({ width: fc.integer({ min: 1, max: 12 }), height: fc.integer({ min: 1, max: 12 }) });
const boxes = fc.record({
  x: fc.integer({ min: -15, max: 15 }),
  y: fc.integer({ min: -15, max: 15 }),
  width: fc.nat(20),
  height: fc.nat(20),
});

/** Pixels of `box` that lie on `grid`, as "x,y". */
function pixels(box: Box, grid: Grid): string[] {
  const out: string[] = [];
  for (let y = box.y; y < box.y + box.height; y++)
    for (let x = box.x; x < box.x + box.width; x++)
      if (x >= 0 && y >= 0 && x < grid.width && y < grid.height) out.push(`${x},${y}`);
  return out;
}

test("clipping keeps exactly the pixels that lie on the grid", () => {
  fc.assert(
    fc.property(boxes, grids, (box, grid) => {
      const clipped = clipBox(box, grid);
      expect(pixels(clipped, grid)).toEqual(pixels(box, grid));
      expect(clipped.width * clipped.height).toBe(pixels(box, grid).length);
      expect(clipBox(clipped, grid)).toEqual(clipped);
    }),
    { numRuns: 1000 },
  );
});

/** A grid and values on it, mostly zeros. */
const sparse = grids.chain((grid) =>
  fc.record({
    grid: fc.constant(grid),
    data: fc
      .array(fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 255 })), {
        minLength: grid.width * grid.height,
        maxLength: grid.width * grid.height,
      })
      .map((values) => Uint8Array.from(values)),
  }),
);

test("the bounds hold every non-zero value and touch one on each side", () => {
  fc.assert(
    fc.property(sparse, ({ grid, data }) => {
      const bounds = boundsOf(data, grid);
      const at = [...data.keys()].filter((i) => data[i] !== 0);
      expect(bounds === null).toBe(at.length === 0);
      if (!bounds) return;
      const columns = at.map((i) => i % grid.width);
      const rows = at.map((i) => Math.floor(i / grid.width));
      expect(bounds.x).toBe(Math.min(...columns));
      expect(bounds.y).toBe(Math.min(...rows));
      expect(bounds.x + bounds.width - 1).toBe(Math.max(...columns));
      expect(bounds.y + bounds.height - 1).toBe(Math.max(...rows));
    }),
    { numRuns: 1000 },
  );
});

test("a crop holds the box's own pixels, and is a copy", () => {
  fc.assert(
    fc.property(sparse, boxes, ({ grid, data }, box) => {
      const clipped = clipBox(box, grid);
      const part = crop(data, grid, clipped);
      expect(part).toHaveLength(clipped.width * clipped.height);
      for (let i = 0; i < part.length; i++) {
        const x = clipped.x + (i % clipped.width);
        const y = clipped.y + Math.floor(i / clipped.width);
        expect(part[i]).toBe(data[y * grid.width + x]);
      }
      const before = data.slice();
      part.fill(7);
      expect(data).toEqual(before);
    }),
    { numRuns: 1000 },
  );
});

test("a crop keeps 16 bits, and one that reaches past the grid is refused", () => {
  const grid = { width: 3, height: 2 };
  const data = Uint16Array.of(1, 2, 3, 4, 5, 60_000);
  expect(crop(data, grid, { x: 1, y: 1, width: 2, height: 1 })).toEqual(Uint16Array.of(5, 60_000));
  for (const box of [
    { x: 2, y: 0, width: 2, height: 1 },
    { x: 0, y: 1, width: 1, height: 2 },
    { x: -1, y: 0, width: 2, height: 1 },
    { x: 0, y: -1, width: 1, height: 1 },
  ])
    expect(() => crop(data, grid, box)).toThrow(ShapeError);
});

test("empty masks and partial segmentations are as large as their grid and hold zeros", () => {
  const grid = { width: 4, height: 3 };
  expect(emptyMask(grid)).toEqual({ ...grid, data: new Uint8Array(12) });
  const { partialness, segmentation } = emptyPartial(grid);
  expect([partialness, segmentation]).toEqual([new Uint8Array(12), new Uint8Array(12)]);
  expect(partialness.buffer).not.toBe(segmentation.buffer);
});

test("two grids of different size are refused with both sizes in the message", () => {
  const [a, b, c] = ["4x3", "3x4", "4x4"].map((text) => {
    const [width, height] = text.split("x").map(Number);
    return { width, height };
  });
  expect(() => requireSameGrid("mask", a, { ...a })).not.toThrow();
  expect(() => requireSameGrid("mask", a, b)).toThrow("mask: 4x3 does not lie on 3x4.");
  expect(() => requireSameGrid("mask", a, c)).toThrow(ShapeError);
});
