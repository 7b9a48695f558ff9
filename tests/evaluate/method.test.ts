import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Image, PartialSegmentation } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { type Answer, emptyAnswer, handMarks, proposerMethod } from "../../src/evaluate/index.ts";
import { createProposer, type ProposeOptions, type Proposer } from "../../src/model/index.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { count, imageOf, rectangle } from "./masks.ts";

const GRID = { width: 32, height: 32 };
const VALID = rectangle(GRID, 0, 6, 32, 21);
const TRUTH = rectangle(GRID, 8, 10, 14, 10);
const at = (x: number, y: number) => [[x, y]] as const;
const STROKE = { kind: "scribble", label: 1, points: at(10, 14), pixels: rectangle(GRID, 10, 14, 9, 1) } as const;
const OUTSIDE = { kind: "scribble", label: 0, points: at(12, 14), pixels: rectangle(GRID, 12, 14, 2, 8) } as const;

describe("marks by hand", () => {
  test("a later stroke wins where two disagree", () => {
    const { partialness, segmentation } = handMarks([STROKE, OUTSIDE], GRID);
    expect(count(partialness)).toBe(9 + 14);
    expect(count(segmentation)).toBe(7);
    expect(count(handMarks([OUTSIDE, STROKE], GRID).segmentation)).toBe(9);
  });

  test("of a brush stroke only the middle line is binding", () => {
    const points = Array.from({ length: 9 }, (_, i) => [10 + i, 14] as const);
    const broad = { kind: "brush", label: 1, points, pixels: rectangle(GRID, 10, 12, 9, 5) } as const;
    expect(handMarks([broad], GRID).partialness).toEqual(rectangle(GRID, 10, 14, 9, 1));
  });

  test("a box marks all pixels beyond it as outside and none inside", () => {
    const box = { kind: "box", label: 1, points: at(8, 10), pixels: TRUTH } as const;
    const { partialness, segmentation } = handMarks([box], GRID);
    expect(partialness).toEqual(TRUTH.map((value) => 1 - value));
    expect(count(segmentation)).toBe(0);
    const whole = { ...box, pixels: rectangle(GRID, 0, 0, 32, 32) };
    expect(count(handMarks([whole], GRID).partialness)).toBe(0);
  });
});

describe("a general model", () => {
  let proposer: Proposer;
  beforeAll(async () => {
    proposer = await createProposer(randomModel(1, PLAIN), nodeRuntime({ threads: 1 }));
  });
  afterAll(() => proposer.close());

  const ask = async (steps: readonly number[], current: Answer, most: number) => {
    const open = await proposerMethod(proposer, { steps, encoder: null }).open(imageOf(TRUTH, GRID), VALID);
    return open.candidates([STROKE, STROKE, OUTSIDE], current, most);
  };

  test("keeps every stroke in every candidate, is inside only where decided, and decides nothing on the padding", async () => {
    const candidates = await ask([1], emptyAnswer(GRID), 8);
    expect(candidates.length).toBeGreaterThan(0);
    const hand = handMarks([STROKE, OUTSIDE], GRID);
    for (const { partialness, segmentation, shown } of candidates) {
      for (let i = 0; i < shown.length; i++) {
        if (hand.partialness[i]) expect([partialness[i], segmentation[i]]).toEqual([1, hand.segmentation[i]]);
        expect(segmentation[i]).toBeLessThanOrEqual(partialness[i]);
        expect(partialness[i]).toBeLessThanOrEqual(VALID[i]);
      }
      expect(shown).toEqual(segmentation);
    }
  });

  test("answers the same for the same image, whatever was asked between", async () => {
    const first = await ask([1], emptyAnswer(GRID), 4);
    await ask([0.3], { ...emptyAnswer(GRID), partialness: VALID, segmentation: TRUTH }, 8);
    expect(await ask([1], emptyAnswer(GRID), 4)).toEqual(first);
  });

  test("refuses an image without a valid pixel", async () => {
    const open = proposerMethod(proposer, { steps: [1], encoder: null }).open(
      imageOf(TRUTH, GRID),
      new Uint8Array(1024),
    );
    await expect(open).rejects.toThrow("No pixel of the image is valid");
  });
});

