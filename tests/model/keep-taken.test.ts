/** What was taken stays, and corrections go as far as they reach: checked on made masks, and as properties of any. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { PartialSegmentation } from "../../src/core/index.ts";
import { keepTaken } from "../../src/model/keep-taken.ts";

/** Rows of a mask: # inside, . outside, space undecided. */
function partialOf(rows: readonly string[]): PartialSegmentation {
  const pixels = [...rows.join("")];
  return {
    width: rows[0].length,
    height: rows.length,
    partialness: Uint8Array.from(pixels, (pixel) => Number(pixel !== " ")),
    segmentation: Uint8Array.from(pixels, (pixel) => Number(pixel === "#")),
  };
}

function rowsOf({ width, height, partialness, segmentation }: PartialSegmentation): string[] {
  const pixels = Array.from(partialness, (value, i) => (value ? (segmentation[i] ? "#" : ".") : " "));
  return Array.from({ length: height }, (_, y) => pixels.slice(y * width, (y + 1) * width).join(""));
}

const TAKEN = partialOf([
  "..........", //
  ".##....##.",
  ".##....##.",
  "..........",
  "....    ..",
]);
/** Finds neither of the two, but one below. */
const ANSWER = partialOf([
  "..........", //
  "..........",
  "..........",
  "......##..",
  "...####...",
]);
const whole = { x: 0, y: 0, width: 10, height: 5 };

test("a stroke through one of two takes that one away, the other stays, and what was open is answered", () => {
  const hand = partialOf(["          ", " .        ", "          ", "          ", "          "]);
  const drawn = { ...TAKEN, segmentation: TAKEN.segmentation.map((value, i) => (hand.partialness[i] ? 0 : value)) };
  expect(rowsOf(keepTaken(ANSWER, whole, drawn, hand, 6))).toEqual([
    "..........", //
    ".......##.",
    ".......##.",
    "..........",
    "....###...",
  ]);
  // One step from the stroke, by sides.
  expect(rowsOf(keepTaken(ANSWER, whole, drawn, hand, 1)).slice(1, 3)).toEqual([".......##.", "..#....##."]);
});

test("a stroke inside adds what the answer finds around it", () => {
  const hand = partialOf(["          ", "          ", "          ", "      #   ", "          "]);
  const drawn = { ...TAKEN, segmentation: TAKEN.segmentation.map((value, i) => value | hand.segmentation[i]) };
  const kept = keepTaken(ANSWER, whole, drawn, hand, 6);
  expect(rowsOf(kept)).toEqual([
    "..........", //
    ".##....##.",
    ".##....##.",
    "......##..",
    "....###...",
  ]);
  // The same of a part of the image alone.
  const part = { x: 5, y: 2, width: 5, height: 3 };
  const cut = rowsOf(ANSWER).slice(2);
  const inPart = keepTaken(partialOf(cut.map((row) => row.slice(5))), part, drawn, hand, 6);
  expect(rowsOf(inPart)).toEqual(
    rowsOf(kept)
      .map((row) => row.slice(5))
      .slice(2),
  );
});

const SIDE = 8;
const pixelsOf = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: SIDE * SIDE, maxLength: SIDE * SIDE });
const partials = pixelsOf.map((values) => ({
  width: SIDE,
  height: SIDE,
  partialness: Uint8Array.from(values, (value) => Number(value > 0)),
  segmentation: Uint8Array.from(values, (value) => Number(value === 2)),
}));

test("whatever is asked, marks stay, open pixels are the answer's, and what changes is the answer's and near a mark of its label", () => {
  const marks = fc.array(fc.integer({ min: 0, max: SIDE * SIDE - 1 }), { maxLength: 6 });
  fc.assert(
    fc.property(partials, partials, marks, fc.integer({ min: 1, max: 5 }), (answer, taken, drawn, reach) => {
      const byHand = new Uint8Array(SIDE * SIDE);
      for (const i of drawn) if (taken.partialness[i]) byHand[i] = 1;
      const hand = {
        ...taken,
        partialness: byHand,
        segmentation: taken.segmentation.map((value, i) => value & byHand[i]),
      };
      const kept = keepTaken(answer, { x: 0, y: 0, width: SIDE, height: SIDE }, taken, hand, reach);
      for (let i = 0; i < SIDE * SIDE; i++) {
        const now = [kept.partialness[i], kept.segmentation[i]];
        if (!taken.partialness[i]) expect(now).toEqual([answer.partialness[i], answer.segmentation[i]]);
        else if (byHand[i] || kept.segmentation[i] === taken.segmentation[i])
          expect(now).toEqual([1, taken.segmentation[i]]);
        else {
          expect(now).toEqual([1, answer.segmentation[i]]);
          const isNear = (mark: number) =>
            Math.abs((mark % SIDE) - (i % SIDE)) + Math.abs(Math.floor(mark / SIDE) - Math.floor(i / SIDE)) <= reach;
          expect(drawn.some((mark) => byHand[mark] && taken.segmentation[mark] === now[1] && isNear(mark))).toBe(true);
        }
      }
    }),
  );
});
