import fc from "fast-check";
import { expect, test } from "vitest";
import { type PartialSegmentation, Rng } from "../../src/core/index.ts";
import { COVERAGE_CANDIDATES, type DiskMeasure, measureDisks, type Share } from "../../src/evaluate/index.ts";
import { DISKS, drawPair, makeDiskImage, PAIRS, unionOf } from "../../src/synth/index.ts";

const SIZE = 32;

test("the truth revealed everywhere scores 1, and contradicts nothing", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 7 }), (seed, subset) => {
      const { disks, x } = scene(seed, subset);
      const measures = measureDisks(disks, x, repeat(revealed(disks, subset)));
      const outside = x.partialness.filter((value) => value === 0).length;
      expect(measures.addedForeground.total + measures.addedBackground.total).toBe(outside);
      if (measures.addedForeground.total > 0) {
        expect(measures.dice).toEqual({ total: 1, count: 1 });
        expect(measures.consistentDice).toEqual({ total: 1, count: 1 });
      }
      expect(measures.contradiction.total).toBe(0);
      expect(measures.diversity).toEqual({ total: 0, count: 1 });
      expect(measures.ambiguityCoverage.total).toBe(0);
    }),
    { numRuns: 50 },
  );
});

test("a candidate that takes another subset than the input shows is excused by dice, and caught by consistentDice and contradiction", () => {
  const disks = [square(0), square(10), square(20)];
  const x = blank();
  reveal(x, square(0), 1, 4); // disk 0 is inside
  const candidate = revealed(disks, 0b010); // says: disk 1 and nothing else
  keep(candidate, x);
  const measures = measureDisks(disks, x, repeat(candidate));
  expect(measures.dice).toEqual({ total: 1, count: 1 });
  // Subsets with disk 0: the best is {0, 1}, of which only disk 1 (64 pixels) is met and 60 pixels of disk 0 are missed.
  expect(measures.consistentDice.total).toBeCloseTo((2 * 64) / (64 + 64 + 60), 12);
  expect(measures.contradiction).toEqual({ total: 1, count: 1 });
});

test("a candidate without foreground is counted, and left out of both kinds of dice", () => {
  const disks = [square(0), square(10), square(20)];
  const x = blank();
  const measures = measureDisks(disks, x, repeat(revealed(disks, 0)));
  expect(measures.noForegroundShare).toEqual({ total: 1, count: 1 });
  expect(measures.dice.count).toBe(0);
  expect(measures.consistentDice.count).toBe(0);
  expect(measures.addedBackground).toEqual({ total: SIZE * SIZE, count: 1 });
});

test("a disk counts as covered both ways from two candidates for each, and from half of its pixels on", () => {
  const disks = [square(0), square(10), square(20)];
  const x = blank();
  const candidates = repeat(revealed(disks, 0));
  candidates[3] = revealed(disks, 0b001);
  const coverage = () => measureDisks(disks, x, candidates).ambiguityCoverage;
  expect(coverage()).toEqual({ total: 0, count: 3 });
  candidates[7] = revealed(disks, 0b001);
  expect(coverage()).toEqual({ total: 1, count: 3 });
  candidates[7] = blank();
  reveal(candidates[7], square(0), 1, 31); // 31 of 64 pixels: not half
  expect(coverage()).toEqual({ total: 0, count: 3 });
  reveal(candidates[7], square(0), 1, 32);
  expect(coverage()).toEqual({ total: 1, count: 3 });
});

test("every measure agrees with a slow implementation over sets of pixels", () => {
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 1, max: 7 }), (seed, subset) => {
      const { disks, x, rng } = scene(seed, subset);
      const candidates = Array.from({ length: COVERAGE_CANDIDATES }, () => {
        const { y } = drawPair(rng, unionOf(disks, rng.below(8)), SIZE, PAIRS);
        keep(y, x);
        return y;
      });
      expect(measureDisks(disks, x, candidates)).toEqual(slowly(disks, x, candidates));
    }),
    { numRuns: 30 },
  );
});

