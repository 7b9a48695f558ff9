/** How the network is asked where a box has been drawn. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { askWithBox } from "../../src/model/after-box.ts";
import { bestCut } from "../../src/model/best-cut.ts";
import type { Marks } from "../../src/model/comparison.ts";

const SIDE = 16;
const GRID = { width: SIDE, height: SIDE };
const AREA = SIDE * SIDE;
const ON_IMAGE = new Uint8Array(AREA).fill(1);
const at = (x: number, y: number) => y * SIDE + x;
const isBeyond = (i: number) => i % SIDE < 4 || i % SIDE > 11 || i < 4 * SIDE || i >= 12 * SIDE;

/** A box from 4 to 11, across and down, and what has been marked in it by hand. */
function marked(inside: readonly number[], outside: readonly number[], taken: readonly number[] = []): Marks {
  const hand = (cells: readonly number[]) => ON_IMAGE.map((_, i) => Number(cells.includes(i)));
  const beyond = hand(outside).map((value, i) => value | Number(isBeyond(i)));
  return {
    inside: hand(inside),
    outside: beyond,
    segmented: taken.length > 0 ? ON_IMAGE : beyond.map((value, i) => value | hand(inside)[i]),
    segmentedInside: hand([...inside, ...taken]),
  };
}

/** What is asked is kept; every answer is one of those given, in turn. */
function network(...given: readonly Float32Array[]) {
  const asked: Marks[] = [];
  const ask = async (marks: Marks) => {
    asked.push(marks);
    return [{ partialness: new Float32Array(AREA).fill(0.8), segmentation: given[asked.length - 1] }];
  };
  return { asked, ask };
}

const probabilities = fc
  .float32Array({ minLength: AREA, maxLength: AREA, min: 0, max: 1, noNaN: true })
  .map((values) => values.map((value) => 0.05 + 0.55 * value));

test("without a box the network is asked once, with the marks as they are", async () => {
  const marks = { ...marked([at(6, 6)], []), outside: ON_IMAGE.map((_, i) => Number(i < 5)) };
  const likely = new Float32Array(AREA).fill(0.4);
  const { ask, asked } = network(likely);
  const { answers, level } = await askWithBox(ask, marks, ON_IMAGE, GRID);
  expect(asked).toEqual([marks]);
  expect(answers[0].segmentation).toBe(likely);
  expect(level).toBeNull();
});

test("with something marked inside, half of the answer knows nothing of the box, and all beyond it is outside", async () => {
  await fc.assert(
    fc.asyncProperty(probabilities, probabilities, async (knowing, unknowing) => {
      const { ask, asked } = network(knowing, unknowing);
      const { answers, level } = await askWithBox(ask, marked([at(6, 6)], [at(9, 9)]), ON_IMAGE, GRID);
      expect([...asked[1].outside.keys()].filter((i) => asked[1].outside[i])).toEqual([at(9, 9)]);
      expect(level).toBeNull();
      const logit = (p: number) => Math.log(p / (1 - p));
      for (let i = 0; i < AREA; i++) {
        expect(answers[0].partialness[i]).toBeCloseTo(isBeyond(i) ? 1 : 0.8);
        if (isBeyond(i)) expect(answers[0].segmentation[i]).toBe(0);
        else expect(logit(answers[0].segmentation[i])).toBeCloseTo((logit(knowing[i]) + logit(unknowing[i])) / 2, 3);
      }
    }),
    { numRuns: 20 },
  );
});

test("after a first stroke outside, the likeliest cells stand for what is inside, and the cut is no lower than that of the greatest Dice", async () => {
  await fc.assert(
    fc.asyncProperty(probabilities, probabilities, async (first, second) => {
      const marks = marked([], [at(9, 9)], [at(5, 5), at(6, 5)]);
      const { ask, asked } = network(first, second);
      const { answers, level } = await askWithBox(ask, marks, ON_IMAGE, GRID);
      const open = ON_IMAGE.map((_, i) => Number(!isBeyond(i) && i !== at(9, 9)));
      const taken = [...open.keys()].filter((i) => asked[1].segmentedInside[i]);
      const others = [...open.keys()].filter((i) => open[i] && !asked[1].segmentedInside[i]);
      expect(taken.every((i) => open[i])).toBe(true);
      expect(Math.min(...taken.map((i) => first[i]))).toBeGreaterThanOrEqual(Math.max(...others.map((i) => first[i])));
      const expected = open.reduce((sum, value, i) => sum + value * first[i], 0);
      expect(Math.abs(taken.length - 0.3 * expected)).toBeLessThanOrEqual(0.51);
      expect(asked[1]).toMatchObject({ inside: marks.inside, outside: marks.outside });
      expect(answers[0].segmentation).toBe(second);
      expect(level).toBeGreaterThanOrEqual(bestCut(second, open, 1).level);
    }),
    { numRuns: 20 },
  );
});

test("the network is asked once after a box alone, after two strokes outside, and when it is sure", async () => {
  const unsure = new Float32Array(AREA).fill(0.4);
  const sure = Float32Array.from(ON_IMAGE, (_, i) => (i % SIDE < 8 ? 0.99 : 0.01));
  const cases = [
    [marked([], []), unsure],
    [marked([], [at(9, 9), at(6, 9)], [at(5, 5)]), unsure],
    [marked([], [at(9, 9)], [at(5, 5)]), sure],
  ] as const;
  for (const [marks, likely] of cases) {
    const { ask, asked } = network(likely);
    expect((await askWithBox(ask, marks, ON_IMAGE, GRID)).level).toBeNull();
    expect(asked).toEqual([marks]);
  }
});

test("the best cut is as good as the best of all cuts, for every weight of what is missing, and keeps to open cells", () => {
  fc.assert(
    fc.property(probabilities, fc.double({ min: 0.05, max: 4, noNaN: true }), (inside, r) => {
      const isOpen = ON_IMAGE.map((_, i) => Number(i % 3 > 0));
      const open = [...inside.keys()].filter((i) => isOpen[i]);
      const expected = open.reduce((sum, i) => sum + inside[i], 0);
      const agreementAt = (level: number) => {
        const shown = open.filter((i) => inside[i] >= level);
        return ((1 + r) * shown.reduce((sum, i) => sum + inside[i], 0)) / (shown.length + r * expected);
      };
      const { level, agreement } = bestCut(inside, isOpen, r);
      expect(agreement).toBeCloseTo(agreementAt(level), 5);
      expect(agreement).toBeCloseTo(Math.max(...open.map((i) => agreementAt(inside[i]))), 5);
    }),
    { numRuns: 30 },
  );
  expect(bestCut(new Float32Array(4), [1, 1, 1, 1], 1)).toEqual({ level: 0.5, agreement: 0 });
});
