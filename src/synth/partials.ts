/**
 * Pairs of partial segmentations: the ground truth intersected with random shapes (the paper, section 3, "Data").
 *
 * x_m is the union of some labels of a smooth random label map, y_m of those and some more.
 */
import { emptyPartial, type PartialSegmentation, type Rng } from "../core/index.ts";
import { smoothLabelMap } from "./label-map.ts";

export interface PairOptions {
  /** Labels in the random map. */
  readonly labels: number;
  /** How many of them the input covers, least and most. */
  readonly given: readonly [number, number];
  /** How many more the target covers, least and most. */
  readonly added: readonly [number, number];
}

export const PAIRS: PairOptions = { labels: 16, given: [8, 11], added: [2, 4] };

/**
 * @param truth  [H, W], 1 where inside
 * @returns      x contained in y, both equal to the truth where they are segmented; y adds at least one pixel
 */
export function drawPair(rng: Rng, truth: Uint8Array, size: number, { labels, given, added }: PairOptions) {
  const x = emptyPartial({ width: size, height: size });
  const y = emptyPartial({ width: size, height: size });
  // A label can lose everywhere; an input or addition made of such labels only is drawn again.
  do {
    const map = smoothLabelMap(rng, size, labels);
    const order = rng.shuffle(Array.from({ length: labels }, (_, label) => label));
    const first = given[0] + rng.below(given[1] - given[0] + 1);
    const last = first + added[0] + rng.below(added[1] - added[0] + 1);
    reveal(x, truth, map, new Set(order.slice(0, first)));
    reveal(y, truth, map, new Set(order.slice(0, last)));
  } while (count(x) === 0 || count(y) === count(x));
  return { x, y };
}

function reveal(partial: PartialSegmentation, truth: Uint8Array, map: Uint8Array, labels: ReadonlySet<number>): void {
  for (let i = 0; i < map.length; i++) {
    partial.partialness[i] = labels.has(map[i]) ? 1 : 0;
    partial.segmentation[i] = partial.partialness[i] & truth[i];
  }
}

function count({ partialness }: PartialSegmentation): number {
  return partialness.reduce((total, value) => total + value, 0);
}
