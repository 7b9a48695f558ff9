/**
 * A volume as its file stores it, and where it lies: three axes of voxels and one matrix to the patient.
 *
 * World coordinates are those of NIfTI, in mm: x grows to the patient's right, y to the front, z to the head (RAS+). DICOM's LPS is
 * converted where files are read and written, and nowhere else. Voxel (0, 0, 0) is the first stored one, and whole indices are voxel centres.
 */

/** 64-bit integers are read as float64, and refused where that would round. */
export type VoxelData =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** Rows of a 3 x 4 matrix, row-major: (i, j, k, 1) to (x, y, z) in mm, RAS+. */
export type Affine = readonly [
  ...[number, number, number, number],
  ...[number, number, number, number],
  ...[number, number, number, number],
];

/** A window to look through, in intensities (not stored values): everything below centre - width / 2 is black. */
export interface IntensityWindow {
  /** As the file or the modality calls it: "lung", "brain" */
  readonly name: string;
  readonly center: number;
  readonly width: number;
}

/** What radiologists look at CT through, in Hounsfield units. */
export const CT_WINDOWS: readonly IntensityWindow[] = [
  { name: "soft tissue", center: 40, width: 400 },
  { name: "lung", center: -600, width: 1500 },
  { name: "bone", center: 400, width: 1800 },
  { name: "brain", center: 40, width: 80 },
];

export interface Volume {
  /** Voxels along i (columns, fastest), j (rows), k (slices); each at least 1 */
  readonly size: readonly [number, number, number];
  /** [k, j, i], stored values */
  readonly data: VoxelData;
  /** intensity = slope * stored + intercept */
  readonly slope: number;
  readonly intercept: number;
  readonly toWorld: Affine;
  /** DICOM's code ("CT", "MR", "US"), or null where the file does not say */
  readonly modality: string | null;
  /** Of the file itself, most important first; empty where it has none */
  readonly windows: readonly IntensityWindow[];
  /** What was noticed on reading and the annotator should know, a sentence each: uneven spacing, missing slices, a tilted gantry */
  readonly notes: readonly string[];
  /** What a writer needs of the source so that an export lands on it */
  readonly origin: Origin;
}

/** Where a volume came from. */
export type Origin =
  /** Header and extensions as the file begins, byte for byte; `isCompressed` when it was gzip. */
  | { readonly kind: "nifti"; readonly header: Uint8Array; readonly isCompressed: boolean }
  | { readonly kind: "dicom"; readonly slices: readonly DicomSlice[] }
  | { readonly kind: "nrrd" }
  | { readonly kind: "other" };

/** The instance (and frame) that a slice k of a volume was read from. */
export interface DicomSlice {
  /** The whole file. A multi-frame file is named once a slice. */
  readonly file: Uint8Array;
  readonly sopInstanceUid: string;
  /** From 1, or null in a single-frame file */
  readonly frame: number | null;
}

/** Length of a step along each axis, in mm. */
export function spacingOf({ toWorld }: Pick<Volume, "toWorld">): [number, number, number] {
  const along = (axis: number) => Math.hypot(toWorld[axis], toWorld[4 + axis], toWorld[8 + axis]);
  return [along(0), along(1), along(2)];
}

/** @param voxel  (i, j, k), whole or not */
export function worldOf(toWorld: Affine, [i, j, k]: readonly [number, number, number]): [number, number, number] {
  const row = (r: number) => toWorld[r] * i + toWorld[r + 1] * j + toWorld[r + 2] * k + toWorld[r + 3];
  return [row(0), row(4), row(8)];
}
