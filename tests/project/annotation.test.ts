import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPartial, Rng, visitStroke } from "../../src/core/index.ts";
import {
  BY_HAND,
  emptyHistory,
  INSIDE,
  type Mark,
  partialOf,
  perform,
  SEGMENTED,
  strokeDelta,
  takeDelta,
} from "../../src/project/index.ts";
import { GRID, nextAction, randomStroke, session } from "./made.ts";

const seed = fc.nat(2 ** 31);

test("undoing everything gives an empty annotation, redoing everything gives it back bit for bit", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 40 }), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const changes = history.done.length;
      for (let i = 0; i < changes; i++) perform(history, { kind: "undo", at: 0 });
      expect(history.annotation.data.every((value) => value === 0)).toBe(true);
      for (let i = 0; i < changes; i++) perform(history, { kind: "redo", at: 0 });
      expect(history.annotation.data).toEqual(before);
    }),
  );
});

test("one undo takes back exactly the last change, and one redo makes it again", () => {
  fc.assert(
    fc.property(seed, fc.nat(20), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const stroke = randomStroke(Rng.seeded(seed).at("stroke"));
      const delta = strokeDelta(history.annotation, stroke, "inside");
      perform(history, { kind: "brush", mark: "inside", stroke, delta, at: 0 });
      const after = history.annotation.data.slice();
      perform(history, { kind: "undo", at: 0 });
      expect(history.annotation.data).toEqual(before);
      perform(history, { kind: "redo", at: 0 });
      expect(history.annotation.data).toEqual(after);
    }),
  );
});

test("a new change after an undo leaves nothing to redo; undo and redo of nothing change nothing", () => {
  const { history } = session(4, 12);
  perform(history, { kind: "undo", at: 0 });
  const stroke = { points: [[3, 3]] as const, width: 3 };
  const delta = strokeDelta(history.annotation, stroke, "outside");
  perform(history, { kind: "brush", mark: "outside", stroke, delta, at: 0 });
  const before = history.annotation.data.slice();
  perform(history, { kind: "redo", at: 0 });
  expect(history.annotation.data).toEqual(before);
  const empty = emptyHistory(GRID);
  perform(empty, { kind: "undo", at: 0 });
  expect(empty.annotation.data.every((value) => value === 0)).toBe(true);
});

test("a candidate never changes a pixel that is decided already, drawn by hand or not", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 30 }), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const everything = emptyPartial(GRID);
      everything.partialness.fill(1);
      everything.segmentation.fill(1);
      const delta = takeDelta(history.annotation, everything, { x: 0, y: 0 });
      const candidate = { model: "paper", seed: 0, place: 1, offered: 1, support: 1 };
      perform(history, { kind: "take", candidate, delta, at: 0 });
      const expected = before.map((value) => (value & SEGMENTED ? value : SEGMENTED | INSIDE));
      expect(history.annotation.data).toEqual(expected);
    }),
  );
});

test("the newest stroke wins where strokes contradict each other", () => {
  const value: Record<Mark, number> = {
    inside: SEGMENTED | INSIDE | BY_HAND,
    outside: SEGMENTED | BY_HAND,
    undecided: 0,
  };
  fc.assert(
    fc.property(seed, fc.constantFrom<Mark>("inside", "outside", "undecided"), (seed, mark) => {
      const { history } = session(seed, 15);
      const stroke = randomStroke(Rng.seeded(seed).at("newest"));
      perform(history, {
        kind: "brush",
        mark,
        stroke,
        delta: strokeDelta(history.annotation, stroke, mark),
        at: 0,
      });
      visitStroke(stroke, GRID, (i) => expect(history.annotation.data[i]).toBe(value[mark]));
    }),
  );
});

test("the model sees inside only where something is decided", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      const { partialness, segmentation } = partialOf(session(seed, 25).history.annotation);
      expect(segmentation.every((value, i) => value <= partialness[i])).toBe(true);
    }),
  );
});

test("a change that does not fit is refused as a whole and leaves every pixel as it was", () => {
  const { history } = session(9, 10);
  const before = history.annotation.data.slice();
  const stroke = { points: [[1, 1]] as const, width: 1 };
  const delta = [0, 5, before[0], 7, 20, 1, (before[20] + 1) % 8, 7];
  expect(() => perform(history, { kind: "brush", mark: "inside", stroke, delta, at: 0 })).toThrow(/expects/);
  expect(history.annotation.data).toEqual(before);
});

test("the sessions of these tests hold every kind of action", () => {
  const kinds = new Set(session(1, 60).actions.map(({ kind }) => kind));
  expect([...kinds].sort()).toEqual(["brush", "erase", "redo", "scribble", "take", "undo"]);
  expect(nextAction(emptyHistory(GRID), Rng.seeded(1).at(0), 0)).toEqual(session(1, 1).actions[0]);
});
