/**
 * The pixels of a FRACTIONAL segmentation (PS3.3, C.8.20.2): one byte each, how likely it is inside.
 *
 * A mask that was approved is not lost in them: a cut at one half gives it back, whatever the model says.
 */
import { roomFor, type SegContent, type SegFrame } from "./dicom-seg-frames.ts";
import { DicomSegError } from "./dicom-seg-source.ts";

/** Stands for a probability of 1. */
export const MAXIMUM_FRACTION = 255;
/** From here on a voxel is inside. */
const HALF = 128;

/** A frame whose pixels are probabilities. */
export interface FractionalFrame {
  /** Of the segment in the label map */
  readonly value: number;
  /** k of the volume */
  readonly slice: number;
  /** [j, i], to be filled as `fractionOf` gives them; a view of the whole */
  readonly pixels: Uint8Array;
}

/**
 * What is inside the mask has at least 128, all else at most 127.
 *
 * @param probability  of being inside, [0, 1]
 * @param isCertain    decided by hand: exactly 0 or 255
 */
export function fractionOf(probability: number, isInside: boolean, isCertain: boolean): number {
  if (isCertain) return isInside ? MAXIMUM_FRACTION : 0;
  const fraction = Math.round(probability * MAXIMUM_FRACTION);
  return isInside ? Math.max(HALF, fraction) : Math.min(HALF - 1, fraction);
}

/** Room for the pixels of the frames, one after the other. @throws {DicomSegError} too-large */
export function framesToFill({ volume, segments }: SegContent, frames: readonly SegFrame[]) {
  const area = volume.size[0] * volume.size[1];
  const fractions = roomFor(frames.length * area);
  return {
    fractions,
    frames: frames.map(({ segment, slice }, f): FractionalFrame => {
      return { value: segments[segment].value, slice, pixels: fractions.subarray(f * area, (f + 1) * area) };
    }),
  };
}

/** @throws {DicomSegError} bad-segments when a cut at one half does not give the label map */
export function requireFractions(content: SegContent, fractions: Uint8Array, frames: readonly SegFrame[]): void {
  const { volume, labels, segments } = content;
  const area = volume.size[0] * volume.size[1];
  const pixels = frames.length * area;
  if (fractions.length !== pixels + (pixels % 2))
    throw new DicomSegError(
      "bad-segments",
      `There are ${fractions.length} probabilities for ${frames.length} frames of ${area} pixels.`,
    );
  frames.forEach(({ segment, slice }, f) => {
    const { value } = segments[segment];
    for (let p = 0; p < area; p++)
      if (fractions[f * area + p] >= HALF !== (labels[slice * area + p] === value))
        throw new DicomSegError(
          "bad-segments",
          `A probability of value ${value} on slice ${slice + 1} is ${fractions[f * area + p]} of 255, on the other side of a half than the mask.`,
        );
  });
}
