/**
 * Slices of a volume as a person looks at them: three planes, each turned the radiological way by flips and transposes alone.
 *
 *   axial      the patient's right on the screen's left, front above
 *   coronal    the patient's right on the screen's left, head above
 *   sagittal   front on the screen's left, head above
 *
 * An oblique volume is shown along its own axes, each taken for the patient's axis that it follows most. A display pixel is one voxel: nothing
 * is resampled, so what is drawn on a slice is drawn on the voxels.
 */
import type { Image } from "../core/index.ts";
import { orientationOf } from "./orientation.ts";
import { spacingOf, type Volume, type VoxelData } from "./volume.ts";

export type VoxelAxis = 0 | 1 | 2;
export type Voxel = readonly [i: number, j: number, k: number];
export type PlaneName = "axial" | "coronal" | "sagittal";

export const PLANE_NAMES: readonly PlaneName[] = ["axial", "coronal", "sagittal"];

/** How a volume's axis runs on the screen: with the screen's, or against it. */
interface Run {
  readonly axis: VoxelAxis;
  readonly isFlipped: boolean;
}

/** A family of parallel slices. */
export interface Plane {
  readonly name: PlaneName;
  /** The axis that counts the slices, and how many there are */
  readonly axis: VoxelAxis;
  readonly count: number;
  readonly right: Run;
  readonly down: Run;
  readonly width: number;
  readonly height: number;
  /** A pixel's height divided by its width */
  readonly aspect: number;
  /** Area of a pixel in mm2 */
  readonly pixelArea: number;
  /** Where the screen's edges lie in the patient: "R", or "RA" for a slanted one */
  readonly letters: { readonly left: string; readonly right: string; readonly top: string; readonly bottom: string };
}

type Placed = Pick<Volume, "size" | "toWorld">;

/** World axes (x, y, z) that count the slices, run right and run down; both run towards the smaller coordinate: left, back, foot. */
const LAYOUT: Readonly<Record<PlaneName, readonly [number, number, number]>> = {
  axial: [2, 0, 1],
  coronal: [1, 0, 2],
  sagittal: [0, 1, 2],
};
/** Letters of the smaller and the larger world coordinate. */
const ENDS = ["LR", "PA", "IS"] as const;
/** An edge is named by a second letter from this cosine on, some 12 degrees. */
const SLANTED = 0.2;

export function planesOf(volume: Placed): Readonly<Record<PlaneName, Plane>> {
  const { letters } = orientationOf(volume.toWorld);
  const runs = ENDS.map((ends) => {
    const axis = [...letters].findIndex((letter) => ends.includes(letter)) as VoxelAxis;
    return { axis, isFlipped: letters[axis] === ends[1] };
  });
  const spacing = spacingOf(volume);
  const planeOf = (name: PlaneName): Plane => {
    const [through, right, down] = LAYOUT[name].map((world) => runs[world]);
    const towards = (run: Run, sign: number) => lettersOf(volume, run.axis, run.isFlipped ? -sign : sign);
    return {
      name,
      axis: through.axis,
      count: volume.size[through.axis],
      right,
      down,
      width: volume.size[right.axis],
      height: volume.size[down.axis],
      aspect: spacing[down.axis] / spacing[right.axis],
      pixelArea: areaBetween(volume, right.axis, down.axis),
      letters: { left: towards(right, -1), right: towards(right, 1), top: towards(down, -1), bottom: towards(down, 1) },
    };
  };
  return { axial: planeOf("axial"), coronal: planeOf("coronal"), sagittal: planeOf("sagittal") };
}

/** Of a parallelogram: a tilted gantry's shear leaves pixels across its slices without right angles. */
function areaBetween({ toWorld }: Placed, one: VoxelAxis, other: VoxelAxis): number {
  const step = (axis: VoxelAxis) => [toWorld[axis], toWorld[4 + axis], toWorld[8 + axis]];
  const [a, b, c] = step(one);
  const [d, e, f] = step(other);
  return Math.hypot(b * f - c * e, c * d - a * f, a * e - b * d);
}

/** The directions of the patient that an axis runs to, the clearest first. */
function lettersOf({ toWorld }: Placed, axis: VoxelAxis, sign: number): string {
  const step = [0, 1, 2].map((world) => sign * toWorld[4 * world + axis]);
  const length = Math.hypot(...step);
  return [0, 1, 2]
    .map((world) => ({ world, cosine: step[world] / length }))
    .sort((a, b) => Math.abs(b.cosine) - Math.abs(a.cosine))
    .filter(({ cosine }, place) => place === 0 || (place === 1 && Math.abs(cosine) >= SLANTED))
    .map(({ world, cosine }) => ENDS[world][cosine < 0 ? 0 : 1])
    .join("");
}

