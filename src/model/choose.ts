/**
 * Choosing a few candidates that differ out of many draws.
 *
 * Draws that agree almost everywhere are one; of those that are left, the few chosen are medoids: together the closest to all
 * draws (k-medoids, Kaufman & Rousseeuw 1987: the best first, then swaps while they help). The distance is 1 - Dice over what two draws add,
 * where a cell counts as shared only when both add it with the same label. No randomness: the same draws give the same choice.
 */
import { type CellProbabilities, isInside, isSegmented } from "./window.ts";

/** Labels of a cell. */
export const NOTHING = 0;
export const OUTSIDE = 1;
export const INSIDE = 2;

/** What a draw makes of cell i, whether the input is segmented there or not. */
export function labelOf({ partialness, segmentation }: CellProbabilities, i: number): number {
  if (!isSegmented(partialness[i])) return NOTHING;
  return isInside(partialness[i], segmentation[i]) ? INSIDE : OUTSIDE;
}

/** One label a cell, NOTHING where the input is segmented already. */
export type AddedLabels = Uint8Array;

export interface Choice {
  /** Index of the chosen draw. */
  readonly draw: number;
  /** Draws it stands for, itself included. */
  readonly count: number;
}

/** Draws that agree this well are shown as one (UX: four near-identical pictures are no choice). */
const SAME_DICE = 0.97;
/** A draw that adds fewer cells (of 1,024) offers nothing worth a key. */
const LEAST_CELLS = 4;

/**
 * @param draws  all on the same cells
 * @param count  most to choose
 * @returns      at most `count` draws that differ, the best first; none when no draw adds anything to speak of
 */
export function choose(draws: readonly AddedLabels[], count: number): Choice[] {
  const groups = merged(draws);
  if (groups.length === 0) return [];
  const distances = groups.map((a) => groups.map((b) => 1 - addedDice(draws[a.draw], draws[b.draw])));
  const medoids = improved(greedyMedoids(groups, distances, count), groups, distances);
  return medoids.map((medoid) => ({
    draw: groups[medoid].draw,
    count: groups.reduce(
      (total, group, g) => (nearest(g, medoids, distances) === medoid ? total + group.count : total),
      0,
    ),
  }));
}

/** Dice overlap of what two draws add, labels told apart, in [0, 1]; 1 when neither adds anything. */
export function addedDice(a: AddedLabels, b: AddedLabels): number {
  let shared = 0;
  let total = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== NOTHING) total++;
    if (b[i] !== NOTHING) total++;
    if (a[i] !== NOTHING && a[i] === b[i]) shared++;
  }
  return total === 0 ? 1 : (2 * shared) / total;
}

/** Each draw joins the first group whose first draw it equals nearly; those that add almost nothing join none. */
function merged(draws: readonly AddedLabels[]): Choice[] {
  const groups: { draw: number; count: number }[] = [];
  for (const [d, draw] of draws.entries()) {
    if (draw.reduce((total, label) => total + Number(label !== NOTHING), 0) < LEAST_CELLS) continue;
    const same = groups.find((group) => addedDice(draws[group.draw], draw) >= SAME_DICE);
    if (same) same.count++;
    else groups.push({ draw: d, count: 1 });
  }
  return groups;
}

/** Each next medoid is the one that lowers the cost most. */
function greedyMedoids(groups: readonly Choice[], distances: readonly number[][], count: number): number[] {
  const medoids: number[] = [];
  while (medoids.length < Math.min(count, groups.length)) {
    const further = free(groups, medoids).map((g) => [...medoids, g]);
    medoids.push(cheapest(further, groups, distances).at(-1)!);
  }
  return medoids;
}

/** Swaps a medoid for another group while that lowers the cost; ends because the cost falls each time. */
function improved(start: number[], groups: readonly Choice[], distances: readonly number[][]): number[] {
  for (let medoids = start; ; ) {
    const swaps = medoids.flatMap((_, m) => free(groups, medoids).map((g) => medoids.with(m, g)));
    const best = cheapest([medoids, ...swaps], groups, distances);
    if (best === medoids) return medoids;
    medoids = best;
  }
}

function free(groups: readonly Choice[], medoids: readonly number[]): number[] {
  return [...groups.keys()].filter((g) => !medoids.includes(g));
}

/** The first of those that cost least. */
function cheapest(choices: number[][], groups: readonly Choice[], distances: readonly number[][]): number[] {
  let best = choices[0];
  let least = Number.POSITIVE_INFINITY;
  for (const medoids of choices) {
    const cost = costOf(medoids, groups, distances);
    if (cost >= least) continue;
    [best, least] = [medoids, cost];
  }
  return best;
}

/** Distance of every draw to the nearest medoid, summed. */
function costOf(medoids: readonly number[], groups: readonly Choice[], distances: readonly number[][]): number {
  return groups.reduce((total, { count }, g) => total + count * distances[g][nearest(g, medoids, distances)], 0);
}

function nearest(g: number, medoids: readonly number[], distances: readonly number[][]): number {
  return medoids.reduce((best, medoid) => (distances[g][medoid] < distances[g][best] ? medoid : best));
}
