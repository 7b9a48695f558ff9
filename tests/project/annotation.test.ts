import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPartial, type PartialSegmentation, Rng, visitStroke } from "../../src/core/index.ts";
import {
  BY_HAND,
  byHandOf,
  changeOfInside,
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

/** A candidate on the whole grid: undecided, outside or inside at random. */
function randomCandidate(rng: Rng): PartialSegmentation {
  const candidate = emptyPartial(GRID);
  for (let i = 0; i < candidate.partialness.length; i++) {
    candidate.partialness[i] = rng.below(2);
    candidate.segmentation[i] = candidate.partialness[i] * rng.below(2);
  }
  return candidate;
}

const taken = { model: "general", seed: 0, place: 1, offered: 1, support: 1, step: 0.5, features: true };

test("a taken candidate decides what it segments, whoever decided it before, and never changes what a hand drew", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 30 }), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const candidate = randomCandidate(Rng.seeded(seed).at("candidate"));
      const delta = takeDelta(history.annotation, candidate, { x: 0, y: 0 });
      perform(history, { kind: "take", candidate: taken, delta, at: 0 });
      const expected = before.map((value, i) => {
        if (value & BY_HAND || candidate.partialness[i] === 0) return value;
        return SEGMENTED | (candidate.segmentation[i] ? INSIDE : 0);
      });
      expect(history.annotation.data).toEqual(expected);
    }),
  );
});

test("what taking does to the pixels inside is told beforehand", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 30 }), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const partial = randomCandidate(Rng.seeded(seed).at("candidate"));
      const told = changeOfInside(history.annotation, { partial, box: { x: 0, y: 0, ...GRID } });
      const delta = takeDelta(history.annotation, partial, { x: 0, y: 0 });
      perform(history, { kind: "take", candidate: taken, delta, at: 0 });
      const change = { gained: 0, lost: 0 };
      for (const [i, value] of before.entries()) {
        const [was, is] = [value & INSIDE, history.annotation.data[i] & INSIDE];
        if (is > was) change.gained++;
        if (is < was) change.lost++;
      }
      expect(told).toEqual(change);
    }),
  );
});

test("what a candidate took away from an earlier one comes back with undo, and goes again with redo, bit for bit", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 30 }), (seed, count) => {
      const { history } = session(seed, count);
      const states = [history.annotation.data.slice()];
      for (const name of ["first", "second", "third"]) {
        const candidate = randomCandidate(Rng.seeded(seed).at(name));
        const delta = takeDelta(history.annotation, candidate, { x: 0, y: 0 });
        perform(history, { kind: "take", candidate: taken, delta, at: 0 });
        states.push(history.annotation.data.slice());
      }
      for (const state of states.slice(0, -1).reverse()) {
        perform(history, { kind: "undo", at: 0 });
        expect(history.annotation.data).toEqual(state);
      }
      for (const state of states.slice(1)) {
        perform(history, { kind: "redo", at: 0 });
        expect(history.annotation.data).toEqual(state);
      }
    }),
  );
});

test("a candidate that keeps its input, as the paper's do, changes only what nobody has decided", () => {
  fc.assert(
    fc.property(seed, fc.integer({ min: 1, max: 30 }), (seed, count) => {
      const { history } = session(seed, count);
      const before = history.annotation.data.slice();
      const { partialness, segmentation } = randomCandidate(Rng.seeded(seed).at("candidate"));
      const input = partialOf(history.annotation);
      const keeping: PartialSegmentation = {
        ...GRID,
        partialness: partialness.map((value, i) => value | input.partialness[i]),
        segmentation: segmentation.map((value, i) => (input.partialness[i] ? input.segmentation[i] : value)),
      };
      const delta = takeDelta(history.annotation, keeping, { x: 0, y: 0 });
      perform(history, { kind: "take", candidate: taken, delta, at: 0 });
      for (const [i, value] of before.entries()) if (value & SEGMENTED) expect(history.annotation.data[i]).toBe(value);
    }),
  );
});

test("what is drawn or erased by hand is what a hand left, and nothing else", () => {
  fc.assert(
    fc.property(seed, (seed) => {
      const { annotation } = session(seed, 25).history;
      expect(byHandOf(annotation)).toEqual(annotation.data.map((value) => (value & BY_HAND ? 1 : 0)));
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
  expect([...kinds].sort()).toEqual(["box", "brush", "erase", "redo", "scribble", "take", "undo"]);
  expect(nextAction(emptyHistory(GRID), Rng.seeded(1).at(0), 0)).toEqual(session(1, 1).actions[0]);
});
