/**
 * What a box changes in how the network is asked. A box says much at once and then stands in the way: so much is outside beyond it that
 * strokes outside hardly count beside it in the comparison maps (`comparison.ts`), and nothing inside is known to compare with.
 *
 *   something marked inside   two answers, one that knows of the box and one that does not, half each; beyond the box all stays outside
 *   one stroke outside alone  unless the answer is sure, its surest part is taken for inside and the network asked again
 */
import { type Box, boundsOf, components, type Grid } from "../core/index.ts";
import { bestCut } from "./best-cut.ts";
import type { Marks } from "./comparison.ts";
import type { CellProbabilities } from "./window.ts";

/** A larger rectangle is nearly the whole image; share of its pixels. */
const MOST_AREA = 0.9;
/** An answer of which this much Dice is expected is sure. */
const SURE = 0.87;
/** How much of the area that is expected inside is taken for it. */
const SUREST_SHARE = 0.3;
/** What is missing counts so much beside what is too much (`bestCut`): who has drawn outside wants less, and a stroke inside tells more. */
const MISSING = 0.12;
/** Probabilities are bounded here, and at 1 less this, before their log odds are added. */
const LEAST = 1e-5;

export interface BoxAnswers {
  readonly answers: readonly CellProbabilities[];
  /** Where the likeliest is to be cut; null where the box does not matter for it. */
  readonly level: number | null;
}

/**
 * @param ask      the network's answers about this window with these marks
 * @param onImage  [S, S]
 */
export async function askWithBox(
  ask: (marks: Marks) => Promise<CellProbabilities[]>,
  marks: Marks,
  onImage: Uint8Array,
  grid: Grid,
): Promise<BoxAnswers> {
  const answers = await ask(marks);
  const beyond = beyondBox(marks, onImage, grid);
  if (!beyond) return { answers, level: null };
  const strokes = marks.outside.map((value, i) => value & (1 - beyond[i]));
  if (marks.inside.includes(1)) {
    const unknowing = await ask({ ...marks, outside: strokes });
    return { answers: halfEach(answers, unknowing, beyond), level: null };
  }
  const isFirst = !marks.segmentedInside.includes(1);
  const open = onImage.map((value, i) => value & (1 - marks.outside[i]));
  const isSure = bestCut(answers[0].segmentation, open, 1).agreement >= SURE;
  if (isFirst || isSure || components(strokes, grid).sizes.length !== 1) return { answers, level: null };
  const again = await ask(surestTaken(marks, answers[0].segmentation, open));
  return { answers: again, level: bestCut(again[0].segmentation, open, MISSING).level };
}

/**
 * The rectangle in which all lies that is not outside; null where there is none, and where it is nearly the whole image: it points at nothing
 * in it.
 *
 * @param onImage  [H, W], 0 on padding
 */
export function boxLeftOpen(outside: Uint8Array, onImage: Uint8Array, grid: Grid): Box | null {
  const open = onImage.map((value, i) => value & (1 - outside[i]));
  const seen = onImage.reduce((sum, value) => sum + value, 0);
  const box = boundsOf(open, grid);
  return box && box.width * box.height <= MOST_AREA * seen ? box : null;
}

/** [S, S], 1 beyond the rectangle that was left open; null where none was. */
function beyondBox({ outside }: Marks, onImage: Uint8Array, grid: Grid): Uint8Array | null {
  const box = boxLeftOpen(outside, onImage, grid);
  if (!box) return null;
  return onImage.map((_, i) => {
    const [x, y] = [(i % grid.width) - box.x, Math.floor(i / grid.width) - box.y];
    return Number(x < 0 || y < 0 || x >= box.width || y >= box.height);
  });
}

/** As if nothing but the likeliest open cells had been taken. */
function surestTaken({ inside, outside }: Marks, likely: ArrayLike<number>, open: Uint8Array): Marks {
  const cells = [...open.keys()].filter((i) => open[i] === 1).sort((a, b) => likely[b] - likely[a]);
  const expected = cells.reduce((sum, i) => sum + likely[i], 0);
  const taken = new Uint8Array(open.length);
  for (const i of cells.slice(0, Math.max(1, Math.round(SUREST_SHARE * expected)))) taken[i] = 1;
  return { inside, outside, segmented: taken.map((value, i) => value | outside[i]), segmentedInside: taken };
}

/** The mean of both in log odds; outside beyond the box. */
function halfEach(
  knowing: readonly CellProbabilities[],
  unknowing: readonly CellProbabilities[],
  beyond: Uint8Array,
): CellProbabilities[] {
  return knowing.map((one, k) => {
    const partialness = Float32Array.from(one.partialness, (value, i) => (beyond[i] ? 1 : value));
    const segmentation = new Float32Array(beyond.length);
    for (let i = 0; i < beyond.length; i++)
      if (!beyond[i])
        segmentation[i] = 1 / (1 + 1 / Math.sqrt(oddsOf(one.segmentation[i]) * oddsOf(unknowing[k].segmentation[i])));
    return { partialness, segmentation };
  });
}

function oddsOf(probability: number): number {
  const bounded = Math.min(1 - LEAST, Math.max(LEAST, probability));
  return bounded / (1 - bounded);
}
