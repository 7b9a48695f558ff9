import { expect, test } from "vitest";
import { buildPyramid } from "../../src/app/pyramid.ts";
import { adjust, grayTable, presetsOf } from "../../src/app/window-level.ts";

test("each halving is the mean of four pixels, and an odd rim counts itself", () => {
  const data = Uint16Array.from({ length: 515 * 3 }, (_, i) => i % 1000);
  const [whole, half, quarter] = buildPyramid({ width: 515, height: 3, data, maximum: 65535 });
  expect(whole.data).toBe(data);
  expect([half.width, half.height]).toEqual([258, 2]);
  expect(half.data[0]).toBe(Math.round((data[0] + data[1] + data[515] + data[516]) / 4));
  expect(half.data[257]).toBe(Math.round((2 * data[514] + 2 * data[1029]) / 4));
  expect([quarter.width, quarter.height]).toEqual([129, 1]);
});

test("the presets are the full range, the middle 98 %, the dark half and the bright half", () => {
  const data = Uint8Array.from({ length: 1000 }, (_, i) => 20 + Math.floor(i / 10));
  const presets = presetsOf([{ width: 100, height: 10, data }], 255);
  expect(presets.map(({ low, high }) => [low, high])).toEqual([
    [0, 255],
    [20, 118],
    [20, 69],
    [69, 118],
  ]);
});

test("an image of a single intensity still gets a window with low below high", () => {
  for (const value of [0, 255])
    for (const { low, high } of presetsOf([{ width: 2, height: 1, data: Uint8Array.of(value, value) }], 255))
      expect(low).toBeLessThan(high);
});

test("black is below the window, white above, and the middle is gray", () => {
  const table = grayTable({ low: 100, high: 300 }, 65535);
  expect([table[0], table[100], table[200], table[300], table[65535]].map((word) => word & 255)).toEqual([
    0, 0, 128, 255, 255,
  ]);
  expect(table[200] >>> 0).toBe(0xff808080);
});

test("dragging changes the window's width and middle apart from each other", () => {
  const before = { low: 50, high: 150 };
  expect(adjust(before, 0.2, 0, 255)).toEqual({ low: 50 - 25.5, high: 150 + 25.5 });
  expect(adjust(before, 0, 0.1, 255)).toEqual({ low: 75.5, high: 175.5 });
  const narrow = adjust(before, -9, 0, 255);
  expect(narrow.high - narrow.low).toBe(1);
});
