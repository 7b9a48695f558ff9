import { expect, test } from "vitest";
import {
  agreementAt,
  alternativesOf,
  changeWords,
  cropOf,
  disagreementOf,
  membersOf,
  placeWords,
  takenOf,
  tileKind,
  valueAfter,
} from "../../src/app/offer-raster.ts";
import type { Candidate } from "../../src/model/propose.ts";
import { type Annotation, BY_HAND, INSIDE, SEGMENTED } from "../../src/project/annotation.ts";

const SIDE = 100;

/** 100 x 100 pixels with the square from 40 to 60 inside. */
function annotation(): Annotation {
  const data = new Uint8Array(SIDE * SIDE);
  for (let y = 40; y < 60; y++) data.fill(SEGMENTED | INSIDE, y * SIDE + 40, y * SIDE + 60);
  return { width: SIDE, height: SIDE, data };
}

/** The taken square and a rectangle beside it. */
function candidate(x0: number, y0: number, x1: number, y1: number): Candidate {
  const segmentation = annotation().data.map((value) => (value & INSIDE ? 1 : 0));
  for (let y = y0; y < y1; y++) segmentation.fill(1, y * SIDE + x0, y * SIDE + x1);
  const box = { x: 0, y: 0, width: SIDE, height: SIDE };
  const partial = { width: SIDE, height: SIDE, segmentation, partialness: segmentation };
  return { box, partial, support: 0.25, added: { inside: (x1 - x0) * (y1 - y0), outside: 0 } };
}

const whole = { x: 0, y: 0, width: SIDE, height: SIDE };

function wordsFor(...candidates: Candidate[]): string[] {
  const members = membersOf(candidates, annotation(), whole, whole);
  const taken = takenOf(annotation(), whole, whole);
  return candidates.map((_, i) => placeWords(members, taken, whole, i, candidates.length));
}

test("the crop holds every pixel on which candidates differ, in the tiles' proportions, on the image", () => {
  const pair = [candidate(40, 60, 60, 70), candidate(60, 40, 95, 60)];
  const { x, y, width, height } = cropOf(pair, annotation(), 1.4);
  expect(width / height).toBeCloseTo(1.4, 9);
  expect(x).toBeLessThanOrEqual(40);
  expect(x + width).toBeGreaterThanOrEqual(95);
  expect(y).toBeLessThanOrEqual(40);
  expect(y + height).toBeGreaterThanOrEqual(70);
  expect(x).toBeGreaterThanOrEqual(0);
  expect(x + width).toBeLessThanOrEqual(SIDE);
});

test("what looks alike all over the image makes neither the others' crop larger nor the disagreement", () => {
  const pair = [candidate(40, 60, 60, 70), candidate(60, 40, 70, 60)];
  const offered = [...pair, { ...candidate(0, 0, SIDE, 20), looksAlike: true as const }];
  expect(alternativesOf(offered)).toEqual(pair);
  // 400 pixels are taken, and 200 each are added beside them.
  expect(disagreementOf(offered, annotation())).toBe(400 / 800);
  expect(cropOf(alternativesOf(offered), annotation(), 1).height).toBeLessThan(cropOf(offered, annotation(), 1).height);
});

test("on the image candidates agree where all have a pixel inside, and differ where some have", () => {
  const pair = [candidate(40, 60, 60, 70), candidate(40, 60, 60, 80)];
  const at = (x: number, y: number) => agreementAt(pair, annotation(), x, y);
  expect([at(50, 50), at(50, 65), at(50, 75), at(50, 85)]).toEqual(["all", "all", "some", "none"]);
});

test("beyond a candidate's box it is what the annotation is", () => {
  const small: Candidate = { ...candidate(0, 0, 0, 0), box: { x: 0, y: 0, width: 10, height: 10 } };
  expect(valueAfter(small, annotation(), 50, 50)).toBe(SEGMENTED | INSIDE);
  expect(valueAfter(small, annotation(), 70, 70)).toBe(0);
});

test("a candidate counts where it segments, and never where a hand drew", () => {
  const drawn = annotation();
  drawn.data.fill(SEGMENTED | INSIDE | BY_HAND, 40 * SIDE + 40, 40 * SIDE + 60);
  const emptied: Candidate = {
    ...candidate(0, 0, 0, 0),
    partial: {
      width: SIDE,
      height: SIDE,
      partialness: annotation().data.map(Number),
      segmentation: new Uint8Array(SIDE * SIDE),
    },
  };
  expect(valueAfter(emptied, drawn, 50, 50)).toBe(SEGMENTED);
  expect(valueAfter(emptied, drawn, 50, 40)).toBe(SEGMENTED | INSIDE | BY_HAND);
  expect(valueAfter(emptied, drawn, 70, 70)).toBe(0);
});

test("a tile shows what all share, what this one adds, and what it leaves to others", () => {
  expect(tileKind(0b1111, 2, 4, false)).toBe("shared");
  expect(tileKind(0b0100, 2, 4, false)).toBe("adds");
  expect(tileKind(0b0011, 2, 4, false)).toBe("leaves");
  expect(tileKind(0, 2, 4, false)).toBe("nothing");
});

test("what is taken already is kept or taken away, whatever the others do with it", () => {
  expect(tileKind(0b1111, 2, 4, true)).toBe("shared");
  expect(tileKind(0b0100, 2, 4, true)).toBe("shared");
  expect(tileKind(0b0011, 2, 4, true)).toBe("removes");
  expect(tileKind(0, 0, 1, true)).toBe("removes");
});

test("a single candidate adds all that is not taken yet", () => {
  expect(tileKind(1, 0, 1, false)).toBe("adds");
  expect(tileKind(1, 0, 1, true)).toBe("shared");
});

test("a change is a share of what is inside, a multiple when large, and pixels when nothing is inside", () => {
  const words = (gained: number, lost = 0, inside = 400) => changeWords({ gained, lost }, inside);
  expect(words(124)).toBe("+31 %");
  expect(words(10)).toBe("+2.5 %");
  expect(words(5200)).toBe("×14");
  expect(words(4310, 0, 0)).toBe("+4,310 px");
  expect(words(0)).toBe("+0.0 %");
  expect(words(124, 16)).toBe("+31 −4.0 %");
  expect(words(5200, 200)).toBe("×14 −50 %");
  expect(words(0, 60)).toBe("−15 %");
});

test("a loss or gain too small to print is left out beside the other", () => {
  expect(changeWords({ gained: 31_000, lost: 20 }, 100_000)).toBe("+31 %");
  expect(changeWords({ gained: 20, lost: 4000 }, 100_000)).toBe("−4.0 %");
});

test("the place is said from what is inside to what is added", () => {
  expect(wordsFor(candidate(20, 40, 40, 60), candidate(60, 40, 90, 60))).toEqual(["left", "right"]);
  expect(wordsFor(candidate(40, 5, 60, 40), candidate(60, 60, 90, 90))).toEqual(["upper", "lower right"]);
  expect(wordsFor(candidate(20, 20, 80, 80), candidate(10, 10, 90, 90))[1]).toBe("all around");
  expect(wordsFor(candidate(0, 0, 0, 0))).toEqual(["outside only"]);
});

test("a candidate that only takes away is said to be where it does", () => {
  const { partial, ...rest } = candidate(0, 0, 0, 0);
  const partialness = annotation().data.map((value) => value & SEGMENTED);
  const segmentation = partial.segmentation.map((value, i) => (i % SIDE < 45 ? 0 : value));
  expect(wordsFor({ ...rest, partial: { ...partial, partialness, segmentation } })).toEqual(["left"]);
});
