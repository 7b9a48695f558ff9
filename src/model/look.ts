/**
 * What the general network says of an image where something is marked: coarse, then fine. The first look is at the whole image; when what it
 * finds is small there, a closer look is at a window that fits it better, and so on. Neither is right alone: a closer one sees edges, and noise,
 * that the one before does not, and less around them. So its answers are averaged with those before.
 *
 *   window -> comparison maps -> trunk, once -> light decoder for z = 0 and GENERAL_DRAWS latents from the prior, and cuts of their mean at LEVELS
 */
import { boundsOf, type Image, type PartialSegmentation } from "../core/index.ts";
import { askWithBox } from "./after-box.ts";
import { bestCut } from "./best-cut.ts";
import type { ProposeOptions } from "./candidate.ts";
import { type ImageMaps, imageMaps, type Marks } from "./comparison.ts";
import type { GeneralNetworks, Question } from "./general-networks.ts";
import { windowFeatures } from "./pretrained.ts";
import { withHint } from "./segmenter-hint.ts";
import {
  type CellProbabilities,
  isSegmented,
  onPixels,
  placeWindow,
  type Reading,
  readMarks,
  readWindow,
  type Window,
  windowAround,
} from "./window.ts";

/** Latents drawn beside z = 0 for one proposal. */
export const GENERAL_DRAWS = 15;

/** What a look at the image through a window gave. */
export interface Look {
  readonly window: Window;
  readonly maps: ImageMaps;
  /** What is marked by hand. */
  readonly drawn: Marked;
  /** z = 0, the draws, and their mean at LEVELS. */
  readonly answers: readonly Answer[];
  /** [cells, cells], how likely inside, segmented or not: the mean over z = 0 and the draws */
  readonly mean: Float32Array;
}

/** How likely a cell is segmented and, segmented or not, inside; and how likely it has to be to be taken for inside. */
export interface Answer extends CellProbabilities {
  readonly level: number;
}

export interface LookOptions extends Omit<ProposeOptions, "count"> {
  /** What the pretrained segmenter makes of the marks (`segmenter-hint.ts`). */
  readonly hint?: Float32Array | null;
}

/** The first look, and, as long as it is worth it, closer ones. */
export async function looks(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
  options: LookOptions,
): Promise<Look[]> {
  const lookAt = (window: Window, before: Look | null) => look(networks, image, partial, hand, window, before, options);
  const seen = [await lookAt(options.window ?? placeWindow(null, image), null)];
  if (options.window) return seen;
  for (;;) {
    const closer = closerWindow(seen.at(-1)!, networks.shape.size, image, partial);
    if (!closer) return seen;
    seen.push(await lookAt(closer, seen.at(-1)!));
  }
}

/** @param before  the look before it, at more of the image; null when it is the first */
async function look(
  networks: GeneralNetworks,
  image: Image,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
  window: Window,
  before: Look | null,
  { rng, step = 1, features, isTaken = true, hint = null }: LookOptions,
): Promise<Look> {
  const { size, latent } = networks.shape;
  const grid = { width: size, height: size };
  const reading = readWindow(image, partial, window, size);
  const drawn = readMarks(hand, window, size);
  const inside = new Uint8Array(drawn.xs);
  const question: Question = {
    maps: imageMaps(reading.image, reading.onImage, grid),
    marks: {
      inside,
      outside: new Uint8Array(drawn.xm).map((value, i) => value - inside[i]),
      segmented: new Uint8Array(reading.xm),
      segmentedInside: new Uint8Array(reading.xs),
    },
    step,
    features: features ? windowFeatures(features.projected, image, window, size / 2) : null,
  };
  const latents = rng.at("latents").normals(GENERAL_DRAWS * latent);
  const ask = (marks: Marks) => networks.answer({ ...question, marks }, latents);
  const withBox = await askWithBox(ask, question.marks, reading.onImage, grid);
  const hinted = hint ? withHint(withBox.answers, hint, image, window) : withBox.answers;
  const seen = before ? hinted.map((answer, k) => averaged(answer, before.answers[k], window, before.window)) : hinted;
  const mean = meanOf(seen);
  const usual = () =>
    partial.segmentation.includes(1) ? levelOf(seen[0], reading, drawn, isTaken) : firstLevel(seen[0], reading);
  const level = withBox.level ?? usual();
  const nested = LEVELS.map((each) => ({ partialness: seen[0].partialness, segmentation: mean, level: each }));
  return {
    window,
    maps: question.maps,
    drawn,
    answers: [...seen.map((answer) => ({ ...answer, level })), ...nested],
    mean,
  };
}

/** How much of a closer look's log odds is what the look before it has said: where noise hides what a thing is, that is the better guess. */
const OF_THE_LOOK_BEFORE = 0.7;

/** An answer, its log odds of inside averaged with those that the look before has given there. */
function averaged(
  { partialness, segmentation }: CellProbabilities,
  { segmentation: before }: CellProbabilities,
  window: Window,
  larger: Window,
): CellProbabilities {
  const cells = Math.sqrt(segmentation.length);
  // The larger window as it lies on this one's cells.
  const step = window.size / cells;
  const from = { x: (larger.x - window.x) / step, y: (larger.y - window.y) / step, size: larger.size / step };
  const seen = onPixels(before, cells, from, { x: 0, y: 0, width: cells, height: cells });
  const inside = new Float32Array(segmentation.length);
  for (let i = 0; i < inside.length; i++) {
    const mean = (1 - OF_THE_LOOK_BEFORE) * logOdds(segmentation[i]) + OF_THE_LOOK_BEFORE * logOdds(seen[i]);
    inside[i] = 1 / (1 + Math.exp(-mean));
  }
  return { partialness, segmentation: inside };
}

