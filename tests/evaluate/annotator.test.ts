import { describe, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import {
  type Answer,
  annotate,
  CONTENT,
  diceOf,
  type Mark,
  type Method,
  MOST_INTERACTIONS,
  PICK_GAIN,
  type Task,
} from "../../src/evaluate/index.ts";
import { count, imageOf, rectangle, union } from "./masks.ts";

const GRID = { width: 64, height: 64 };
const ALL = rectangle(GRID, 0, 0, 64, 64);
const LARGE = rectangle(GRID, 6, 8, 30, 22);
const SMALL = rectangle(GRID, 44, 44, 10, 8);
const TRUTH = union(LARGE, SMALL);

function task(truth: Uint8Array, valid = ALL): Task {
  return { image: imageOf(truth, GRID), truth, valid };
}

function complete(shown: Uint8Array): Answer {
  return { ...GRID, partialness: ALL, segmentation: shown, shown };
}

/** A method that answers with masks, told the prompts and how often it has been asked. */
function method(
  answer: (prompts: readonly Mark[], asked: number) => readonly Uint8Array[],
  { opening = "stroke", pen = "scribble" }: Partial<Pick<Method, "opening" | "pen">> = {},
): Method {
  return {
    opening,
    pen,
    async open() {
      let asked = 0;
      return {
        async candidates(prompts, _, most) {
          return answer(prompts, asked++).slice(0, most).map(complete);
        },
      };
    },
  };
}

/** Nothing is proposed: what is drawn is all there is. */
const byHand = method(() => []);
const actionsOf = (interactions: Awaited<ReturnType<typeof annotate>>) => interactions.map(({ action }) => action);

describe("the annotator", () => {
  test("is content after one stroke with a method that always answers the truth", async () => {
    const interactions = await annotate(
      method(() => [TRUTH]),
      task(TRUTH),
      Rng.seeded(1),
      8,
    );
    expect(interactions).toHaveLength(1);
    expect(interactions[0]).toMatchObject({ action: "stroke inside", dice: 1 });
    expect(interactions[0].ink).toBeGreaterThan(0);
  });

  test("takes the truth where it is not the first candidate, and does not see candidates past the count", async () => {
    const second = method(() => [LARGE, TRUTH]);
    const interactions = await annotate(second, task(TRUTH), Rng.seeded(1), 2);
    expect(interactions).toMatchObject([
      { action: "stroke inside", dice: diceOf(LARGE, TRUTH) },
      { action: "pick", dice: 1, ink: 0 },
    ]);
    expect(actionsOf(await annotate(second, task(TRUTH), Rng.seeded(1), 1))).not.toContain("pick");
  });

  test("takes what gains PICK_GAIN and leaves what gains less", async () => {
    const first = rectangle(GRID, 6, 8, 20, 22);
    const better = (columns: number) => rectangle(GRID, 6, 8, 20 + columns, 22);
    for (const [columns, isWorth] of [
      [1, false],
      [2, true],
    ] as const) {
      const gain = diceOf(better(columns), LARGE) - diceOf(first, LARGE);
      expect(gain >= PICK_GAIN).toBe(isWorth);
      const [, next] = await annotate(
        method(() => [first, better(columns)]),
        task(LARGE),
        Rng.seeded(2),
        8,
      );
      expect(next.action).toBe(isWorth ? "pick" : "stroke inside");
    }
  });

  test("opens in the largest component and paints on by hand without ever making it worse", async () => {
    for (let seed = 0; seed < 20; seed++) {
      const drawn: Mark[] = [];
      const recording = method((prompts) => {
        drawn.push(prompts[prompts.length - 1]);
        return [];
      });
      const interactions = await annotate(recording, task(TRUTH), Rng.seeded(seed), 8);
      expect(drawn[0].pixels.every((value, i) => value <= LARGE[i])).toBe(true);
      expect(drawn.every(({ label, pixels }) => label === 1 && pixels.every((value, i) => value <= TRUTH[i]))).toBe(
        true,
      );
      const dices = interactions.map(({ dice }) => dice);
      expect(dices).toEqual(dices.toSorted((a, b) => a - b));
      expect(dices[dices.length - 1] >= CONTENT || dices.length === MOST_INTERACTIONS).toBe(true);
    }
  });

  test("corrects the largest error: outside where too much is shown, inside where something is missing", async () => {
    const spill = rectangle(GRID, 40, 4, 20, 20);
    const strokes = async (shown: Uint8Array) => {
      const prompts: Mark[] = [];
      const stubborn = method((all) => {
        prompts.push(all[all.length - 1]);
        return [shown];
      });
      await annotate(stubborn, task(TRUTH), Rng.seeded(3), 8);
      return prompts[1];
    };
    const outside = await strokes(union(LARGE, spill));
    expect(outside.label).toBe(0);
    expect(outside.pixels.every((value, i) => value <= spill[i])).toBe(true);
    const inside = await strokes(union(SMALL, rectangle(GRID, 56, 0, 3, 3)));
    expect(inside.label).toBe(1);
    expect(inside.pixels.every((value, i) => value <= LARGE[i])).toBe(true);
  });

  test("gives up after MOST_INTERACTIONS with a method that never listens", async () => {
    const deaf = method(() => [SMALL]);
    const interactions = await annotate(deaf, task(TRUTH), Rng.seeded(4), 8);
    expect(interactions).toHaveLength(MOST_INTERACTIONS);
    expect(new Set(interactions.map(({ dice }) => dice))).toEqual(new Set([diceOf(SMALL, TRUTH)]));
  });

  test("does not mind what is shown on the padding", async () => {
    const valid = rectangle(GRID, 0, 0, 40, 64);
    const interactions = await annotate(
      method(() => [union(LARGE, rectangle(GRID, 40, 0, 24, 64))]),
      task(LARGE, valid),
      Rng.seeded(5),
      8,
    );
    expect(interactions).toMatchObject([{ dice: 1 }]);
  });

  test("draws the same for the same seed and otherwise for another", async () => {
    const [first, same, other] = await Promise.all(
      [6, 6, 7].map((seed) => annotate(byHand, task(TRUTH), Rng.seeded(seed), 8)),
    );
    expect(same).toEqual(first);
    expect(other).not.toEqual(first);
  });

  test("begins with a box around all of the object where the method wants one, and shows nothing for it", async () => {
    const seen: (readonly Mark[])[] = [];
    const boxed = method(
      (prompts) => {
        seen.push([...prompts]);
        return prompts.length === 1 ? [] : [TRUTH];
      },
      { opening: "box" },
    );
    const interactions = await annotate(boxed, task(TRUTH), Rng.seeded(9), 8);
    expect(actionsOf(interactions)).toEqual(["box", "stroke inside"]);
    expect(interactions[0]).toMatchObject({ dice: 0 });
    const [[{ kind, pixels }]] = seen;
    expect(kind).toBe("box");
    expect(TRUTH.every((value, i) => value <= pixels[i])).toBe(true);
  });

  test("is asked again after a pick with the candidate as what is there, and no stroke more", async () => {
    const calls: { prompts: number; current: number }[] = [];
    const growing: Method = {
      opening: "stroke",
      pen: "scribble",
      async open() {
        return {
          async candidates(prompts, current) {
            calls.push({ prompts: prompts.length, current: count(current.shown) });
            return calls.length === 1 ? [SMALL, LARGE].map(complete) : [TRUTH].map(complete);
          },
        };
      },
    };
    const interactions = await annotate(growing, task(TRUTH), Rng.seeded(8), 8);
    expect(actionsOf(interactions)).toEqual(["stroke inside", "pick", "pick"]);
    expect(calls).toEqual([
      { prompts: 1, current: 0 },
      { prompts: 1, current: count(LARGE) },
      { prompts: 1, current: count(TRUTH) },
    ]);
  });
});

test("Dice counts what is shared twice, and two empty masks agree", () => {
  expect(diceOf(Uint8Array.of(1, 1, 0, 0), Uint8Array.of(1, 0, 0, 1))).toBe(0.5);
  expect(diceOf(new Uint8Array(4), new Uint8Array(4))).toBe(1);
  expect(diceOf(new Uint8Array(4), Uint8Array.of(0, 0, 1, 0))).toBe(0);
});
