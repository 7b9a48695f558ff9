/**
 * The level at which what is cut is expected to agree best with the truth, if every cell is inside as likely as it is said to be, whatever
 * the others are. For Dice that is one half or less (Lipton, Elkan & Naryanaswamy 2014 show the same of F1: the best threshold is half of
 * the F1 that it reaches), and much less where no cell is likely and the object surely is there: an annotator who draws a box around it can do
 * nothing with an empty answer.
 */

export interface Cut {
  /** [0, 1] */
  readonly level: number;
  /** What is expected of the agreement there. */
  readonly agreement: number;
}

/**
 * Agreement is F = (1 + r) |found| / (|shown| + r |truth|) (van Rijsbergen 1979, r his beta squared): Dice for r = 1, and with a smaller r
 * what is missing counts less than what is too much.
 *
 * @param inside  [S, S], probabilities
 * @param isOpen  [S, S], 1 where it is still to be found out
 */
export function bestCut(inside: ArrayLike<number>, isOpen: ArrayLike<number>, r: number): Cut {
  const open = Float32Array.from(inside)
    .filter((_, i) => isOpen[i] === 1)
    .sort();
  const expected = open.reduce((sum, value) => sum + value, 0);
  let found = 0;
  let best: Cut = { level: 0.5, agreement: 0 };
  for (let k = open.length - 1; k >= 0; k--) {
    found += open[k];
    const agreement = ((1 + r) * found) / (open.length - k + r * expected);
    if (agreement > best.agreement) best = { level: open[k], agreement };
  }
  return best;
}
