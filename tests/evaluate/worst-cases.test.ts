import { expect, test } from "vitest";
import { type AnnotatedCase, drawCases, worstCases } from "../../src/evaluate/index.ts";
import { imageOf, rectangle } from "./masks.ts";

const GRID = { width: 8, height: 8 };
const YELLOW = [255, 214, 0];

test("the cases with the smallest mean Dice come first, as few as asked for", () => {
  const named = (name: string, dice: number): AnnotatedCase => ({
    ...{ dataset: "set", structure: "organ", name },
    annotations: [[{ action: "stroke inside", ink: 0, dice }], [{ action: "stroke inside", ink: 0, dice: 1 - dice }]],
  });
  const cases = [named("good", 0.9), named("bad", 0.2), named("fair", 0.6)];
  expect(worstCases(cases, 2).map(({ name }) => name)).toEqual(["bad", "fair"]);
});

test("a row holds the image, then the answers after 1, 3 and all interactions; the truth's rim is yellow in each", () => {
  const truth = rectangle(GRID, 2, 3, 3, 2);
  const answers = [rectangle(GRID, 0, 0, 1, 1), rectangle(GRID, 0, 0, 2, 1), rectangle(GRID, 0, 0, 3, 1), truth];
  const one = { dataset: "set", structure: "organ", name: "a", image: imageOf(truth, GRID), valid: truth, truth };
  const { width, height, data } = drawCases([{ one, shown: answers }]);
  expect([width, height]).toEqual([6 + 4 * 22, 6 + 22]);
  const at = (tile: number, x: number, y: number) => {
    const i = 3 * ((6 + y) * width + 6 + tile * 22 + x);
    return [...data.slice(i, i + 3)];
  };
  for (let tile = 0; tile < 4; tile++) {
    expect(at(tile, 4, 6)).toEqual(YELLOW);
    expect(at(tile, 9, 9)).toEqual(YELLOW);
    expect(at(tile, 3, 6)).not.toEqual(YELLOW);
  }
  const isRed = (tile: number, x: number) => at(tile, 2 * x, 0)[0] > at(tile, 2 * x, 0)[1];
  expect([0, 1, 2, 3].map((tile) => [0, 1, 2].filter((x) => isRed(tile, x)).length)).toEqual([0, 1, 3, 0]);
});
