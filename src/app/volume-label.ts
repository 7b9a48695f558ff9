/** One label of a volume as it is open on the page: what is inside, slice by slice, and which slices to doubt. */
import type { Plane, Volume } from "../image/index.ts";
import { type Annotation, type Change, type Delta, labelOf, type SlicePlace } from "../project/annotation.ts";
import { DoubtMeter } from "../project/doubt.ts";
import { DONE, FILLED, gapOf, marksOf, sliceOf } from "../project/slice-labels.ts";
import { Tally } from "../project/tally.ts";

/** Across i, j and k: 1 for the slices that a change has reached, even if it was taken back. There is nothing on the others. */
export type Touched = readonly [Uint8Array, Uint8Array, Uint8Array];

export function untouched([ni, nj, nk]: Volume["size"]): Touched {
  return [new Uint8Array(ni), new Uint8Array(nj), new Uint8Array(nk)];
}

export class VolumeLabel {
  readonly tally: Tally;
  /** [k, j, i], of the whole volume */
  readonly annotation: Annotation;
  private readonly key: number;
  private readonly size: Volume["size"];
  private readonly touched: Touched;
  /** Share of the pixels on which the candidates that were offered last disagree, by axis and slice. */
  private readonly disagreement = new Map<string, number>();
  private readonly meters = new Map<Plane, { readonly meter: DoubtMeter; readonly uneven: Float64Array }>();

  /**
   * @param key      what the label's changes name
   * @param touched  shared by all labels of the volume: each knows what is inside the others
   */
  constructor(key: number, volume: Volume, annotation: Annotation, touched: Touched) {
    this.key = key;
    this.size = volume.size;
    this.tally = new Tally(volume);
    this.annotation = annotation;
    this.touched = touched;
  }

  /** What a slice holds of the annotation, a copy. */
  on(plane: Plane, slice: number): Annotation {
    const { width, height } = plane;
    if (!this.touched[plane.axis][slice]) return { width, height, data: new Uint8Array(width * height) };
    return sliceOf(this.annotation.data, this.size, plane, slice);
  }

  /** The annotation has changed. @param direction  1 for a change that was made, -1 for one that was taken back */
  changed(delta: Delta, direction: 1 | -1): void {
    this.tally.change(delta, direction);
    if (delta.length === 0) return;
    for (const axis of [0, 1, 2] as const) {
      const { first, last } = slicesTouched(delta, axis, this.size);
      this.touched[axis].fill(1, first, last + 1);
      for (const [plane, { uneven }] of this.meters)
        if (plane.axis === axis) uneven.fill(Number.NaN, Math.max(0, first - 1), last + 2);
    }
  }

  disagreed({ axis, index }: SlicePlace, share: number): void {
    this.disagreement.set(`${axis}/${index}`, share);
  }

  /** [plane.count]: what was done with this label on each slice. @param changes  in effect, of all labels, oldest first */
  marks(plane: Plane, changes: readonly Change[]): Uint8Array {
    return marksOf(this.own(changes), plane);
  }

  /** [plane.count], 0 to 1: how much each slice's mask is to be doubted; what is done is not. @param changes  as `marks` */
  doubts(plane: Plane, changes: readonly Change[]): Float64Array {
    const own = this.own(changes);
    const { meter, uneven } = this.meterOf(plane);
    const areas = this.tally.areas[plane.axis];
    return Float64Array.from(marksOf(own, plane), (mark, slice) => {
      if (mark & DONE) return 0;
      const isNear = areas[slice] > 0 || (areas[slice - 1] > 0 && areas[slice + 1] > 0);
      if (Number.isNaN(uneven[slice])) uneven[slice] = isNear ? meter.uneven(slice) : 0;
      const filled = mark & FILLED ? meter.filled(slice, gapOf(own, plane.axis, slice)) : 0;
      return Math.max(uneven[slice], filled, this.disagreement.get(`${plane.axis}/${slice}`) ?? 0);
    });
  }

  private own(changes: readonly Change[]): Change[] {
    return changes.filter((change) => labelOf(change) === this.key);
  }

  private meterOf(plane: Plane) {
    const known = this.meters.get(plane);
    if (known) return known;
    const meter = new DoubtMeter(this.annotation.data, this.size, plane);
    const made = { meter, uneven: new Float64Array(plane.count).fill(Number.NaN) };
    this.meters.set(plane, made);
    return made;
  }
}

/** The first and the last slice across an axis that a change reaches; none for a change of nothing. */
export function slicesTouched(
  delta: Delta,
  axis: SlicePlace["axis"],
  [ni, nj]: Volume["size"],
): { first: number; last: number } {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let run = 0; run < delta.length; run += 4) {
    const [start, end] = [delta[run], delta[run] + delta[run + 1] - 1];
    const row = (voxel: number) => Math.floor(voxel / ni);
    const isOneRow = row(start) === row(end);
    const isOneSlice = Math.floor(row(start) / nj) === Math.floor(row(end) / nj);
    const [from, to] = [
      [isOneRow ? start % ni : 0, isOneRow ? end % ni : ni - 1],
      [isOneSlice ? row(start) % nj : 0, isOneSlice ? row(end) % nj : nj - 1],
      [Math.floor(row(start) / nj), Math.floor(row(end) / nj)],
    ][axis];
    first = Math.min(first, from);
    last = Math.max(last, to);
  }
  return { first, last };
}
