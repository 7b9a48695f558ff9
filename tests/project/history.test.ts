/** Several labels on one image: exclusive, undone in the order of time, and given back by the journal bit for bit. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { emptyPartial, Rng } from "../../src/core/index.ts";
import {
  type Action,
  annotationOf,
  BY_HAND,
  byHandOf,
  changeOfInside,
  type Delta,
  ELSEWHERE,
  ELSEWHERE_BY_HAND,
  emptyHistory,
  FIRST,
  type History,
  INSIDE,
  importMask,
  named,
  OWN,
  parseAction,
  partialOf,
  perform,
  replay,
  SEGMENTED,
  strokeDelta,
  takeDelta,
  valuesOf,
} from "../../src/project/index.ts";
import { GRID, HEADER, randomStroke, session } from "./made.ts";

const LABELS = [FIRST, 2, 7];
const seed = fc.nat(2 ** 31);
const length = fc.integer({ min: 1, max: 40 });

/** Every label's bytes, of labels that were never worked on as well. */
function stateOf(history: History): Uint8Array[] {
  return LABELS.map((label) => annotationOf(history, label).data.slice());
}

const draw = (history: History, label: number, points: [number, number][], width = 5): Action => {
  const stroke = { points, width };
  const delta = strokeDelta(annotationOf(history, label), stroke, "inside");
  return { kind: "brush", mark: "inside", stroke, ...named(label), delta, at: 0 };
};

/** A candidate that has the whole grid inside. */
function takeAll(history: History, label: number): Delta {
  const all = emptyPartial(GRID);
  all.partialness.fill(1);
  all.segmentation.fill(1);
  return takeDelta(annotationOf(history, label), all, { x: 0, y: 0 });
}

const candidate = { model: "general", seed: 0, place: 1, offered: 1, support: 1 };

test("a pixel is inside one label at most, and every other label knows of it, and whether it is by hand", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const states = stateOf(session(seed, count, LABELS).history);
      const inside = (i: number) => states.filter((data) => data[i] & INSIDE);
      expect(states[0].some((_, i) => inside(i).length > 1)).toBe(false);
      const expected = states.map((data) =>
        data.map((value, i) => {
          const [other] = inside(i);
          if (value & INSIDE || !other) return value & OWN;
          return (value & OWN) | ELSEWHERE | (other[i] & BY_HAND ? ELSEWHERE_BY_HAND : 0);
        }),
      );
      expect(states).toEqual(expected);
    }),
  );
});

test("undo goes back through all labels in the order of time, redo forward again, bit for bit", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const { history } = session(seed, count, LABELS);
      const changes = history.done.length;
      const after = stateOf(history);
      const before: Uint8Array[][] = [];
      for (let i = 0; i < changes; i++) {
        perform(history, { kind: "undo", at: 0 });
        before.push(stateOf(history));
      }
      expect(stateOf(history).every((data) => data.every((value) => value === 0))).toBe(true);
      for (const state of before.reverse()) {
        expect(stateOf(history)).toEqual(state);
        perform(history, { kind: "redo", at: 0 });
      }
      expect(stateOf(history)).toEqual(after);
    }),
    { numRuns: 20 },
  );
});

test("replaying the actions gives every label's bytes, and the values of a mask", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const { actions, history } = session(seed, count, LABELS);
      const again = replay(JSON.parse(JSON.stringify(actions)), HEADER);
      expect(stateOf(again)).toEqual(stateOf(history));
      expect(again.taken).toEqual(history.taken);
      const [first, second, third] = stateOf(history);
      const expected = first.map((value, i) =>
        value & INSIDE ? 5 : second[i] & INSIDE ? 2 : third[i] & INSIDE ? 7 : 0,
      );
      expect(valuesOf(again, 5)).toEqual(expected);
    }),
  );
});

test("what was done is told label by label: added up, it is what is inside", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const { actions } = session(seed, count, LABELS);
      const history = emptyHistory(GRID);
      const inside = new Map(LABELS.map((label) => [label, 0]));
      for (const action of actions)
        for (const { label, delta, direction } of perform(history, action))
          for (let run = 0; run < delta.length; run += 4) {
            const gained = ((delta[run + 3] & INSIDE) - (delta[run + 2] & INSIDE)) / INSIDE;
            inside.set(label, inside.get(label)! + direction * gained * delta[run + 1]);
          }
      stateOf(history).forEach((data, i) => {
        expect(inside.get(LABELS[i])).toBe(data.filter((value) => value & INSIDE).length);
      });
    }),
  );
});

test("a stroke takes a pixel from another label, which has it again after undo", () => {
  const history = emptyHistory(GRID);
  perform(history, draw(history, FIRST, [[10, 10]]));
  const drawn = stateOf(history);
  perform(history, draw(history, 2, [[12, 10]]));
  const at = 10 * GRID.width + 12;
  expect(stateOf(history).map((data) => data[at])).toEqual([
    ELSEWHERE | ELSEWHERE_BY_HAND,
    SEGMENTED | INSIDE | BY_HAND,
    ELSEWHERE | ELSEWHERE_BY_HAND,
  ]);
  perform(history, { kind: "undo", at: 0 });
  expect(stateOf(history)).toEqual(drawn);
});

