/**
 * One image under annotation with a proposer: what has been drawn and taken, made into the model's question, and its answers made into
 * masks on the image. The simulated annotator (`annotator.ts`) and the peers' harness (`peer-protocol.ts`) ask through this alone, so that
 * both measure the same thing.
 *
 *   strokes so far -> marks by hand -> with what was taken: the partial segmentation -> propose on the part of the image that is no
 *   padding -> candidates, likeliest first
 */
import {
  type Box,
  boundsOf,
  crc32,
  crop,
  emptyPartial,
  type Grid,
  type Image,
  type PartialSegmentation,
  Rng,
  UsageError,
} from "../core/index.ts";
import type { Candidate, ImageFeatures, Proposer, Window } from "../model/index.ts";
import { type Prompt, sureOf } from "../synth/index.ts";

/** A partial segmentation as it is looked at. */
export interface Answer extends PartialSegmentation {
  /** [H, W], 1 where it is shown as inside: what a measure compares with the truth */
  readonly shown: Uint8Array;
}

/** What an annotator works with: it is shown an image, and then asked after every stroke and every candidate taken. */
export interface Method {
  /** What the annotator begins with: a stroke inside the largest part of the object, or a box around all of it. */
  readonly opening: Opening;
  /** What it draws with: a thin pen that never leaves what it marks, or a brush as wide as helps, which spills a little. */
  readonly pen: Pen;
  open(image: Image, valid: Uint8Array): Promise<OpenImage>;
}

export type Opening = "stroke" | "box";
export type Pen = "scribble" | "brush";

export interface OpenImage {
  /**
   * @param prompts  all of them, oldest first; where they disagree the later one holds
   * @param current  what was shown before the last stroke, without it
   * @param count    most candidates
   * @returns        on the image's grid, best guess first
   */
  candidates(prompts: readonly Mark[], current: Answer, count: number): Promise<Answer[]>;
}

/** What of a prompt counts. */
export type Mark = Pick<Prompt, "kind" | "label" | "points" | "pixels">;

export interface MethodOptions {
  /** Default: a stroke. */
  readonly opening?: Opening;
  /** Default: a scribble. */
  readonly pen?: Pen;
  /**
   * How much of what is left to add, (0, 1]. With several, the candidates are shared among them, and what is shown after a stroke is the
   * first's.
   */
  readonly steps: readonly number[];
  /** The pretrained encoder's file, for models that use its features; null goes without. */
  readonly encoder: Uint8Array | null;
}

/** Which candidate is shown without having been taken: the first after a stroke, none after one was taken. */
export function shownUnasked(action: "stroke" | "pick", candidates: number): number | null {
  return action === "stroke" && candidates > 0 ? 0 : null;
}

/** Nothing decided, nothing shown. */
export function emptyAnswer(grid: Grid): Answer {
  return { ...emptyPartial(grid), shown: new Uint8Array(grid.width * grid.height) };
}

/**
 * With which stroke others begin to be offered beside the first answer; a box is no stroke. Before, the next stroke is worth as much as a choice,
 * and the simulated annotator takes whatever is 0.03 nearer all the same. What is much larger than the first answer, as the siblings of what is
 * marked are together, is worth more already one stroke earlier, where no box says how large it can be. Chosen on held-back subjects and on
 * kinds left out of training (experiments/0018-look-alikes).
 */
const FIRST_CHOICE = 3;
const MUCH_LARGER = 1.5;

export function proposerMethod(
  proposer: Proposer,
  { opening = "stroke", pen = "scribble", steps, encoder }: MethodOptions,
): Method {
  return {
    opening,
    pen,
    async open(image, valid) {
      const box = boundsOf(valid, image);
      if (!box) throw new UsageError("No pixel of the image is valid: there is nothing to segment.");
      const part: Image = { ...gridOf(box), data: crop(image.data, image, box), maximum: image.maximum };
      const features = encoder && proposer.usesFeatures ? await proposer.encode(part, encoder) : null;
      // The same image always gives the same latents, whatever was annotated before it.
      const { buffer, byteOffset, byteLength } = part.data;
      const rng = Rng.seeded(crc32(new Uint8Array(buffer, byteOffset, byteLength)));
      const ask = { proposer, image: part, features, rng };
      let answered = 0;
      let isTaken = false;
      return {
        async candidates(prompts, current, most) {
          // What has just been chosen is not asked about again before a stroke has said more.
          if (prompts.length === answered) {
            isTaken = true;
            return [];
          }
          answered = prompts.length;
          const hand = cut(handMarks(prompts, image), box);
          const partial = imposed(cut(brushed(current, prompts.at(-1)), box), hand);
          const strokes = prompts.filter(({ kind }) => kind !== "box").length;
          const isBoxed = strokes < prompts.length;
          const count = strokes < FIRST_CHOICE - (isBoxed ? 0 : 1) ? 1 : most;
          const lists: Candidate[][] = [];
          for (const [i, step] of steps.slice(0, count).entries())
            lists.push(
              await propose(
                { ...ask, isTaken },
                partial,
                hand.partialness,
                step,
                Math.ceil((count - i) / steps.length),
              ),
            );
          const answers = interleaved(lists).map((candidate) => placed(candidate, partial, box, image));
          return strokes < FIRST_CHOICE ? answers.filter(isFirstOrMuchLarger) : answers;
        },
      };
    },
  };
}

