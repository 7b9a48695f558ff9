/**
 * One label's annotation under work: one byte a pixel, and the actions that change it. A volume's is one tall grid, its slices (k) one under
 * the other, so that a pixel's place in it is the voxel's place in the volume.
 *
 * Every change is a `Delta`, the runs of pixels it changed with their value before and after; `history.ts` makes it and takes it back.
 * A pixel is inside one label at most: each label's byte also tells whether another one has the pixel.
 */
import { type Box, clipBox, type Grid, type PartialSegmentation, type Stroke, visitStroke } from "../core/index.ts";

/** Bits of an annotation's byte. */
export const SEGMENTED = 1;
export const INSIDE = 2;
/** Drawn or erased by hand: the model never changes this pixel. */
export const BY_HAND = 4;
/** Outside by hand for lying beyond a box, and for that alone: the next box opens it where it lies within. */
export const BOXED = 32;
/** What a box makes of what it closes. */
export const CLOSED = SEGMENTED | BY_HAND | BOXED;
/** What the label's own changes set. */
export const OWN = SEGMENTED | INSIDE | BY_HAND | BOXED;
/** Inside another label, and so outside of this one for as long as it is. */
export const ELSEWHERE = 8;
/** And that by hand: only a hand takes it from there. */
export const ELSEWHERE_BY_HAND = 16;

/** What no candidate changes. */
const FIXED = BY_HAND | ELSEWHERE_BY_HAND;

export interface Annotation extends Grid {
  /**
   * [H, W], bits SEGMENTED (x_m), INSIDE (x_s, only with SEGMENTED), BY_HAND (only with SEGMENTED), BOXED (only with BY_HAND);
   * never with INSIDE: BOXED, ELSEWHERE, ELSEWHERE_BY_HAND (only with ELSEWHERE)
   */
  readonly data: Uint8Array;
}

/** What a change of the first label names: nothing. Other labels are named by their values. */
export const FIRST = 0;

/** Quadruples start, length, value before, value after (`OWN` bits): runs of the row-major data, ascending and disjoint. */
export type Delta = readonly number[];

/**
 * What a hand tool leaves: inside, outside (also: erased, "not inside, and stays so"), or undecided again.
 */
export type Mark = "inside" | "outside" | "undecided";

/** A slice of a volume: across which of its axes (0 is i), and which. */
export interface SlicePlace {
  readonly axis: 0 | 1 | 2;
  /** From 0 */
  readonly index: number;
}

/** Which label a change is of; missing for the first. */
interface OfLabel {
  readonly label?: number | undefined;
}

/** Where a change was made; missing on an image. */
interface OnSlice {
  readonly slice?: SlicePlace | undefined;
}

/** A scribble asks the model, a brush or eraser stroke is a correction; both are hand-drawn marks, in the slice's pixels on a volume. */
export type DrawnChange = OfLabel &
  OnSlice & {
    readonly kind: "scribble" | "brush" | "erase";
    readonly mark: Mark;
    readonly stroke: Stroke;
    readonly delta: Delta;
  };

export type Change = OfLabel &
  (
    | DrawnChange
    /** A box around the object: `box.ts`; in the slice's pixels on a volume. */
    | (OnSlice & { readonly kind: "box"; readonly box: Box; readonly delta: Delta })
    /** A candidate taken: which of how many, and what is needed to make it again. */
    | (OnSlice & { readonly kind: "take"; readonly candidate: TakenCandidate; readonly delta: Delta })
    /** The mask of the slice `from`, across the same axis, taken for this one. */
    | { readonly kind: "carry"; readonly slice: SlicePlace; readonly from: number; readonly delta: Delta }
    /** The slices between `from` and `to`, filled from the masks of those two. */
    | {
        readonly kind: "fill";
        readonly axis: SlicePlace["axis"];
        readonly from: number;
        readonly to: number;
        readonly delta: Delta;
      }
    /** An existing mask laid on the whole image as its start. */
    | {
        readonly kind: "import";
        readonly mask: ImportedMask;
        readonly slice?: undefined;
        readonly delta: Delta;
      }
    /** The annotator has finished the slice. */
    | { readonly kind: "done"; readonly slice: SlicePlace; readonly delta: Delta }
  );

