/**
 * A candidate in which what the annotator has taken stays, and what is drawn after it corrects it where it is drawn. The network answers anew with
 * every stroke: of things that it knows little of it then gives up far from the stroke what was right.
 */
import { type Box, crop, type PartialSegmentation } from "../core/index.ts";

/** How far from what is drawn a correction goes, in cells of the network's window. */
export const REACH = 6;

/**
 * @param answer  the network's, on `box`
 * @param taken   the partial segmentation that was asked about, on the image's grid
 * @param hand    what of it is by hand, on the image's grid
 * @param reach   how far a correction goes, in pixels along rows and columns
 * @returns       on `box`: what was taken; the answer's label instead of it where the answer agrees with a mark by hand, from that mark on without
 *                a gap; and the answer where nothing was taken
 */
export function keepTaken(
  answer: PartialSegmentation,
  box: Box,
  taken: PartialSegmentation,
  hand: PartialSegmentation,
  reach: number,
): PartialSegmentation {
  const { width, height } = box;
  const [isTaken, label, byHand] = [
    crop(taken.partialness, taken, box),
    crop(taken.segmentation, taken, box),
    crop(hand.partialness, hand, box),
  ];
  const partialness = answer.partialness.map((value, i) => value | isTaken[i]);
  const segmentation = answer.segmentation.map((value, i) => (isTaken[i] ? label[i] : value));
  const isDisputed = label.map((value, i) => Number(isTaken[i] && !byHand[i] && value !== answer.segmentation[i]));
  let front = [...byHand.keys()].filter((i) => byHand[i]);
  for (let step = 0; step < reach && front.length > 0; step++) {
    const next: number[] = [];
    const correct = (i: number, to: number) => {
      if (!isDisputed[i] || answer.segmentation[i] !== to) return;
      isDisputed[i] = 0;
      segmentation[i] = to;
      next.push(i);
    };
    for (const i of front) {
      const x = i % width;
      if (x > 0) correct(i - 1, segmentation[i]);
      if (x < width - 1) correct(i + 1, segmentation[i]);
      if (i >= width) correct(i - width, segmentation[i]);
      if (i < width * (height - 1)) correct(i + width, segmentation[i]);
    }
    front = next;
  }
  return { width, height, partialness, segmentation };
}
