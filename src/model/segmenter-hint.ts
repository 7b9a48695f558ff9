/**
 * What the pretrained segmenter makes of the marks, as a hint to the network's answers: log odds that are added to theirs.
 *
 * The segmenter knows edges of things of any kind, and points at one thing; the network compares with what is marked, looks for more of it,
 * and is too sure of "outside". So what the segmenter finds counts for inside, and what it does not find half as much for outside, because it
 * may be a sibling of that thing. Where nothing is known but a box around all of the object there are no siblings to hide, and both count alike.
 */
import type { Box, Grid, PartialSegmentation } from "../core/index.ts";
import type { Session } from "../engine/index.ts";
import { boxLeftOpen } from "./after-box.ts";
import type { ImageFeatures } from "./candidate.ts";
import { gridOnWindow } from "./pretrained.ts";
import { decodeRegion, type Place, REGION_CELLS, type RegionPrompt } from "./pretrained-decoder.ts";
import type { CellProbabilities, Window } from "./window.ts";

/** Places that stand for what is marked inside, and for what is marked outside. */
const PLACES = 5;
/** How far log odds may lie from even, and what the segmenter's count beside the network's: its "inside", and its "outside" after strokes. */
const SUREST = 6;
const WEIGHT = 0.2;
const WEIGHT_OUTSIDE = 0.1;

/**
 * @param partial  what is segmented, by hand or not
 * @param hand     what of it is by hand
 * @returns        log odds to add, [256, 256], the image's longer side along all of them; null where there is nothing to point at
 */
export async function segmenterHint(
  decoder: Session,
  { channels }: ImageFeatures,
  partial: PartialSegmentation,
  hand: PartialSegmentation,
): Promise<Float32Array | null> {
  const box = boxAlone(partial);
  const prompt = box ? { inside: [], outside: [], box: cornersOf(box, partial) } : markedPlaces(hand);
  if (!prompt) return null;
  const { logits } = await decodeRegion(decoder, channels, prompt);
  const outside = box ? WEIGHT : WEIGHT_OUTSIDE;
  return logits.map((value) => (value > 0 ? WEIGHT * Math.min(SUREST, value) : outside * Math.max(-SUREST, value)));
}

/** The rectangle beyond which all is segmented outside, where nothing is segmented inside; null where there is none. */
export function boxAlone(partial: PartialSegmentation): Box | null {
  return partial.segmentation.includes(1) ? null : boxOfOpen(partial);
}

/** The answers with the hint's log odds added, on the window's cells. @param hint  of `segmenterHint` */
export function withHint(
  answers: readonly CellProbabilities[],
  hint: Float32Array,
  image: Grid,
  window: Window,
): CellProbabilities[] {
  const cells = Math.sqrt(answers[0].segmentation.length);
  // Odds are multiplied, so that one exponential serves all answers.
  const factors = gridOnWindow(hint, REGION_CELLS, image, window, cells).map(Math.exp);
  const least = 1 / (1 + Math.exp(SUREST));
  return answers.map(({ partialness, segmentation }) => {
    const inside = new Float32Array(factors.length);
    for (let i = 0; i < inside.length; i++) {
      const own = Math.min(1 - least, Math.max(least, segmentation[i]));
      inside[i] = (own * factors[i]) / (own * factors[i] + 1 - own);
    }
    return { partialness, segmentation: inside };
  });
}

/** Some places that are marked by hand, and the box that was drawn, if one was; null where none is inside. */
function markedPlaces(hand: PartialSegmentation): RegionPrompt | null {
  if (!hand.segmentation.includes(1)) return null;
  const box = boxOfOpen(hand);
  const isNear = (x: number, y: number) =>
    !box || (x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height);
  // One pixel for each of the decoder's cells: as good a place as any, and few enough in an image of any size.
  const side = Math.max(1, Math.max(hand.width, hand.height) / REGION_CELLS);
  const inside = new Map<number, Pixel>();
  const outside = new Map<number, Pixel>();
  for (let i = 0; i < hand.partialness.length; i++) {
    if (!hand.partialness[i]) continue;
    const [x, y] = [i % hand.width, Math.floor(i / hand.width)];
    const cell = Math.floor(y / side) * REGION_CELLS + Math.floor(x / side);
    if (hand.segmentation[i]) inside.set(cell, [x, y]);
    else if (isNear(x, y)) outside.set(cell, [x, y]);
  }
  return {
    inside: spreadOver([...inside.values()], hand),
    outside: spreadOver([...outside.values()], hand),
    box: box && cornersOf(box, hand),
  };
}

function boxOfOpen({ partialness, segmentation, ...grid }: PartialSegmentation): Box | null {
  const outside = partialness.map((value, i) => value & (1 - segmentation[i]));
  return boxLeftOpen(outside, new Uint8Array(outside.length).fill(1), grid);
}

function cornersOf({ x, y, width, height }: Box, grid: Grid): RegionPrompt["box"] {
  const longer = Math.max(grid.width, grid.height);
  return { from: [x / longer, y / longer], to: [(x + width) / longer, (y + height) / longer] };
}

type Pixel = readonly [number, number];

/** At most PLACES of the pixels, the first in their middle, each next one farthest from those before. */
function spreadOver(pixels: readonly Pixel[], { width, height }: Grid): Place[] {
  const squared = (a: readonly number[], b: readonly number[]) => (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2;
  const middle = [0, 1].map((axis) => pixels.reduce((sum, pixel) => sum + pixel[axis], 0) / pixels.length);
  const kept: Pixel[] = [];
  let gaps = pixels.map((pixel) => -squared(pixel, middle));
  while (kept.length < Math.min(PLACES, pixels.length)) {
    const next = pixels[gaps.reduce((best, gap, k) => (gap > gaps[best] ? k : best), 0)];
    gaps = pixels.map((pixel, k) => {
      const gap = squared(pixel, next);
      return kept.length === 0 ? gap : Math.min(gaps[k], gap);
    });
    kept.push(next);
  }
  const longer = Math.max(width, height);
  return kept.map(([x, y]) => [(x + 0.5) / longer, (y + 0.5) / longer]);
}
