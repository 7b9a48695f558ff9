/** A volume's annotation seen slice by slice: what is on one, what was done on which, and filling those between two. */
import { emptyMask, InternalError, masksBetween } from "../core/index.ts";
import { type Plane, stepsOf, type Volume } from "../image/index.ts";
import { type Annotation, type Change, type Delta, deltaOf, filledValue, INSIDE, joinDeltas } from "./annotation.ts";

type Size = Volume["size"];

/** One slice's part of a volume's annotation, a copy. @param labels  [k, j, i] */
export function sliceOf(labels: ArrayLike<number>, size: Size, plane: Plane, slice: number): Annotation {
  const { width, height } = plane;
  const data = new Uint8Array(width * height);
  readSlice(labels, size, plane, slice, data);
  return { width, height, data };
}

/** As `sliceOf`, into memory that is there. */
export function readSlice(labels: ArrayLike<number>, size: Size, plane: Plane, slice: number, into: Uint8Array): void {
  const { first, right, down } = stepsOf(size, plane, slice);
  for (let y = 0, to = 0; y < plane.height; y++)
    for (let x = 0, at = first + y * down; x < plane.width; x++, at += right, to++) into[to] = labels[at];
}

/** Where the pixels of a slice lie in the volume. */
export function volumeIndexOf(size: Size, plane: Plane, slice: number): (pixel: number) => number {
  const { first, right, down } = stepsOf(size, plane, slice);
  return (pixel) => {
    const y = Math.floor(pixel / plane.width);
    return first + y * down + (pixel - y * plane.width) * right;
  };
}

/** Bits of a slice's mark. */
export const TOUCHED = 1;
/** Made by filling, and not touched since. */
export const FILLED = 2;
export const DONE = 4;

/** [plane.count]: what was done on each slice. @param changes  in effect, oldest first */
export function marksOf(changes: readonly Change[], plane: Pick<Plane, "axis" | "count">): Uint8Array {
  const marks = new Uint8Array(plane.count);
  for (const change of changes) {
    if (change.kind === "fill") {
      if (change.axis !== plane.axis) continue;
      for (let slice = change.from + 1; slice < change.to; slice++) marks[slice] = FILLED;
    } else if (change.slice?.axis === plane.axis) {
      const { index } = change.slice;
      marks[index] = change.kind === "done" ? DONE : (marks[index] & DONE) | TOUCHED;
    }
  }
  return marks;
}

/**
 * The slices of a volume on which a label was worked, in the plane in which it was worked on most: those that were called done, and what was
 * filled in between, or where none was, all. Null where the label was not worked on slice by slice, as after an import alone.
 *
 * @param changes  of the label, in effect, oldest first
 */
export function workedSlices(
  changes: readonly Change[],
  planes: readonly Plane[],
): { readonly plane: Plane; readonly slices: readonly number[] } | null {
  const worked = planes.map((plane) => ({ plane, marks: marksOf(changes, plane) }));
  const count = ({ marks }: { marks: Uint8Array }) => marks.reduce((sum, mark) => sum + Number(mark > 0), 0);
  const most = worked.reduce((best, each) => (count(each) > count(best) ? each : best));
  if (count(most) === 0) return null;
  const wanted = most.marks.some((mark) => mark & DONE) ? DONE | FILLED : TOUCHED | DONE | FILLED;
  return { plane: most.plane, slices: [...most.marks.keys()].filter((slice) => most.marks[slice] & wanted) };
}

export interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The nearest two done slices with others between them that are not; of equally near ones the first. */
export function gapNear(marks: Uint8Array, at: number): Gap | null {
  const done = [...marks.keys()].filter((slice) => marks[slice] & DONE);
  const gaps = done.slice(1).map((to, i): Gap => ({ from: done[i], to }));
  const distance = ({ from, to }: Gap) => Math.max(from - at, at - to, 0);
  return gaps
    .filter(({ from, to }) => to - from > 1)
    .reduce<Gap | null>((best, gap) => (best === null || distance(gap) < distance(best) ? gap : best), null);
}

/**
 * Fills the slices of a gap from the masks at its ends.
 *
 * @returns null when nothing is inside at one of the ends, so that there is no shape to go to
 */
export function fillDelta(labels: Uint8Array, size: Size, plane: Plane, { from, to }: Gap): Delta | null {
  const [start, end] = [from, to].map((slice) => maskOf(sliceOf(labels, size, plane, slice)));
  if (!start.data.includes(1) || !end.data.includes(1)) return null;
  const slices = Array.from({ length: to - from - 1 }, (_, i) => from + 1 + i);
  const masks = masksBetween(
    start,
    end,
    slices.map((slice) => (slice - from) / (to - from)),
  );
  return joinDeltas(
    slices.map((slice, i) => ({
      delta: deltaOf(sliceOf(labels, size, plane, slice).data, (pixel, before) =>
        filledValue(before, masks[i].data[pixel] === 1),
      ),
      volumeIndex: volumeIndexOf(size, plane, slice),
    })),
  );
}

/** 1 where inside. */
export function maskOf(annotation: Annotation) {
  const mask = emptyMask(annotation);
  for (let i = 0; i < mask.data.length; i++) mask.data[i] = annotation.data[i] & INSIDE ? 1 : 0;
  return mask;
}

/** The gap that a filled slice was filled in: the last one, when there were several. */
export function gapOf(changes: readonly Change[], axis: number, slice: number): Gap {
  const fill = changes.findLast(
    (change) => change.kind === "fill" && change.axis === axis && change.from < slice && slice < change.to,
  );
  if (fill?.kind !== "fill") throw new InternalError(`Slice ${slice} was not filled.`);
  return fill;
}