export interface TakenCandidate {
  readonly model: string;
  readonly seed: number;
  /** Place in the gallery, from 1, and how many were offered. */
  readonly place: number;
  readonly offered: number;
  /** Share of the draws that stand behind it, (0, 1]. */
  readonly support: number;
  /** How much of what was left was asked for, (0, 1]; journals from before there was a choice lack it. */
  readonly step?: number | undefined;
  /** Whether the image's features were known; journals from before there were any lack it. */
  readonly features?: boolean | undefined;
  /** Whether it was all that looks like what was marked, or what was there, corrected, and not an answer of the model. */
  readonly looksAlike?: true | undefined;
  readonly keeps?: true | undefined;
  /** The slice whose mask it was made from, where the slice itself had none. */
  readonly carriedFrom?: number | undefined;
}

/** Which mask it was; its name and those of its labels may say whose it is, and are not kept. */
export interface ImportedMask {
  /** Of the mask file's bytes, in lower-case hex. */
  readonly sha256: string;
  /** The value in it that became inside, 1 to 65535. */
  readonly label: number;
}

export type Action = (Change | { readonly kind: "undo" } | { readonly kind: "redo" }) & {
  /** Milliseconds since 1970, for the record only. */
  readonly at: number;
};

/** What a change of a label carries: nothing for the first, so that journals of one label are what they always were. */
export function named(label: number): { label?: number } {
  return label === FIRST ? {} : { label };
}

/** What a change names. */
export function labelOf({ label }: Change): number {
  return label ?? FIRST;
}

/** What a hand-drawn stroke changes. The newest stroke wins where strokes contradict each other. */
export function strokeDelta(annotation: Annotation, stroke: Stroke, mark: Mark): Delta {
  const after = mark === "undecided" ? 0 : SEGMENTED | BY_HAND | (mark === "inside" ? INSIDE : 0);
  const { width, data } = annotation;
  const box = strokeBox(stroke, annotation);
  // A wide pen visits a pixel hundreds of times; a byte a pixel of its box is what keeps that fast.
  const covered = new Uint8Array(box.width * box.height);
  visitStroke(stroke, annotation, (index) => {
    const y = Math.floor(index / width);
    covered[(y - box.y) * box.width + index - y * width - box.x] = 1;
  });
  const delta: number[] = [];
  for (let i = 0; i < covered.length; i++) {
    if (covered[i] === 0) continue;
    const row = Math.floor(i / box.width);
    const pixel = (box.y + row) * width + box.x + i - row * box.width;
    appendPixel(delta, pixel, data[pixel] & OWN, after);
  }
  return delta;
}

/**
 * What taking a candidate makes of a pixel that holds `value`, as `OWN` bits: it decides what it segments, also where a candidate decided
 * before, of this label or another, and leaves alone what is drawn by hand.
 *
 * @param i  the pixel's place in the candidate
 */
export function takenValue(value: number, { partialness, segmentation }: PartialSegmentation, i: number): number {
  if (value & FIXED || partialness[i] === 0) return value & OWN;
  return SEGMENTED | (segmentation[i] ? INSIDE : 0);
}

/** What taking a candidate changes. @param place  of its top left pixel */
export function takeDelta(
  { width, data }: Annotation,
  candidate: PartialSegmentation,
  place: { x: number; y: number },
): Delta {
  const delta: number[] = [];
  for (let y = 0; y < candidate.height; y++) {
    for (let x = 0; x < candidate.width; x++) {
      const pixel = (place.y + y) * width + place.x + x;
      appendPixel(delta, pixel, data[pixel] & OWN, takenValue(data[pixel], candidate, y * candidate.width + x));
    }
  }
  return delta;
}

/** Pixels that a change makes inside, and that it makes inside no longer. */
export interface InsideChange {
  readonly gained: number;
  readonly lost: number;
}

