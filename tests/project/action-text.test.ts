/** What stands in journals and goes between page and server: whatever an action's delta was, it comes back, and briefly. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Action, ActionError, appendPixel, type Delta, parseAction, toText } from "../../src/project/index.ts";

const GRID = { width: 60, height: 80, depth: 4 };
const AREA = GRID.width * GRID.height;

/** Of a stroke by hand. */
function stroke(delta: Delta): Action {
  return { kind: "brush", mark: "inside", stroke: { points: [[0, 0]], width: 1 }, delta, at: 1 };
}

const written = (action: Action) => JSON.stringify(toText(action));

test("every delta comes back as it was, and its text is no longer than that of its runs", () => {
  const pixels = fc.uniqueArray(fc.nat(AREA - 1), { maxLength: 200 });
  // As a slice across the rows makes them: pixels a distance apart, with gaps and other values here and there.
  const spaced = fc
    .tuple(fc.nat(59), fc.integer({ min: 1, max: 60 }), fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 60 }))
    .map(([first, distance, skips]) => skips.flatMap((skip, k) => (skip ? [first + k * distance] : [])))
    .map((places) => places.filter((place) => place < AREA));
  fc.assert(
    fc.property(fc.oneof(pixels, spaced), fc.infiniteStream(fc.constantFrom(5, 7)), (places, values) => {
      const delta: number[] = [];
      for (const place of places.toSorted((a, b) => a - b)) appendPixel(delta, place, 0, values.next().value!);
      const action = stroke(delta);
      const text = written(action);
      expect(parseAction(JSON.parse(text), GRID)).toEqual(action);
      expect(text.length).toBeLessThanOrEqual(JSON.stringify(action).length);
    }),
    { numRuns: 300 },
  );
});

test("a column of pixels is one row of runs; what is no shorter so stands as it always did", () => {
  const column = Array.from({ length: 80 }, (_, y) => [7 + 60 * y, 1, 0, 7]).flat();
  expect(written(stroke(column))).toContain('"delta":{"rows":[7,1,0,7,60,80]}');
  expect(written(stroke([41, 3, 0, 7, 101, 2, 0, 5]))).toContain('"delta":[41,3,0,7,101,2,0,5]');
});

test("a whole slice across the rows takes less than 200 characters, and one with an outline in it a few thousand", () => {
  const [width, height, depth] = [40, 512, 300];
  const grid = { width, height: height * depth, depth };
  const slice = (valueAt: (j: number, k: number) => number) => {
    const delta: number[] = [];
    for (let k = 0; k < depth; k++)
      for (let j = 0; j < height; j++) appendPixel(delta, (k * height + j) * width + 11, 0, valueAt(j, k));
    return stroke(delta);
  };
  const whole = slice(() => 5);
  const disk = slice((j, k) => ((j - 256) ** 2 + (k - 150) ** 2 < 100 ** 2 ? 7 : 5));
  for (const [action, most] of [
    [whole, 200],
    [disk, 12_000],
  ] as const) {
    const text = written(action);
    expect(text.length).toBeLessThan(most);
    expect(JSON.stringify(action).length).toBeGreaterThan(2_000_000);
    expect(parseAction(JSON.parse(text), grid)).toEqual(action);
  }
});

test.each([
  ["half a row", [7, 1, 0, 7, 60]],
  ["more runs than a change may have", [7, 1, 0, 7, 0, 2 ** 40]],
  ["rows that overlap", [7, 3, 0, 7, 2, 5]],
  ["rows that leave the grid", [7, 1, 0, 7, 60, 81]],
  ["numbers that are none", [7, 1, 0, 7, 60, -1]],
])("%s is refused with a sentence", (_, rows) => {
  const parse = () => parseAction({ ...stroke([]), delta: { rows } }, GRID);
  expect(parse).toThrow(ActionError);
  expect(parse).toThrow(/^A change cannot be kept: /);
});
