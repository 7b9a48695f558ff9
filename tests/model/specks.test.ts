import fc from "fast-check";
import { expect, test } from "vitest";
import { INSIDE, labelOf, NOTHING, OUTSIDE } from "../../src/model/choose.ts";
import { withoutSpecks } from "../../src/model/specks.ts";

const SIDE = 8;
const LABELS = [NOTHING, OUTSIDE, INSIDE];

/** A draw from a picture: # inside, o outside, . nothing. */
function draw(rows: readonly string[]) {
  const cells = [...rows.join("")];
  const partialness = cells.map((cell) => (cell === "." ? 0.2 : 0.9));
  return { partialness, segmentation: partialness.map((m, i) => (cells[i] === "#" ? m : 0)) };
}

function picture({ partialness, segmentation }: ReturnType<typeof withoutSpecks>): string[] {
  const cells = Array.from(partialness, (_, i) => ".o#"[LABELS.indexOf(labelOf({ partialness, segmentation }, i))]);
  return Array.from({ length: SIDE }, (_, y) => cells.slice(y * SIDE, (y + 1) * SIDE).join(""));
}

/** 1 at the given cells, x and y. */
function marked(...cells: [number, number][]): Uint8Array {
  const xm = new Uint8Array(SIDE * SIDE);
  for (const [x, y] of cells) xm[y * SIDE + x] = 1;
  return xm;
}

test("small patches go, patches of 20 cells stay, and corners do not hold a patch together", () => {
  const before = [
    "#####...", // 20 inside cells
    "#####..#",
    "#####...",
    "#####...",
    ".....ooo",
    ".oo..ooo", // 18 outside cells, one more only by a corner
    ".....ooo",
    "oooooooo",
  ];
  const after = ["#####...", "#####...", "#####...", "#####...", "........", "........", "........", "........"];
  expect(picture(withoutSpecks(draw(before), marked(), SIDE))).toEqual(after);
});

test("a patch that touches what was marked stays however small, and only its own label is held by it", () => {
  const before = [
    "##......", //
    ".#oo....",
    "........",
    "......#.",
    ".....o#.",
    "........",
    "........",
    "........",
  ];
  const after = ["##......", ".#......", "........", "........", ".....o..", "........", "........", "........"];
  expect(picture(withoutSpecks(draw(before), marked([0, 0], [5, 4]), SIDE))).toEqual(after);
});

test("patches end at the left and right edge: the next row does not go on from there", () => {
  const before = Array.from({ length: SIDE }, (_, y) => (y % 2 ? "########" : "oooooooo"));
  expect(picture(withoutSpecks(draw(before), marked(), SIDE))).toEqual(Array(SIDE).fill("........"));
});

test("what is left is as it was, nothing marked is touched, and once is enough", () => {
  const cells = fc.array(fc.constantFrom(0, 0.3, 0.6, 0.9), { minLength: SIDE * SIDE, maxLength: SIDE * SIDE });
  fc.assert(
    fc.property(cells, cells, fc.uint8Array({ minLength: SIDE * SIDE, maxLength: SIDE * SIDE, max: 1 }), (p, q, xm) => {
      const before = {
        partialness: Float32Array.from(p, (m, i) => (xm[i] ? 1 : m)),
        segmentation: Float32Array.from(p, (m, i) => (xm[i] ? Math.round(q[i]) : m * q[i])),
      };
      const after = withoutSpecks(before, xm, SIDE);
      for (let i = 0; i < SIDE * SIDE; i++) {
        const same = after.partialness[i] === before.partialness[i] && after.segmentation[i] === before.segmentation[i];
        const gone = !xm[i] && after.partialness[i] === 0 && after.segmentation[i] === 0;
        expect(same || gone).toBe(true);
      }
      expect(withoutSpecks(after, xm, SIDE)).toEqual(after);
    }),
  );
});
