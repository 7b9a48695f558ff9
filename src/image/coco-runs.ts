/**
 * COCO's run lengths: pixels down the columns, the first column first; the first run is of zeros and may have length 0. As text, each number takes groups of five
 * bits, the lowest first, a sixth bit says that more follow, and 48 is added to make a character; from the fourth number on the one two places before is taken off.
 */
import type { Grid } from "../core/index.ts";

const GROUP = 5;
const MORE = 32;
const FIRST_CHARACTER = 48;
/** Bits of the largest number that a run can be (an image has 2^26 pixels), with its sign, in groups. */
const MOST_GROUPS = 6;

/** @param data  [H, W]; the runs are those of `value` */
export function runsOf(data: Uint8Array | Uint16Array, { width, height }: Grid, value: number): number[] {
  const runs: number[] = [];
  let isInside = false;
  let length = 0;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if ((data[y * width + x] === value) !== isInside) {
        runs.push(length);
        isInside = !isInside;
        length = 0;
      }
      length++;
    }
  }
  return [...runs, length];
}

export function compressRuns(runs: readonly number[]): string {
  let text = "";
  runs.forEach((run, i) => {
    let rest = i > 2 ? run - runs[i - 2] : run;
    for (let isLast = false; !isLast; ) {
      const group = rest & (MORE - 1);
      rest >>= GROUP;
      // The group's highest bit is its sign: done when all that is left are copies of it.
      isLast = rest === (group & (MORE >> 1) ? -1 : 0);
      text += String.fromCharCode(FIRST_CHARACTER + group + (isLast ? 0 : MORE));
    }
  });
  return text;
}

/**
 * @param most  runs that are expanded; a text of more is refused
 * @returns     null when the text is none that `compressRuns` could have written
 */
export function expandRuns(text: string, most = Number.POSITIVE_INFINITY): number[] | null {
  const runs: number[] = [];
  for (let at = 0; at < text.length; ) {
    if (runs.length > most) return null;
    let run = 0;
    for (let groups = 0; ; groups++) {
      const code = text.charCodeAt(at++) - FIRST_CHARACTER;
      if (!(code >= 0 && code < 2 * MORE) || groups === MOST_GROUPS) return null;
      run |= (code & (MORE - 1)) << (GROUP * groups);
      if (code & MORE) continue;
      const unused = 32 - GROUP * (groups + 1);
      run = (run << unused) >> unused;
      break;
    }
    runs.push(runs.length > 2 ? run + runs[runs.length - 2] : run);
  }
  return runs;
}
