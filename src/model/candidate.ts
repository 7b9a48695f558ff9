/** A candidate, and what is said when candidates are asked for. */
import type { Box, PartialSegmentation, Rng } from "../core/index.ts";
import type { Window } from "./window.ts";

/** One larger partial segmentation, given inside its box; it says nothing about pixels outside the box. */
export interface Candidate {
  readonly box: Box;
  /**
   * On the grid of `box`: keeps what is drawn by hand there (the paper's model: all of the input), and is inside only where
   * segmented.
   */
  readonly partial: PartialSegmentation;
  /** Share of all answers that gave (nearly) this candidate, (0, 1]. */
  readonly support: number;
  /** Whether it is no answer of the network but all that looks like what is marked (`look-alikes.ts`). */
  readonly looksAlike?: true;
  /** Whether it is no answer of the network but what was taken before, corrected near what is drawn (`keep-taken.ts`). */
  readonly keeps?: true;
  /** Image pixels it adds to the input, inside and outside. */
  readonly added: { readonly inside: number; readonly outside: number };
}

export interface ProposeOptions {
  /** Most candidates wanted, 1 to 64. */
  readonly count: number;
  /** The same generator gives the same candidates; it does not advance. */
  readonly rng: Rng;
  /** Where to look (default: placed from the partial segmentation). */
  readonly window?: Window;
  /**
   * How much of what is left to add, from a little, near 0, to 1 for all of it (the default). For the general model; the paper's
   * takes a step of its own.
   */
  readonly step?: number;
  /**
   * [H, W] of the image, 1 where the partial segmentation was drawn by hand and must stay (default: all of it). The general model may
   * revise the rest; the paper's keeps all.
   */
  readonly byHand?: Uint8Array;
  /**
   * Whether what is segmented and not drawn by hand was taken by the annotator, and not only shown (default true): then candidates keep to
   * how much it takes for inside. For the general model.
   */
  readonly isTaken?: boolean;
  /** The image's features (`Proposer.encode`); without them the general model is less sure. */
  readonly features?: ImageFeatures;
}

/** What of it says how likely pixels are inside. */
export type ProbabilityOptions = Pick<ProposeOptions, "rng" | "byHand" | "features">;

/** What the pretrained encoder makes of a whole image, whose longer side lies along all cells. */
export interface ImageFeatures {
  /** [F, 64, 64], projected: what the trunk reads */
  readonly projected: Float32Array;
  /** [256, 64, 64]: what the pretrained segmenter's decoder reads */
  readonly channels: Float32Array;
}

/** Image pixels that `partial`, on `box`, adds to the input. */
export function countAdded(partial: PartialSegmentation, input: PartialSegmentation, box: Box) {
  let [inside, outside] = [0, 0];
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const i = y * box.width + x;
      if (!partial.partialness[i] || input.partialness[(box.y + y) * input.width + box.x + x]) continue;
      if (partial.segmentation[i]) inside++;
      else outside++;
    }
  }
  return { inside, outside };
}