describe("what the proposer is asked", () => {
  interface Question {
    readonly image: Image;
    readonly partial: PartialSegmentation;
    readonly options: ProposeOptions;
  }
  /** Answers nothing and keeps the questions. */
  function listener(questions: Question[]): Proposer {
    return {
      name: "listener",
      answers: 1,
      usesFeatures: true,
      probabilities: null,
      encode: async ({ width, height }) => ({
        projected: Float32Array.of(width, height),
        channels: new Float32Array(1),
      }),
      propose: async (image, partial, options) => {
        questions.push({ image, partial, options });
        return [];
      },
      prepareForFeatures: async () => undefined,
      close: async () => undefined,
    };
  }

  test("is the part that is no padding, the strokes over what was taken, features and a window on whole pixels", async () => {
    const questions: Question[] = [];
    const method = proposerMethod(listener(questions), { steps: [1], encoder: new Uint8Array(1) });
    const open = await method.open(imageOf(TRUTH, GRID), VALID);
    const taken = { ...emptyAnswer(GRID), partialness: VALID, segmentation: TRUTH };
    await open.candidates([STROKE, STROKE, OUTSIDE], taken, 8);
    const [{ image, partial, options }] = questions;
    expect([image.width, image.height, image.data[0]]).toEqual([32, 21, 40]);
    expect(count(partial.partialness)).toBe(32 * 21);
    // All of what was taken but the six rows of the outside stroke, two pixels wide, that lie in it.
    expect(count(partial.segmentation)).toBe(14 * 10 - 6 * 2);
    expect(count(options.byHand!)).toBe(9 + 14);
    expect(options).toMatchObject({ count: 8, step: 1, window: { x: expect.closeTo(0), y: -5, size: 32 } });
    expect(options.features?.projected).toEqual(Float32Array.of(32, 21));
  });

  test("is shared among several steps, no more than there are candidates, and for one alone before the second stroke", async () => {
    const questions: Question[] = [];
    const open = await proposerMethod(listener(questions), { steps: [0.2, 0.5, 1], encoder: null }).open(
      imageOf(TRUTH, GRID),
      VALID,
    );
    await open.candidates([STROKE], emptyAnswer(GRID), 8);
    await open.candidates([STROKE, OUTSIDE], emptyAnswer(GRID), 8);
    await open.candidates([STROKE, OUTSIDE, STROKE], emptyAnswer(GRID), 1);
    expect(questions.map(({ options }) => [options.step, options.count])).toEqual([
      [0.2, 1],
      [0.2, 3],
      [0.5, 3],
      [1, 2],
      [0.2, 1],
    ]);
    expect(questions[0].options.features).toBeUndefined();
  });

  test("is answered with the second stroke by the first and what is half as large again, from the third by all", async () => {
    const sizes = [10, 14, 15, 40, 3];
    const proposer: Proposer = {
      ...listener([]),
      propose: async ({ width, height }) =>
        sizes.map((size) => {
          const partialness = new Uint8Array(width * height).fill(1);
          const segmentation = partialness.map((_, i) => Number(i < size));
          const partial = { width, height, partialness, segmentation };
          return { box: { x: 0, y: 0, width, height }, partial, support: 1, added: { inside: size, outside: 0 } };
        }),
    };
    const open = await proposerMethod(proposer, { steps: [1], encoder: null }).open(imageOf(TRUTH, GRID), VALID);
    const offered = async (...strokes: (typeof STROKE | typeof OUTSIDE)[]) =>
      (await open.candidates(strokes, emptyAnswer(GRID), 8)).map(({ shown }) => count(shown));
    expect(await offered(STROKE, OUTSIDE)).toEqual([10, 15, 40]);
    expect(await offered(STROKE, OUTSIDE, STROKE)).toEqual(sizes);
  });

  test("is for one alone before the third stroke after a box", async () => {
    const questions: Question[] = [];
    const open = await proposerMethod(listener(questions), { steps: [1], encoder: null }).open(
      imageOf(TRUTH, GRID),
      VALID,
    );
    const box = { kind: "box", label: 1, points: at(8, 10), pixels: TRUTH } as const;
    await open.candidates([box, STROKE, OUTSIDE], emptyAnswer(GRID), 8);
    await open.candidates([box, STROKE, OUTSIDE, STROKE], emptyAnswer(GRID), 8);
    expect(questions.map(({ options }) => options.count)).toEqual([1, 8]);
  });

  test("is nothing after a candidate was taken, and from the next stroke on that one was", async () => {
    const questions: Question[] = [];
    const open = await proposerMethod(listener(questions), { steps: [1], encoder: null }).open(
      imageOf(TRUTH, GRID),
      VALID,
    );
    const taken = { ...emptyAnswer(GRID), partialness: VALID, segmentation: TRUTH };
    await open.candidates([STROKE], emptyAnswer(GRID), 8);
    expect(await open.candidates([STROKE], taken, 8)).toEqual([]);
    expect(questions.map(({ options }) => options.isTaken)).toEqual([false]);
    await open.candidates([STROKE, OUTSIDE], taken, 8);
    await open.candidates([STROKE, OUTSIDE, STROKE], taken, 8);
    expect(questions.map(({ options }) => options.isTaken)).toEqual([false, true, true]);
  });
});
