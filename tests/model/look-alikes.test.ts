/** All that looks like what is marked: found on images where it can be known, the same whatever the scale, and sound on those where it cannot. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { diceOf } from "../../src/evaluate/annotator.ts";
import { imageMaps } from "../../src/model/comparison.ts";
import { LOOK_ALIKES, lookAlikes } from "../../src/model/look-alikes.ts";

const SIDE = 64;
const AREA = SIDE * SIDE;
const everywhere = new Uint8Array(AREA).fill(1);

/** Nine disks, three by three. */
const DISKS = Uint8Array.from({ length: AREA }, (_, i) => {
  const [x, y] = [(i % SIDE) % 21, Math.floor(i / SIDE) % 21];
  return Number(Math.hypot(x - 10, y - 10) < 7);
});
/** Half of one disk is marked inside, and a line between the disks outside. */
const INSIDE = DISKS.map((value, i) => Number(value && i % SIDE < 21 && i < 11 * SIDE));
const OUTSIDE = DISKS.map((_, i) => Number(Math.floor(i / SIDE) === 42 && i % SIDE < 40));
/** A network that has found the one disk that is marked. */
const ONE_DISK = DISKS.map((value, i) => Number(value && i % SIDE < 21 && i < 21 * SIDE));

const BRIGHT = imageOf((isDisk, noise) => (isDisk ? 0.7 : 0.3) + 0.05 * noise);
const ROUGH = imageOf((isDisk, noise) => 0.5 + (isDisk ? 0.15 : 0.03) * noise);

function imageOf(draw: (isDisk: boolean, noise: number) => number): Float32Array {
  const noise = Rng.seeded(2).normals(AREA);
  return Float32Array.from(DISKS, (value, i) => draw(value === 1, noise[i]));
}

const mapsOf = (image: Float32Array) => imageMaps(image, everywhere, { width: SIDE, height: SIDE });

function marked(inside: Uint8Array, outside: Uint8Array) {
  return { xm: Float32Array.from(inside, (value, i) => value | outside[i]), xs: Float32Array.from(inside) };
}

/** What the network says: as likely inside as `found` and `rest` say. */
function answerOf(found: Uint8Array, sure = 0.95) {
  return {
    partialness: new Float32Array(AREA).fill(1),
    segmentation: Float32Array.from(found, (value) => (value ? sure : 1 - sure)),
  };
}

const shown = (values: ArrayLike<number>) => Uint8Array.from(values, (value) => Number(value >= 0.5));

test.each([
  ["brighter", BRIGHT, 0.8],
  ["rougher, and no brighter", ROUGH, 0.65],
])(
  "of nine disks that are %s than what is around them, all are found from a stroke in one",
  (_, image, withOutside) => {
    for (const [outside, least] of [
      [OUTSIDE, withOutside],
      [new Uint8Array(AREA), 0.6],
    ] as const) {
      const [alone, together] = lookAlikes(mapsOf(image), marked(INSIDE, outside), answerOf(ONE_DISK, 0.7));
      expect(diceOf(shown(alone.segmentation), DISKS)).toBeGreaterThan(least);
      expect(diceOf(shown(together.segmentation), DISKS)).toBeGreaterThan(0.35);
      expect(diceOf(ONE_DISK, DISKS)).toBeLessThan(0.3);
    }
  },
);

test("a network that is sure is heard beside what looks alike", () => {
  const [alone, together] = lookAlikes(mapsOf(BRIGHT), marked(INSIDE, OUTSIDE), answerOf(DISKS));
  expect(diceOf(shown(together.segmentation), DISKS)).toBeGreaterThan(diceOf(shown(alone.segmentation), DISKS));
});

test("where all is marked and nothing stands in for outside, inside and outside changed for one another give one less the answer", () => {
  const rest = DISKS.map((value) => 1 - value);
  const found = lookAlikes(mapsOf(BRIGHT), marked(DISKS, rest), answerOf(DISKS));
  const changed = lookAlikes(mapsOf(BRIGHT), marked(rest, DISKS), answerOf(rest));
  expect(found).toHaveLength(LOOK_ALIKES);
  for (const [k, { segmentation }] of changed.entries())
    for (let i = 0; i < AREA; i++) expect(segmentation[i]).toBeCloseTo(1 - found[k].segmentation[i], 4);
});

test("a stroke outside does not make all inside that looks like neither", () => {
  // A third of the image is as bright as nothing that is marked.
  const image = BRIGHT.map((value, i) => (i % SIDE >= 42 ? 0.05 * value + 0.5 : value));
  const [alone] = lookAlikes(mapsOf(image), marked(INSIDE, OUTSIDE), answerOf(ONE_DISK));
  const beside = shown(alone.segmentation).filter((_, i) => i % SIDE >= 46);
  expect(beside.filter((value) => value === 1).length).toBeLessThan(0.1 * beside.length);
});

test("brightness and contrast do not matter", () => {
  const answer = answerOf(ONE_DISK);
  const marks = marked(INSIDE, OUTSIDE);
  const found = lookAlikes(mapsOf(BRIGHT), marks, answer);
  const paler = lookAlikes(mapsOf(BRIGHT.map((value) => 0.1 + 0.4 * value)), marks, answer);
  for (const [k, { segmentation }] of paler.entries())
    for (let i = 0; i < AREA; i++) expect(segmentation[i]).toBeCloseTo(found[k].segmentation[i], 2);
});

test("without a mark inside there is nothing to look like", () => {
  const nothing = new Uint8Array(AREA);
  for (const outside of [nothing, OUTSIDE])
    expect(lookAlikes(mapsOf(BRIGHT), marked(nothing, outside), answerOf(nothing))).toEqual([]);
});

test("whatever the image and the marks, every cell has a probability, and beside the image it is none", () => {
  const cells = (max: number) => fc.uint8Array({ minLength: 64, maxLength: 64, max });
  fc.assert(
    fc.property(cells(255), cells(2), cells(1), fc.double({ min: 0, max: 1, noNaN: true }), (values, marks, on, p) => {
      const onImage = Uint8Array.from(on);
      const xm = Float32Array.from(marks, (mark, i) => Number(mark > 0) * on[i]);
      const xs = xm.map((value, i) => value * Number(marks[i] === 2));
      const image = Float32Array.from(values, (value) => value / 255);
      const answer = { partialness: new Float32Array(64).fill(1), segmentation: new Float32Array(64).fill(p) };
      const found = lookAlikes(imageMaps(image, onImage, { width: 8, height: 8 }), { xm, xs }, answer);
      expect(found).toHaveLength(xs.includes(1) ? LOOK_ALIKES : 0);
      for (const { segmentation } of found)
        for (const [i, value] of Array.from(segmentation).entries()) {
          expect(value >= 0 && value <= 1).toBe(true);
          if (!onImage[i]) expect(value).toBe(0);
        }
    }),
  );
});