interface Ask {
  readonly proposer: Proposer;
  readonly image: Image;
  readonly features: ImageFeatures | null;
  readonly rng: Rng;
  /** Whether a candidate has been taken on this image. */
  readonly isTaken: boolean;
}

function propose(
  { proposer, image, features, rng, isTaken }: Ask,
  partial: PartialSegmentation,
  byHand: Uint8Array,
  step: number,
  count: number,
) {
  return proposer.propose(image, partial, {
    count,
    rng,
    step,
    byHand,
    isTaken,
    ...lookAt(image),
    ...(features ? { features } : {}),
  });
}

/** Longest side of an image in which there is nothing to look at more closely. */
const CLOSE = 128;

/**
 * A small image is seen as it is: through a square over all of it that begins on a pixel's edge. At a larger one the proposer looks as it
 * does in the app.
 */
function lookAt({ width, height }: Grid): { readonly window?: Window } {
  const size = Math.max(width, height);
  if (size > CLOSE) return {};
  return { window: { x: -Math.floor((size - width) / 2), y: -Math.floor((size - height) / 2), size } };
}

/** What was drawn by hand, as far as the hand is sure; a box marks all that lies outside it as outside. */
export function handMarks(prompts: readonly Mark[], grid: Grid): PartialSegmentation {
  const marks = emptyPartial(grid);
  for (const prompt of prompts) {
    const isBox = prompt.kind === "box";
    const { label } = prompt;
    const sure = sureOf(prompt, grid);
    for (let i = 0; i < sure.length; i++) {
      if (Boolean(sure[i]) === isBox) continue;
      marks.partialness[i] = 1;
      marks.segmentation[i] = isBox ? 0 : label;
    }
  }
  return marks;
}

function cut({ partialness, segmentation, ...grid }: PartialSegmentation, box: Box): PartialSegmentation {
  return {
    ...gridOf(box),
    partialness: crop(partialness, grid, box),
    segmentation: crop(segmentation, grid, box),
  };
}

function gridOf({ width, height }: Grid): Grid {
  return { width, height };
}

/** With what a brush has painted: like a candidate that was taken, so that the answer may mend where it spilled. */
function brushed(taken: Answer, last: Mark | undefined): PartialSegmentation {
  if (last?.kind !== "brush") return taken;
  const { label, pixels } = last;
  return {
    ...taken,
    partialness: taken.partialness.map((value, i) => value | pixels[i]),
    segmentation: taken.segmentation.map((value, i) => (pixels[i] ? label : value)),
  };
}

/** What has been taken, overruled by what was drawn. */
function imposed(taken: PartialSegmentation, hand: PartialSegmentation): PartialSegmentation {
  return {
    width: taken.width,
    height: taken.height,
    partialness: taken.partialness.map((value, i) => value | hand.partialness[i]),
    segmentation: taken.segmentation.map((value, i) =>
      hand.partialness[i] ? hand.segmentation[i] : value & taken.partialness[i],
    ),
  };
}

function isFirstOrMuchLarger({ shown }: Answer, place: number, [first]: readonly Answer[]): boolean {
  const size = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0);
  return place === 0 || size(shown) >= MUCH_LARGER * size(first.shown);
}

/** The first of each list, then the second of each, ... */
function interleaved<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.flatMap((list) => list.slice(i, i + 1))).flat();
}

/**
 * A candidate on the whole image. Outside its box it says nothing: there what was there before stays. It shows as inside what it calls
 * inside, and nothing where it has not decided.
 *
 * @param partial  what the candidate answers, on `valid`
 * @param valid    where that lies on the image
 */
function placed({ box, partial: found }: Candidate, partial: PartialSegmentation, valid: Box, image: Grid): Answer {
  const answer = emptyPartial(image);
  for (let y = 0; y < valid.height; y++) {
    for (let x = 0; x < valid.width; x++) {
      const [column, row] = [x - box.x, y - box.y];
      const isFound = column >= 0 && row >= 0 && column < box.width && row < box.height;
      const source = isFound ? found : partial;
      const from = isFound ? row * box.width + column : y * valid.width + x;
      const to = (valid.y + y) * image.width + valid.x + x;
      answer.partialness[to] = source.partialness[from];
      answer.segmentation[to] = source.segmentation[from];
    }
  }
  return { ...answer, shown: answer.segmentation.slice() };
}
