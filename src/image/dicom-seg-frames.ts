/** The frames of a segmentation: which there are, and their pixels. */
import { type DicomSegment, VALUE_LIMIT } from "./dicom-seg-segment.ts";
import { DicomSegError } from "./dicom-seg-source.ts";
import type { Volume } from "./volume.ts";

/** What is drawn, on what. */
export interface SegContent {
  /** Its origin is a DICOM series. */
  readonly volume: Volume;
  /** [k, j, i]; 0 is outside of all segments */
  readonly labels: Uint8Array | Uint16Array;
  /** Become segments 1, 2, ... in this order; every value of the map but 0 is one of theirs. */
  readonly segments: readonly DicomSegment[];
  /** When given, the segmentation is FRACTIONAL: the pixels of `fractionalFrames`, filled. */
  readonly fractions?: Uint8Array;
}

/** A frame to write: which segment (from 0), on which slice of the volume. */
export interface SegFrame {
  readonly segment: number;
  readonly slice: number;
}

/** The longest even length of an element's value. */
const ELEMENT_BYTES = 0xfffffffe;

/** @throws {DicomSegError} bad-segments */
export function requireFit({ volume, labels, segments }: SegContent): void {
  const refuse = (what: string) => new DicomSegError("bad-segments", what);
  const voxels = volume.size[0] * volume.size[1] * volume.size[2];
  const known = new Set([0, ...segments.map(({ value }) => value)]);
  if (labels.length !== voxels)
    throw refuse(
      `The label map has ${labels.length} values and the volume ${volume.size.join(" x ")}, which is ${voxels}.`,
    );
  // A table, as a volume has 100 million voxels.
  const isKnown = new Uint8Array(VALUE_LIMIT + 1);
  for (const value of known) isKnown[value] = 1;
  const stray = labels.find((value) => isKnown[value] === 0);
  if (stray !== undefined)
    throw refuse(`The label map holds ${stray}, and no segment has this value. Add a segment or clear the voxels.`);
}

/** Segment by segment, slices in `order`, those with a voxel in them. */
export function framesOf({ volume, labels, segments }: SegContent, order: readonly number[]): SegFrame[] {
  const area = volume.size[0] * volume.size[1];
  const present = order.map((k) => valuesOf(labels.subarray(k * area, (k + 1) * area)));
  return segments.flatMap(({ value }, segment) =>
    order.flatMap((slice, at) => (present[at].has(value) ? [{ segment, slice }] : [])),
  );
}

function valuesOf(slice: Uint8Array | Uint16Array): Set<number> {
  const values = new Set<number>();
  let last = -1;
  for (const value of slice) {
    // Voxels come in runs: a set is asked only where one ends.
    if (value !== last) values.add(value);
    last = value;
  }
  return values;
}

/** One bit a voxel, the first lowest, with no gap between frames (PS3.5, 8.1.1). */
export function bitsOf({ volume, labels, segments }: SegContent, frames: readonly SegFrame[]): Uint8Array {
  const area = volume.size[0] * volume.size[1];
  const bits = roomFor(Math.ceil((frames.length * area) / 8));
  frames.forEach(({ segment, slice }, f) => {
    const { value } = segments[segment];
    for (let p = 0, bit = f * area; p < area; p++, bit++)
      // Not "bit >> 3": there may be more bits than 31 can count.
      if (labels[slice * area + p] === value) bits[Math.floor(bit / 8)] |= 1 << (bit % 8);
  });
  return bits;
}

/** Of even length, as every DICOM value. @throws {DicomSegError} too-large */
export function roomFor(bytes: number): Uint8Array {
  if (bytes > ELEMENT_BYTES)
    throw new DicomSegError(
      "too-large",
      "The segments take more than the 4 GiB of a DICOM element. Export fewer of them at once.",
    );
  return new Uint8Array(bytes + (bytes % 2));
}