/** Where a slice's pixel (x, y) lies in the data: first + x * right + y * down. */
export interface SliceSteps {
  readonly first: number;
  readonly right: number;
  readonly down: number;
}

export function stepsOf(size: Volume["size"], plane: Plane, slice: number): SliceSteps {
  const strides = [1, size[0], size[0] * size[1]];
  const start = ({ axis, isFlipped }: Run) => (isFlipped ? (size[axis] - 1) * strides[axis] : 0);
  const step = ({ axis, isFlipped }: Run) => (isFlipped ? -strides[axis] : strides[axis]);
  return {
    first: slice * strides[plane.axis] + start(plane.right) + start(plane.down),
    right: step(plane.right),
    down: step(plane.down),
  };
}

/** @param point  on the slice, pixel centres, whole or not @returns where it lies in the volume */
export function voxelAt(plane: Plane, slice: number, [x, y]: readonly [number, number]): Voxel {
  const voxel: [number, number, number] = [slice, slice, slice];
  voxel[plane.right.axis] = plane.right.isFlipped ? plane.width - 1 - x : x;
  voxel[plane.down.axis] = plane.down.isFlipped ? plane.height - 1 - y : y;
  return voxel;
}

/** The slice on which a voxel lies, and its pixel there. */
export function pixelOf(plane: Plane, voxel: Voxel): { slice: number; x: number; y: number } {
  const along = ({ axis, isFlipped }: Run, size: number) => (isFlipped ? size - 1 - voxel[axis] : voxel[axis]);
  return { slice: voxel[plane.axis], x: along(plane.right, plane.width), y: along(plane.down, plane.height) };
}

/** How stored values become the values of a slice's image, the same for all slices of a volume, and what those mean. */
export interface GrayScale {
  readonly maximum: Image["maximum"];
  /** Largest value that a slice holds; the smallest is 0 */
  readonly top: number;
  /** value = (stored - from) / perLevel, rounded; perLevel is 1 or -1 where every stored value is kept */
  readonly from: number;
  readonly perLevel: number;
  /** intensity = offset + step * value, with step above 0 */
  readonly offset: number;
  readonly step: number;
}

const NARROW = 255;
const WIDE = 65535;

/** Whole numbers that span at most 65,536 values are kept as they are, less the smallest; all others are scaled to as many levels. */
export function grayScaleOf({ data, slope, intercept }: Pick<Volume, "data" | "slope" | "intercept">): GrayScale {
  const { least, most } = rangeOf(data);
  const range = most - least;
  const isExact = range === 0 || (!hasFractions(data) && range <= WIDE);
  const top = isExact ? range : WIDE;
  // Where stored values fall as intensities rise, the largest is the darkest.
  const [from, sign] = slope < 0 ? [most, -1] : [least, 1];
  const perLevel = sign * (isExact ? 1 : range / WIDE);
  return {
    maximum: top <= NARROW ? NARROW : WIDE,
    top,
    from,
    perLevel,
    offset: slope * from + intercept,
    step: slope * perLevel || 1,
  };
}

function hasFractions(data: VoxelData): boolean {
  return data instanceof Float32Array || data instanceof Float64Array;
}

/** Smallest and largest finite value; 0 and 0 when there is none. */
function rangeOf(data: VoxelData): { least: number; most: number } {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    const value = data[i];
    if (value < least && value !== Number.NEGATIVE_INFINITY) least = value;
    if (value > most && value !== Number.POSITIVE_INFINITY) most = value;
  }
  return least <= most ? { least, most } : { least: 0, most: 0 };
}

/** One slice. What is no number shows as the smallest value. */
export function sliceImage(
  { size, data }: Pick<Volume, "size" | "data">,
  scale: GrayScale,
  plane: Plane,
  slice: number,
): Image {
  const { width, height } = plane;
  const { first, right, down } = stepsOf(size, plane, slice);
  const { maximum, top, from, perLevel } = scale;
  const values = maximum === NARROW ? new Uint8Array(width * height) : new Uint16Array(width * height);
  // Numbers with fractions may span exactly as many levels, and are rounded all the same.
  const isExact = Math.abs(perLevel) === 1 && !hasFractions(data);
  // One loop for each: this is what a person waits for between two slices.
  for (let y = 0, to = 0; y < height; y++) {
    let at = first + y * down;
    if (isExact) for (let x = 0; x < width; x++, at += right) values[to++] = perLevel * (data[at] - from);
    else
      for (let x = 0; x < width; x++, at += right)
        values[to++] = Math.max(0, Math.min(top, Math.round((data[at] - from) / perLevel)));
  }
  return { width, height, data: values, maximum };
}
