/**
 * The measures of the paper's experiment on one held-out image of disks.
 *
 * Candidates are hard masks; "added" pixels are those that a candidate segments and the input does not. Every measure is a
 * fraction summed over images, so that means over candidates or disks have their own denominators and can be resampled by image.
 */
import type { PartialSegmentation } from "../core/index.ts";
import { unionOf } from "../synth/index.ts";

/** Names and meaning of the measures, in the order of the reports. */
export const DISK_MEASURES = {
  addedForeground: "pixels added and labelled inside, mean",
  addedBackground: "pixels added and labelled outside, mean",
  dice: "Dice on the added pixels, best over all subsets of the disks; candidates that add foreground",
  noForegroundShare: "share of candidates that add no foreground",
  consistentDice: "as dice, only over subsets that agree with the input",
  contradiction: "share of disks shown by the input that the candidate labels the other way",
  ambiguityCoverage: "share of disks the input says nothing about that 32 candidates label both ways",
  diversity: "1 - Dice over pairs of 8 candidates, on the union of their added pixels",
} as const;

export type DiskMeasure = keyof typeof DISK_MEASURES;

/** Contributions of one image: the measure is the sum of `total` over the sum of `count` of all images. */
export interface Share {
  readonly total: number;
  readonly count: number;
}

/** Candidates that `ambiguityCoverage` looks at, and those that `diversity` compares in pairs. */
export const COVERAGE_CANDIDATES = 32;
export const DIVERSITY_CANDIDATES = 8;

/** What the input says of a disk: `undefined` when none of its pixels is segmented. */
type Shown = "inside" | "outside" | undefined;

/**
 * @param disks       one mask a disk, [H, W]
 * @param input       x
 * @param candidates  COVERAGE_CANDIDATES draws; the first is the one that all measures but the last two judge
 */
export function measureDisks(
  disks: readonly Uint8Array[],
  input: PartialSegmentation,
  candidates: readonly PartialSegmentation[],
): Record<DiskMeasure, Share> {
  const shown = disks.map((disk) => shownAs(disk, input));
  const [first] = candidates;
  const added = addedPixels(first, input);
  const foreground = countWhere(added, first.segmentation);
  const background = countWhere(added) - foreground;
  const addsForeground = foreground > 0;
  const subsets = Array.from({ length: 2 ** disks.length }, (_, subset) => subset);
  const best = (among: readonly number[]) =>
    Math.max(...among.map((subset) => diceWithin(added, first.segmentation, unionOf(disks, subset))));
  const agreeing = subsets.filter((subset) =>
    shown.every((label, d) => label === undefined || (label === "inside") === (((subset >> d) & 1) === 1)),
  );

  return {
    addedForeground: { total: foreground, count: 1 },
    addedBackground: { total: background, count: 1 },
    dice: addsForeground ? { total: best(subsets), count: 1 } : NOTHING,
    noForegroundShare: { total: addsForeground ? 0 : 1, count: 1 },
    consistentDice: addsForeground ? { total: best(agreeing), count: 1 } : NOTHING,
    contradiction: {
      total: disks.filter((disk, d) => shown[d] && contradicts(shown[d], disk, added, first)).length,
      count: shown.filter((label) => label !== undefined).length,
    },
    ambiguityCoverage: {
      total: disks.filter((disk, d) => shown[d] === undefined && labelledBothWays(disk, candidates)).length,
      count: shown.filter((label) => label === undefined).length,
    },
    diversity: { total: meanDifference(candidates.slice(0, DIVERSITY_CANDIDATES), input), count: 1 },
  };
}

const NOTHING: Share = { total: 0, count: 0 };

/** Partial segmentations are parts of one ground truth, so one segmented pixel of a disk tells of all of it. */
function shownAs(disk: Uint8Array, { partialness, segmentation }: PartialSegmentation): Shown {
  const pixel = disk.findIndex((value, i) => value === 1 && partialness[i] === 1);
  if (pixel < 0) return undefined;
  return segmentation[pixel] === 1 ? "inside" : "outside";
}

/** The other way on more than half of the pixels it adds to the disk. */
function contradicts(
  shown: Shown,
  disk: Uint8Array,
  added: Uint8Array,
  { segmentation }: PartialSegmentation,
): boolean {
  const there = countWhere(added, disk);
  const inside = countWhere(added, disk, segmentation);
  const otherWay = shown === "inside" ? there - inside : inside;
  return 2 * otherWay > there;
}

/** Inside by at least two candidates and outside by at least two, of those that cover at least half of the disk. */
function labelledBothWays(disk: Uint8Array, candidates: readonly PartialSegmentation[]): boolean {
  const area = countWhere(disk);
  let insides = 0;
  let outsides = 0;
  for (const { partialness, segmentation } of candidates) {
    const covered = countWhere(disk, partialness);
    if (2 * covered < area) continue;
    if (2 * countWhere(disk, partialness, segmentation) > covered) insides++;
    else outsides++;
  }
  return insides >= 2 && outsides >= 2;
}

function meanDifference(candidates: readonly PartialSegmentation[], input: PartialSegmentation): number {
  const added = candidates.map((candidate) => addedPixels(candidate, input));
  let total = 0;
  let pairs = 0;
  for (let a = 0; a < candidates.length; a++) {
    for (let b = a + 1; b < candidates.length; b++) {
      const union = added[a].map((value, i) => value | added[b][i]);
      total += 1 - diceWithin(union, candidates[a].segmentation, candidates[b].segmentation);
      pairs++;
    }
  }
  return total / pairs;
}

/** Dice(a, b) = 2 |a ∩ b| / (|a| + |b|) over the pixels of `region`; 1 when both are empty there. */
function diceWithin(region: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  const total = countWhere(region, a) + countWhere(region, b);
  return total === 0 ? 1 : (2 * countWhere(region, a, b)) / total;
}

function addedPixels(candidate: PartialSegmentation, input: PartialSegmentation): Uint8Array {
  return candidate.partialness.map((value, i) => value & ~input.partialness[i]);
}

/** Number of pixels that are 1 in every one of the masks. */
function countWhere(a: Uint8Array, b: Uint8Array = a, c: Uint8Array = a): number {
  let count = 0;
  for (let i = 0; i < a.length; i++) count += a[i] & b[i] & c[i];
  return count;
}
