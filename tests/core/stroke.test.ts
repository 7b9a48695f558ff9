/** The pixels under a stroke, against the distance of every pixel centre to the pen's path. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Grid, type Stroke, visitStroke } from "../../src/core/index.ts";

const GRID: Grid = { width: 17, height: 13 };

function covered(stroke: Stroke, grid: Grid = GRID): Uint8Array {
  const mask = new Uint8Array(grid.width * grid.height);
  visitStroke(stroke, grid, (index) => {
    if (!(index in mask)) throw new RangeError(`${index} is no pixel of the grid`);
    mask[index] = 1;
  });
  return mask;
}

/** The mask as rows of text, for tests that a person can read. */
function drawn(stroke: Stroke, grid: Grid): string[] {
  const mask = covered(stroke, grid);
  return Array.from({ length: grid.height }, (_, y) =>
    [...mask.subarray(y * grid.width, (y + 1) * grid.width)].map((value) => ".#"[value]).join(""),
  );
}

// Sixteenths off the whole and the half: no ties, and reflection is exact in binary.
const coordinate = fc.integer({ min: -30, max: 190 }).map((n) => n / 8 + 1 / 16);
const strokes = fc.record({
  points: fc.array(fc.tuple(coordinate, coordinate), { minLength: 1, maxLength: 5 }),
  width: fc.integer({ min: 8, max: 72 }).map((n) => n / 8),
});

/** Distance from a point to a segment, by search along it. */
function distance(px: number, py: number, [ax, ay]: readonly number[], [bx, by]: readonly number[]): number {
  const to = (t: number) => Math.hypot(px - ax - t * (bx - ax), py - ay - t * (by - ay));
  let [low, high] = [0, 1];
  // The distance to a segment has one minimum along it: ternary search.
  for (let i = 0; i < 60; i++) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3];
    if (to(a) < to(b)) high = b;
    else low = a;
  }
  return to((low + high) / 2);
}

test("a pixel is covered when its centre comes under the pen, or the pen is set down or lifted in it", () => {
  fc.assert(
    fc.property(strokes, (stroke) => {
      const mask = covered(stroke);
      const { points } = stroke;
      const ends = [points[0], points[points.length - 1]].map(([x, y]) => `${Math.round(x)},${Math.round(y)}`);
      for (let i = 0; i < mask.length; i++) {
        const [x, y] = [i % GRID.width, Math.floor(i / GRID.width)];
        const away = Math.min(...points.map((point, k) => distance(x, y, points[Math.max(0, k - 1)], point)));
        // The search and the closed form may differ in the last digits.
        if (Math.abs(away - stroke.width / 2) < 1e-6) continue;
        expect(mask[i], `pixel ${x},${y}`).toBe(away < stroke.width / 2 || ends.includes(`${x},${y}`) ? 1 : 0);
      }
    }),
    { numRuns: 200 },
  );
});

test("a pen of diameter 1 covers exactly the pixels it passes", () => {
  const grid = { width: 6, height: 4 };
  const draw = (...points: [number, number][]) => drawn({ points, width: 1 }, grid);
  expect(draw([2, 1])).toEqual(["......", "..#...", "......", "......"]);
  expect(draw([1, 1], [4, 1])).toEqual(["......", ".####.", "......", "......"]);
  expect(draw([3, 0], [3, 3])).toEqual(["...#..", "...#..", "...#..", "...#.."]);
  expect(draw([1, 0], [4, 3])).toEqual([".#....", "..#...", "...#..", "....#."]);
  expect(draw([1, 1], [3, 1], [3, 3])).toEqual(["......", ".###..", "...#..", "...#.."]);
  expect(draw([0.7, 1.2], [4.4, 0.9])).toEqual(["......", ".####.", "......", "......"]);
});

test("a click anywhere in a pixel marks that pixel, however thin the pen", () => {
  for (let dx = -7; dx <= 7; dx++)
    for (let dy = -7; dy <= 7; dy++) {
      const mask = covered({ points: [[5 + dx / 16, 6 + dy / 16]], width: 1 });
      expect(mask[6 * GRID.width + 5], `at ${dx}/16, ${dy}/16 from the centre`).toBe(1);
    }
});

test("a pen of diameter w leaves a disk", () => {
  const grid = { width: 7, height: 7 };
  expect(drawn({ points: [[3, 3]], width: 5 }, grid)).toEqual([
    ".......",
    "..###..",
    ".#####.",
    ".#####.",
    ".#####.",
    "..###..",
    ".......",
  ]);
});

test("a stroke has no gaps: its pixels touch, by sides or corners", () => {
  const grid = { width: 40, height: 40 };
  const inner = fc.integer({ min: 8, max: 300 }).map((n) => n / 8 + 1 / 16);
  fc.assert(
    fc.property(fc.array(fc.tuple(inner, inner), { minLength: 2, maxLength: 4 }), (points) => {
      const mask = covered({ points, width: 1 }, grid);
      const left = new Set([...mask.keys()].filter((i) => mask[i]));
      const queue = [...left].slice(0, 1);
      for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
        left.delete(at);
        for (const step of [-41, -40, -39, -1, 1, 39, 40, 41]) if (left.has(at + step)) queue.push(at + step);
      }
      expect(left.size).toBe(0);
    }),
    { numRuns: 200 },
  );
});

/** A pixel centre lies exactly on this stroke's rim: rounding once put it inside one way and outside the other. */
const RIM_TIE: [number, number][] = [
  [8.6875, 14.5625],
  [13.0625, 4.0625],
];

test("a stroke covers the same pixels backwards, mirrored, turned, and with a point repeated", () => {
  const square = { width: 15, height: 15 };
  const flip = (mask: Uint8Array, map: (x: number, y: number) => number) =>
    mask.map((_, i) => mask[map(i % 15, Math.floor(i / 15))]);
  fc.assert(
    fc.property(strokes, ({ points, width }) => {
      const mask = covered({ points, width }, square);
      expect(covered({ points: points.toReversed(), width }, square)).toEqual(mask);
      expect(covered({ points: points.flatMap((point) => [point, point]), width }, square)).toEqual(mask);
      const mirrored = points.map(([x, y]) => [14 - x, y] as const);
      expect(covered({ points: mirrored, width }, square)).toEqual(flip(mask, (x, y) => y * 15 + 14 - x));
      const turned = points.map(([x, y]) => [y, x] as const);
      expect(covered({ points: turned, width }, square)).toEqual(flip(mask, (x, y) => x * 15 + y));
    }),
    { numRuns: 200, examples: [[{ points: RIM_TIE, width: 1.375 }]] },
  );
});

test("a stroke beside the image, an empty one and one that is not a number cover nothing", () => {
  const nowhere: Stroke["points"][] = [
    [],
    [[-9, 4]],
    [[40, 40]],
    [[Number.NaN, 3]],
    [
      [Number.NEGATIVE_INFINITY, 3],
      [Number.POSITIVE_INFINITY, 3],
    ],
  ];
  for (const points of nowhere) expect(covered({ points, width: 3 }).includes(1)).toBe(false);
});

test("a stroke from far outside costs what it shows and covers what it crosses", () => {
  const mask = covered({
    points: [
      [-1e9, 5],
      [1e9, 5],
    ],
    width: 1,
  });
  expect([...mask.keys()].filter((i) => mask[i]).every((i) => Math.floor(i / GRID.width) === 5)).toBe(true);
  expect(mask.reduce((total, value) => total + value, 0)).toBe(GRID.width);
});