/** What taking a candidate does to the pixels inside. */
export function changeOfInside(
  { width, data }: Annotation,
  { partial, box }: { readonly partial: PartialSegmentation; readonly box: Box },
): InsideChange {
  let [gained, lost] = [0, 0];
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const value = data[(box.y + y) * width + box.x + x];
      const after = takenValue(value, partial, y * box.width + x);
      if ((after & INSIDE) > (value & INSIDE)) gained++;
      else if ((after & INSIDE) < (value & INSIDE)) lost++;
    }
  }
  return { gained, lost };
}

/** Adds a pixel that lies after all others, to the last run where it continues it. */
export function appendPixel(delta: number[], pixel: number, from: number, to: number): void {
  if (from === to) return;
  const last = delta.length - 4;
  if (last >= 0 && delta[last] + delta[last + 1] === pixel && delta[last + 2] === from && delta[last + 3] === to)
    delta[last + 1]++;
  else delta.push(pixel, 1, from, to);
}

/** The part of the grid that holds all pixels of the stroke. */
function strokeBox({ points, width }: Stroke, grid: Grid): Box {
  let [left, top, right, bottom] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, 0, 0];
  for (const [x, y] of points) {
    left = Math.min(left, x);
    top = Math.min(top, y);
    right = Math.max(right, x);
    bottom = Math.max(bottom, y);
  }
  const [x, y] = [Math.floor(left - width), Math.floor(top - width)];
  return clipBox({ x, y, width: Math.ceil(right + width) - x + 1, height: Math.ceil(bottom + width) - y + 1 }, grid);
}

/**
 * What filling a slice makes of a pixel that holds `value`, as `OWN` bits: inside as `isInside` says, except where it is drawn by hand or
 * inside another label, since nobody looks at a slice before it is filled.
 */
export function filledValue(value: number, isInside: boolean): number {
  if (value & (BY_HAND | ELSEWHERE)) return value & OWN;
  if (isInside) return SEGMENTED | INSIDE;
  // What an earlier fill or candidate made inside is undecided again; what is decided to be outside stays so.
  return value & INSIDE ? 0 : value;
}

/**
 * A slice's part of a volume's annotation, changed, as a delta of the volume's.
 *
 * @param changes  of the slice's pixels, from every slice that the change touches
 * @param volumeIndex  where a pixel of that slice lies in the volume
 */
export function joinDeltas(changes: readonly { readonly delta: Delta; volumeIndex(pixel: number): number }[]): Delta {
  let count = 0;
  for (const { delta } of changes) for (let i = 1; i < delta.length; i += 4) count += delta[i];
  // One number a pixel, place and values packed, sorts faster than any object; a place has 29 bits, each value 6.
  const pixels = new Float64Array(count);
  let at = 0;
  for (const { delta, volumeIndex } of changes)
    for (let i = 0; i < delta.length; i += 4)
      for (let pixel = delta[i]; pixel < delta[i] + delta[i + 1]; pixel++)
        pixels[at++] = volumeIndex(pixel) * 4096 + delta[i + 2] * 64 + delta[i + 3];
  pixels.sort();
  const joined: number[] = [];
  for (const packed of pixels) {
    const values = packed % 4096;
    appendPixel(joined, (packed - values) / 4096, values >> 6, values & 63);
  }
  return joined;
}

/** What turns one state of a grid into another. @param valueAfter  of a pixel, as `OWN` bits, by its place and its value before */
export function deltaOf(data: Uint8Array, valueAfter: (pixel: number, before: number) => number): Delta {
  const delta: number[] = [];
  for (let pixel = 0; pixel < data.length; pixel++)
    appendPixel(delta, pixel, data[pixel] & OWN, valueAfter(pixel, data[pixel]));
  return delta;
}

/** The annotation as the model sees it: what is inside another label is outside. */
export function partialOf({ width, height, data }: Annotation): PartialSegmentation {
  const partialness = new Uint8Array(data.length);
  const segmentation = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) {
    partialness[i] = data[i] & (SEGMENTED | ELSEWHERE) ? 1 : 0;
    segmentation[i] = (data[i] & INSIDE) >> 1;
  }
  return { width, height, partialness, segmentation };
}

/** [H, W], 1 where a pixel was drawn or erased by hand, for this label or another, and the model must leave it. */
export function byHandOf({ data }: Annotation): Uint8Array {
  return data.map((value) => (value & FIXED ? 1 : 0));
}
