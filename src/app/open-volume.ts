/** A volume as it is open on the page: its planes, the slice that is worked on, what is inside, and which slices to doubt. */
import {
  type GrayScale,
  PLANE_NAMES,
  type Plane,
  type PlaneName,
  pixelOf,
  planesOf,
  sliceImage,
  type Volume,
  type Voxel,
} from "../image/index.ts";
import { type Annotation, type Change, type Delta, joinDeltas, type SlicePlace } from "../project/annotation.ts";
import { DoubtMeter } from "../project/doubt.ts";
import { DONE, FILLED, gapOf, marksOf, readSlice, sliceOf, volumeIndexOf } from "../project/slice-labels.ts";
import { Tally } from "../project/tally.ts";
import { follow, type Sheet, sheetOf } from "./sheet.ts";

export class OpenVolume {
  readonly volume: Volume;
  readonly scale: GrayScale;
  readonly planes: Readonly<Record<PlaneName, Plane>>;
  readonly tally: Tally;
  /** [k, j, i], of the whole volume */
  private readonly labels: Uint8Array;
  /** Across i, j and k: 1 for the slices that a change has reached, even if it was taken back. There is nothing on the others. */
  private readonly touched: readonly [Uint8Array, Uint8Array, Uint8Array];
  private current: { readonly plane: Plane; readonly slice: number; readonly sheet: Sheet } | null = null;
  /** Share of the pixels on which the candidates that were offered last disagree, by axis and slice. */
  private readonly disagreement = new Map<string, number>();
  private readonly meters = new Map<Plane, { readonly meter: DoubtMeter; readonly uneven: Float64Array }>();

  constructor(volume: Volume, scale: GrayScale, annotation: Annotation) {
    this.volume = volume;
    this.scale = scale;
    this.planes = planesOf(volume);
    this.tally = new Tally(volume);
    this.labels = annotation.data;
    const [ni, nj, nk] = volume.size;
    this.touched = [new Uint8Array(ni), new Uint8Array(nj), new Uint8Array(nk)];
  }

  /** The sheet of a slice; the same one until another slice is asked for. */
  sheetAt(plane: Plane, slice: number): Sheet {
    const { current } = this;
    if (current?.plane === plane && current.slice === slice) return current.sheet;
    current?.sheet.labels.release();
    const place: SlicePlace = { axis: plane.axis, index: slice };
    const image = sliceImage(this.volume, this.scale, plane, slice);
    const sheet = sheetOf(image, this.annotationOn(plane, slice), { aspect: plane.aspect, place });
    this.current = { plane, slice, sheet };
    return sheet;
  }

  /** The planes that are looked at: of a single slice the two others are lines. */
  get shownPlanes(): readonly PlaneName[] {
    const areas = PLANE_NAMES.filter((name) => this.planes[name].width > 1 && this.planes[name].height > 1);
    return areas.length > 0 ? areas : PLANE_NAMES;
  }

  planeAcross(axis: SlicePlace["axis"]): Plane {
    return Object.values(this.planes).find((plane) => plane.axis === axis)!;
  }

  /** What a slice holds of the annotation, a copy. */
  annotationOn(plane: Plane, slice: number): Annotation {
    const { width, height } = plane;
    if (!this.touched[plane.axis][slice]) return { width, height, data: new Uint8Array(width * height) };
    return sliceOf(this.labels, this.volume.size, plane, slice);
  }

  /** A change of the current sheet's pixels as one of the volume's. */
  wholeDelta(delta: Delta): Delta {
    const { plane, slice } = this.current!;
    return joinDeltas([{ delta, volumeIndex: volumeIndexOf(this.volume.size, plane, slice) }]);
  }

  /** The volume's annotation has changed. @param direction  1 for a change that was made, -1 for one that was taken back */
  changed(delta: Delta, direction: 1 | -1): void {
    this.tally.change(delta, direction);
    if (delta.length === 0) return;
    for (const plane of Object.values(this.planes)) {
      const { first, last } = slicesTouched(delta, plane.axis, this.volume.size);
      this.touched[plane.axis].fill(1, first, last + 1);
      this.meters.get(plane)?.uneven.fill(Number.NaN, Math.max(0, first - 1), last + 2);
    }
    if (!this.current) return;
    const { plane, slice, sheet } = this.current;
    const now = new Uint8Array(sheet.annotation.data.length);
    readSlice(this.labels, this.volume.size, plane, slice, now);
    follow(sheet, now);
  }

  disagreed({ axis, index }: SlicePlace, share: number): void {
    this.disagreement.set(`${axis}/${index}`, share);
  }

  /** [plane.count], 0 to 1: how much each slice's mask is to be doubted; what is done is not. */
  doubts(plane: Plane, changes: readonly Change[]): Float64Array {
    const marks = marksOf(changes, plane);
    const { meter, uneven } = this.meterOf(plane);
    const areas = this.tally.areas[plane.axis];
    return Float64Array.from(marks, (mark, slice) => {
      if (mark & DONE) return 0;
      const isNear = areas[slice] > 0 || (areas[slice - 1] > 0 && areas[slice + 1] > 0);
      if (Number.isNaN(uneven[slice])) uneven[slice] = isNear ? meter.uneven(slice) : 0;
      const filled = mark & FILLED ? meter.filled(slice, gapOf(changes, plane.axis, slice)) : 0;
      return Math.max(uneven[slice], filled, this.disagreement.get(`${plane.axis}/${slice}`) ?? 0);
    });
  }

  private meterOf(plane: Plane) {
    const known = this.meters.get(plane);
    if (known) return known;
    const meter = new DoubtMeter(this.labels, this.volume.size, plane);
    const made = { meter, uneven: new Float64Array(plane.count).fill(Number.NaN) };
    this.meters.set(plane, made);
    return made;
  }

  /** Intensity in a voxel, in the file's unit. */
  intensityAt([i, j, k]: Voxel): number {
    const { size, data, slope, intercept } = this.volume;
    return slope * data[i + size[0] * (j + size[1] * k)] + intercept;
  }

  get middle(): Voxel {
    const [ni, nj, nk] = this.volume.size;
    return [ni >> 1, nj >> 1, nk >> 1];
  }

  /** The nearest voxel. */
  clamp(voxel: Voxel): Voxel {
    const { size } = this.volume;
    const at = (axis: number) => Math.min(size[axis] - 1, Math.max(0, Math.round(voxel[axis])));
    return [at(0), at(1), at(2)];
  }

  sliceAt(plane: Plane, at: Voxel): number {
    return pixelOf(plane, at).slice;
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