test("a candidate takes from another label what a candidate gave it, and nothing that is by hand", () => {
  const history = emptyHistory(GRID);
  perform(history, { kind: "take", candidate, delta: takeAll(history, FIRST), at: 0 });
  perform(history, draw(history, FIRST, [[10, 10]]));
  const byHand = annotationOf(history, FIRST).data.filter((value) => value & BY_HAND).length;
  const told = { ...emptyPartial(GRID), box: { x: 0, y: 0, ...GRID } };
  told.partialness.fill(1);
  told.segmentation.fill(1);
  const change = changeOfInside(annotationOf(history, 2), { partial: told, box: told.box });
  perform(history, { kind: "take", candidate, label: 2, delta: takeAll(history, 2), at: 0 });
  expect(change).toEqual({ gained: GRID.width * GRID.height - byHand, lost: 0 });
  const values = valuesOf(history, 1);
  expect(values.filter((value) => value === 1)).toHaveLength(byHand);
  expect(values.filter((value) => value === 2)).toHaveLength(change.gained);
  // A journal that says otherwise is refused, and nothing changes.
  const before = stateOf(history);
  const forged: Delta = [10 * GRID.width + 10, 1, 0, SEGMENTED | INSIDE];
  expect(() => perform(history, { kind: "take", candidate, label: 2, delta: forged, at: 0 })).toThrow(/by hand/);
  expect(stateOf(history)).toEqual(before);
});

test("the model is told that what is inside another label is outside, and by hand where it is", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const [first, second, third] = stateOf(session(seed, count, LABELS).history);
      const { partialness, segmentation } = partialOf({ ...GRID, data: second });
      const hand = byHandOf({ ...GRID, data: second });
      const other = second.map((_, i) => [first, third].find((data) => data[i] & INSIDE)?.[i] ?? 0);
      expect(partialness).toEqual(second.map((value, i) => (value | other[i]) & SEGMENTED));
      expect(segmentation).toEqual(second.map((value) => (value & INSIDE) >> 1));
      expect(segmentation.some((value, i) => value && other[i])).toBe(false);
      expect(hand).toEqual(second.map((value, i) => ((value | other[i]) & BY_HAND) >> 2));
    }),
  );
});

test("a mask that is imported into one label takes nothing that another has by hand", () => {
  fc.assert(
    fc.property(seed, length, (seed, count) => {
      const { history } = session(seed, count, LABELS);
      const data = Uint8Array.from({ length: GRID.width * GRID.height }, (_, i) => (i % 3 === 0 ? 9 : 0));
      const map = { size: [GRID.width, GRID.height, 1] as const, data, labels: [] };
      const states = stateOf(history);
      const { change, gained } = importMask(annotationOf(history, 2), map, { sha256: "0".repeat(64), label: 9 }, 2);
      perform(history, { ...change, at: 0 });
      const after = stateOf(history);
      const [first, , third] = states;
      let added = 0;
      for (let i = 0; i < data.length; i++) {
        for (const [k, data] of [first, third].entries())
          if (data[i] & BY_HAND && data[i] & INSIDE) expect(after[2 * k][i]).toBe(data[i]);
        if (after[1][i] & INSIDE && !(states[1][i] & INSIDE)) added++;
      }
      expect(added).toBe(gained);
    }),
  );
});

test("labels for which there is no memory are refused before it is asked for", () => {
  const history = emptyHistory({ width: 2 ** 15, height: 2 ** 10 });
  const used = 2000 / 32;
  for (let label = 2; label <= used; label++) history.annotations.set(label, history.annotation);
  expect(() => annotationOf(history, 100)).toThrow(/62 labels are in use/);
});

test("the journal's lines of a single label name none", () => {
  const { actions } = session(3, 60);
  expect(JSON.stringify(actions)).not.toContain('"label"');
  const stroke = randomStroke(Rng.seeded(1));
  expect(named(FIRST)).toEqual({});
  expect({ stroke, ...named(2) }).toEqual({ stroke, label: 2 });
});

test("a change names a label from 1 to 255 or none, and undo names none", () => {
  const change = { ...draw(emptyHistory(GRID), 2, [[3, 3]]), label: undefined as unknown };
  expect(parseAction({ ...change, label: 255 }, GRID)).toMatchObject({ label: 255 });
  for (const label of [0, -1, 256, 1.5, "2", null])
    expect(() => parseAction({ ...change, label }, GRID)).toThrow(/label/);
  expect(() => parseAction({ kind: "undo", at: 0, label: 2 }, GRID)).toThrow(/label/);
});
