/**
 * Actions as JSON, in the journal and between page and server. A delta stands there as its runs or, where that takes at most half as many
 * numbers, as rows of alike runs at equal distances: on a slice across a volume's rows every pixel is a run of its own.
 *
 *     "delta":[START,LENGTH,BEFORE,AFTER,...]
 *     "delta":{"rows":[START,LENGTH,BEFORE,AFTER,DISTANCE,COUNT,...]}
 */
import type { Action, Change, Delta } from "./annotation.ts";

/** Sextuples: a run as in a `Delta`, how far behind each the next begins, and how many there are. */
export interface DeltaRows {
  readonly rows: readonly number[];
}

/** What `JSON.stringify` is to be given instead of the action. */
export function toText(value: Action | Change): unknown {
  return "delta" in value ? { ...value, delta: packed(value.delta) } : value;
}

function packed(delta: Delta): Delta | DeltaRows {
  const rows: number[] = [];
  for (let i = 0; i < delta.length; i += 4) {
    const [start, length, before, after] = [delta[i], delta[i + 1], delta[i + 2], delta[i + 3]];
    const row = rows.length - 6;
    const isAlike = row >= 0 && rows[row + 1] === length && rows[row + 2] === before && rows[row + 3] === after;
    const distance = isAlike ? (start - rows[row]) / rows[row + 5] : 0;
    if (isAlike && rows[row + 5] === 1) rows[row + 4] = distance;
    if (isAlike && rows[row + 4] === distance) rows[row + 5]++;
    else rows.push(start, length, before, after, length, 1);
  }
  return rows.length > 0 && 2 * rows.length <= delta.length ? { rows } : delta;
}

/** The runs, one after another. @param rows  with at most as many runs as there is memory for, which `countRuns` tells */
export function unpacked({ rows }: DeltaRows): Delta {
  const delta: number[] = [];
  for (let row = 0; row < rows.length; row += 6) {
    const [start, length, before, after, distance, count] = rows.slice(row, row + 6);
    for (let k = 0; k < count; k++) delta.push(start + k * distance, length, before, after);
  }
  return delta;
}

export function countRuns({ rows }: DeltaRows): number {
  let count = 0;
  for (let row = 5; row < rows.length; row += 6) count += rows[row];
  return count;
}
