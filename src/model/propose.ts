/**
 * Candidates for one image and partial segmentation: the centre of the product.
 *
 * (signature fixed; the implementation follows)
 */
import { type Box, type Grid, type Image, InternalError, type PartialSegmentation, type Rng } from "../core/index.ts";

/** One larger partial segmentation, given inside its box; it says nothing about pixels outside the box. */
export interface Candidate {
  readonly box: Box;
  /** On the grid of `box`: contains the input there, and is inside only where segmented. */
  readonly partial: PartialSegmentation;
  /** Share of all draws that gave (nearly) this candidate, (0, 1]. */
  readonly support: number;
  /** Image pixels it adds to the input, inside and outside. */
  readonly added: { readonly inside: number; readonly outside: number };
}

/** A square window on the image, in image pixels (not whole ones); it may reach past the edges. */
export interface Window {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export interface Proposer {
  /** Name and version of the model, for the journal: "paper-1". */
  readonly name: string;
  /**
   * @param image    any size
   * @param partial  on the image's grid
   * @param options  count: most candidates wanted, 1 to 64; rng: the same generator gives the same candidates;
   *                 window: where to look (default: placed from the partial segmentation)
   * @returns        at most `count` candidates that differ, ordered by the inside pixels they add, few to many; none
   *                 when no larger region was found
   */
  propose(
    image: Image,
    partial: PartialSegmentation,
    options: { readonly count: number; readonly rng: Rng; readonly window?: Window },
  ): Promise<Candidate[]>;
  close(): Promise<void>;
}

/** The window around what has been segmented: its bounds with room to grow on every side. */
export function placeWindow(_bounds: Box | null, _image: Grid): Window {
  throw new InternalError("placeWindow is being written.");
}
