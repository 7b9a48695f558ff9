/**
 * What is asked when nothing but a box around the object has been drawn: there is nothing inside to compare with, which is what the
 * network knows best, and a box is what the pretrained segmenter knows best. Each answer's log odds are added to the segmenter's.
 */
import { type Box, boundsOf, type Grid, type PartialSegmentation } from "../core/index.ts";
import type { Session } from "../engine/index.ts";
import type { ImageFeatures } from "./candidate.ts";
import { gridOnWindow } from "./pretrained.ts";
import { decodeRegion, REGION_CELLS } from "./pretrained-decoder.ts";
import type { CellProbabilities, Window } from "./window.ts";

/** A rectangle that is nearly the whole image points at nothing in it; share of its pixels. */
const MOST_AREA = 0.9;
/** How far the log odds of each of the two may lie from even, and what the segmenter's count beside the network's. */
const SUREST = 6;
const WEIGHT = 1;

/** The rectangle beyond which all is segmented outside, where nothing is segmented inside; null where there is none. */
export function boxAlone({ width, height, partialness, segmentation }: PartialSegmentation): Box | null {
  if (segmentation.includes(1) || !partialness.includes(1)) return null;
  const box = boundsOf(
    partialness.map((value) => 1 - value),
    { width, height },
  );
  return box && box.width * box.height <= MOST_AREA * width * height ? box : null;
}

/** @returns the segmenter's log odds of inside, [256, 256], the image's longer side along all of them */
export async function regionInBox(decoder: Session, { channels }: ImageFeatures, box: Box, image: Grid) {
  const longer = Math.max(image.width, image.height);
  const from = [box.x / longer, box.y / longer] as const;
  const to = [(box.x + box.width) / longer, (box.y + box.height) / longer] as const;
  return (await decodeRegion(decoder, channels, { kind: "box", from, to })).logits;
}

/** The answers with the segmenter's log odds added, on the window's cells. @param region  of `regionInBox` */
export function withRegion(
  answers: readonly CellProbabilities[],
  region: Float32Array,
  image: Grid,
  window: Window,
): CellProbabilities[] {
  const cells = Math.sqrt(answers[0].segmentation.length);
  const odds = gridOnWindow(region, REGION_CELLS, image, window, cells).map((value) => WEIGHT * bounded(value));
  return answers.map(({ partialness, segmentation }) => {
    const inside = new Float32Array(odds.length);
    for (let i = 0; i < inside.length; i++)
      inside[i] = 1 / (1 + Math.exp(-odds[i] - bounded(Math.log(segmentation[i] / (1 - segmentation[i])))));
    return { partialness, segmentation: inside };
  });
}

function bounded(logOdds: number): number {
  return Math.min(SUREST, Math.max(-SUREST, logOdds));
}