/** The definitions of PAPER.md over sets. */
function slowly(disks: Uint8Array[], x: PartialSegmentation, candidates: PartialSegmentation[]) {
  const setOf = (mask: Uint8Array) => new Set([...mask.keys()].filter((i) => mask[i] === 1));
  const and = (a: Set<number>, b: Set<number>) => new Set([...a].filter((i) => b.has(i)));
  const minus = (a: Set<number>, b: Set<number>) => new Set([...a].filter((i) => !b.has(i)));
  const dice = (a: Set<number>, b: Set<number>) =>
    a.size + b.size === 0 ? 1 : (2 * and(a, b).size) / (a.size + b.size);
  const known = setOf(x.partialness);
  const shown = disks.map((disk) => and(setOf(disk), known));
  const isInside = (d: number) => and(shown[d], setOf(x.segmentation)).size > 0;
  const added = (c: PartialSegmentation) => minus(setOf(c.partialness), known);
  const [first] = candidates;
  const foreground = and(added(first), setOf(first.segmentation));
  const scores = (subsets: number[]) =>
    subsets.map((s) => dice(foreground, and(added(first), setOf(unionOf(disks, s)))));
  const all = [0, 1, 2, 3, 4, 5, 6, 7];
  const agreeing = all.filter((s) => disks.every((_, d) => !shown[d].size || isInside(d) === Boolean(s & (1 << d))));
  const shares: Record<DiskMeasure, Share> = {
    addedForeground: { total: foreground.size, count: 1 },
    addedBackground: { total: added(first).size - foreground.size, count: 1 },
    dice: foreground.size ? { total: Math.max(...scores(all)), count: 1 } : { total: 0, count: 0 },
    noForegroundShare: { total: foreground.size ? 0 : 1, count: 1 },
    consistentDice: foreground.size ? { total: Math.max(...scores(agreeing)), count: 1 } : { total: 0, count: 0 },
    contradiction: {
      total: disks.filter((disk, d) => {
        const there = and(added(first), setOf(disk));
        const inside = and(there, setOf(first.segmentation)).size;
        return shown[d].size > 0 && (isInside(d) ? there.size - inside : inside) > there.size / 2;
      }).length,
      count: shown.filter((pixels) => pixels.size > 0).length,
    },
    ambiguityCoverage: {
      total: disks.filter((disk, d) => {
        const covering = candidates
          .map((c) => ({ c, there: and(setOf(disk), setOf(c.partialness)) }))
          .filter(({ there }) => there.size >= setOf(disk).size / 2);
        const insides = covering.filter(
          ({ c, there }) => and(there, setOf(c.segmentation)).size > there.size / 2,
        ).length;
        return shown[d].size === 0 && insides >= 2 && covering.length - insides >= 2;
      }).length,
      count: shown.filter((pixels) => pixels.size === 0).length,
    },
    diversity: { total: 0, count: 1 },
  };
  const differences = candidates.slice(0, 8).flatMap((a, i) =>
    candidates.slice(i + 1, 8).map((b) => {
      const union = new Set([...added(a), ...added(b)]);
      return 1 - dice(and(union, setOf(a.segmentation)), and(union, setOf(b.segmentation)));
    }),
  );
  const diversity = differences.reduce((total, value) => total + value, 0) / differences.length;
  return { ...shares, diversity: { total: diversity, count: 1 } };
}

function scene(seed: number, subset: number) {
  const rng = Rng.seeded(seed);
  const { disks } = makeDiskImage(rng, DISKS);
  const { x } = drawPair(rng, unionOf(disks, subset), SIZE, PAIRS);
  return { disks: [...disks], x, rng };
}

function blank(): PartialSegmentation {
  return {
    width: SIZE,
    height: SIZE,
    partialness: new Uint8Array(SIZE * SIZE),
    segmentation: new Uint8Array(SIZE * SIZE),
  };
}

/** An 8 x 8 square standing in for a disk. */
function square(at: number): Uint8Array {
  const mask = new Uint8Array(SIZE * SIZE);
  for (let y = at; y < at + 8; y++) mask.fill(1, y * SIZE + at, y * SIZE + at + 8);
  return mask;
}

/** Everything segmented, the disks of `subset` inside. */
function revealed(disks: readonly Uint8Array[], subset: number): PartialSegmentation {
  return { ...blank(), partialness: new Uint8Array(SIZE * SIZE).fill(1), segmentation: unionOf(disks, subset) };
}

/** Labels the first `count` pixels of `mask`. */
function reveal(partial: PartialSegmentation, mask: Uint8Array, label: 0 | 1, count: number): void {
  for (const i of [...mask.keys()].filter((p) => mask[p] === 1).slice(0, count)) {
    partial.partialness[i] = 1;
    partial.segmentation[i] = label;
  }
}

/** What the network enforces: the input stays as it is. */
function keep(candidate: PartialSegmentation, x: PartialSegmentation): void {
  x.partialness.forEach((value, i) => {
    if (!value) return;
    candidate.partialness[i] = 1;
    candidate.segmentation[i] = x.segmentation[i];
  });
}

function repeat(candidate: PartialSegmentation): PartialSegmentation[] {
  return Array.from({ length: COVERAGE_CANDIDATES }, () => candidate);
}