/** Finite also for 0 and 1. */
function logOdds(probability: number): number {
  return Math.log((probability + LEAST) / (1 - probability + LEAST));
}
const LEAST = 1e-6;

const EVEN = 0.5;
/**
 * Beside the draws, candidates are what is inside at least this likely over all latents: nested, from the largest to the smallest. Where the
 * network is wrong about how sure it is, one of them is right.
 */
const LEVELS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.75, 0.9];

/** Answers of one look: z = 0, draws and cuts. */
export const LOOK_ANSWERS = 1 + GENERAL_DRAWS + LEVELS.length;

function meanOf(answers: readonly CellProbabilities[]): Float32Array {
  const mean = new Float32Array(answers[0].segmentation.length);
  for (const { segmentation } of answers)
    for (let i = 0; i < mean.length; i++) mean[i] += segmentation[i] / answers.length;
  return mean;
}

/** Whether a cell is segmented and taken for inside. */
export function isTakenInside({ partialness, segmentation, level }: Answer, i: number): boolean {
  return isSegmented(partialness[i]) && segmentation[i] >= level;
}

/** How likely inside, segmented or not, the odds divided by those of the level: what is cut at one half then is cut at the level. */
export function cutAt({ partialness, segmentation, level }: Answer): CellProbabilities {
  const cut = new Float32Array(segmentation.length);
  for (let i = 0; i < cut.length; i++) {
    const [inside, outside] = [segmentation[i] * (1 - level), (1 - segmentation[i]) * level];
    cut[i] = inside / (inside + outside);
  }
  return { partialness, segmentation: cut };
}

type Marked = Pick<Reading, "xm" | "xs">;

/**
 * The level at which the likeliest answer agrees best (Dice) with what the annotator has taken: who has taken the larger of two candidates
 * goes on with larger ones. One half where nothing has been taken.
 */
function levelOf({ segmentation }: CellProbabilities, { xm, xs }: Marked, drawn: Marked, isTaken: boolean): number {
  const taken = (i: number) => xm[i] >= EVEN && xs[i] >= EVEN;
  if (!isTaken || !xs.some((_, i) => taken(i) && drawn.xm[i] < EVEN)) return EVEN;
  const agreement = (level: number) => {
    let [shared, total] = [0, 0];
    for (let i = 0; i < xm.length; i++) {
      if (xm[i] < EVEN) continue;
      const [said, was] = [Number(segmentation[i] >= level), Number(taken(i))];
      shared += said & was;
      total += said + was;
    }
    return shared / total;
  };
  const levels = [EVEN, ...LEVELS];
  const agreements = levels.map(agreement);
  return levels[agreements.indexOf(Math.max(...agreements))];
}

/**
 * After a box alone what is missing counts half as much as what is too much: the answer is nearly as good, and a stroke inside, which corrects
 * what is missing, tells more than one outside.
 */
const MISSING_AT_FIRST = 0.5;

/** Where nothing is known inside. */
function firstLevel({ segmentation }: CellProbabilities, { xm, onImage }: Pick<Reading, "xm" | "onImage">): number {
  const open = onImage.map((value, i) => Number(value === 1 && xm[i] < EVEN));
  return bestCut(segmentation, open, MISSING_AT_FIRST).level;
}

/** The network says how likely a pixel is inside, segmented or not; a candidate is inside only where it is segmented: s = p_s m. */
export function whereSegmented({ partialness, segmentation }: CellProbabilities): CellProbabilities {
  // Filled by a loop, as above: `from` with a callback took 20 of a proposal's 100 ms.
  const within = new Float32Array(segmentation.length);
  for (let i = 0; i < within.length; i++) within[i] = segmentation[i] * partialness[i];
  return { partialness, segmentation: within };
}

/** A closer window shows what was found with this much room, */
const ROOM = 1.6;
/** is not smaller than this many image pixels, because a network that sees pixels as blocks has not been trained for them, */
const LEAST_SIZE = 96;
/** nor than this share of the window before: where a look was too coarse to know what a thing is, the next had nothing to be averaged with; */
const LEAST_SHARE = 0.4;
/** and is worth a look when it is at most this share of it. */
const WORTH = 0.7;

/** Around what is inside in a look's first answer and what has been segmented inside before; null when the look was close enough. */
function closerWindow(
  { window, answers }: Look,
  size: number,
  image: Image,
  partial: PartialSegmentation,
): Window | null {
  const found = boundsOf(
    new Uint8Array(size * size).map((_, i) => Number(isTakenInside(answers[0], i))),
    { width: size, height: size },
  );
  const marked = boundsOf(partial.segmentation, partial) ?? boundsOf(partial.partialness, partial);
  const scale = window.size / size;
  const boxes = [
    ...(marked ? [marked] : []),
    ...(found
      ? [
          {
            x: window.x + found.x * scale,
            y: window.y + found.y * scale,
            width: found.width * scale,
            height: found.height * scale,
          },
        ]
      : []),
  ];
  if (boxes.length === 0) return null;
  const left = Math.min(...boxes.map(({ x }) => x));
  const top = Math.min(...boxes.map(({ y }) => y));
  const right = Math.max(...boxes.map(({ x, width }) => x + width));
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height));
  const longer = Math.max(right - left, bottom - top);
  const side = Math.max(LEAST_SIZE, ROOM * longer, LEAST_SHARE * window.size);
  if (side > WORTH * window.size) return null;
  return windowAround({ x: (left + right) / 2, y: (top + bottom) / 2 }, side, image);
}
