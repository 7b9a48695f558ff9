/**
 * What a segmentation needs of the images it was drawn on: their names (UIDs) and where each of them lies, from the instances themselves.
 * Nothing is assumed: where a field is missing or the images do not agree, there is no segmentation, but an error that says what to do.
 */
import { TendrilError } from "../core/index.ts";
import { type DataSet, readDicomFile } from "./dicom-seg-elements.ts";
import { spacingOf, type Volume } from "./volume.ts";

export type DicomSegCode =
  /** The volume is no DICOM series, or an image in it cannot be named. */
  | "no-source"
  /** The images do not say where they lie in the patient. */
  | "no-geometry"
  /** The images differ in what one segmentation has once: orientation, size, series, frame of reference. */
  | "mixed-source"
  /** Labels, segments or probabilities do not fit the volume or each other. */
  | "bad-segments"
  /** No voxel is labelled: a segmentation without frames is not allowed. */
  | "nothing-segmented"
  /** More bytes than a DICOM element holds. */
  | "too-large"
  /** The patient's name is in characters that this version does not convert. */
  | "unknown-characters";

/** No segmentation can be written, or placed; the message says why and what to do. */
export class DicomSegError extends TendrilError {
  declare readonly code: DicomSegCode;

  constructor(code: DicomSegCode, message: string) {
    super(code, message);
  }
}

export type Point = readonly [number, number, number];

/** The image that slice k of the volume was read from. */
export interface SourceFrame {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  /** From 1, or null in a single-frame file */
  readonly frame: number | null;
  /** Centre of the first voxel, in mm, LPS as in the file */
  readonly position: Point;
  /** Distance along the normal of the slices, in mm, from the patient's origin */
  readonly along: number;
}

export interface SegSource {
  /** Where names and dates are */
  readonly head: DataSet;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly frameOfReferenceUid: string;
  readonly rows: number;
  readonly columns: number;
  /** Cosines of a step along a row, then down a column, LPS */
  readonly orientation: readonly number[];
  /** mm from row to row, then from column to column */
  readonly spacing: readonly number[];
  /** In mm */
  readonly thickness: number;
  /** In mm; the middle one where slices are unevenly spaced */
  readonly distance: number;
  /** [k] of the volume */
  readonly frames: readonly SourceFrame[];
}

/** Cosines that differ by rounding only: 0.04 mm over 400 mm. */
export const COSINE_TOLERANCE = 1e-4;
/** mm between two places that are the same. */
export const PLACE_TOLERANCE = 1e-3;

const INSTEAD = "Export the mask as NIfTI or PNG instead.";

/**
 * @throws {DicomSegError}     no-source, no-geometry or mixed-source
 * @throws {ImageFormatError}  when one of the files is damaged
 */
export function sourceOf(volume: Volume): SegSource {
  const { origin, size } = volume;
  if (origin.kind !== "dicom")
    throw new DicomSegError(
      "no-source",
      `This image was not read from DICOM files, so a DICOM segmentation cannot name what it was drawn on. ${INSTEAD}`,
    );
  if (origin.slices.length !== size[2])
    throw new DicomSegError(
      "no-source",
      `The volume has ${size[2]} slices and ${origin.slices.length} files. Open it again.`,
    );
  // A multi-frame file is named once a slice, and read once.
  const heads = new Map<Uint8Array, DataSet>();
  const slices = origin.slices.map(({ file, sopInstanceUid, frame }, k) => {
    const head = heads.get(file) ?? readDicomFile(file, `Slice ${k + 1} of the series`).data;
    heads.set(file, head);
    return sliceOf(head, k, sopInstanceUid, frame);
  });
  const [first] = slices;
  for (const [k, slice] of slices.entries()) requireSame(first, slice, k);
  if (first.columns !== size[0] || first.rows !== size[1])
    throw new DicomSegError(
      "mixed-source",
      `The volume is ${size[0]} x ${size[1]} and its DICOM images are ${first.columns} x ${first.rows}. Open the series again.`,
    );
  requireSameAxes(volume, first);
  const normal = normalOf(first.orientation);
  const frames = slices.map(({ frame, sopClassUid, sopInstanceUid, position }) => {
    return { frame, sopClassUid, sopInstanceUid, position, along: dot(normal, position) };
  });
  const distance = distanceOf(frames) ?? spacingOf(volume)[2];
  const isThin = slices.every(({ thickness }) => thickness === first.thickness) && first.thickness !== null;
  return { ...first, thickness: isThin ? (first.thickness ?? distance) : distance, distance, frames };
}

/** Positions along the normal from low to high: the order of a segmentation's frames. */
export function slicesInOrder({ frames }: SegSource): number[] {
  return frames.map((_, k) => k).sort((a, b) => frames[a].along - frames[b].along);
}

function sliceOf(head: DataSet, k: number, sopInstanceUid: string, frame: number | null) {
  const missing = (code: DicomSegCode, what: string) =>
    new DicomSegError(code, `DICOM image ${k + 1} of ${what}, so a segmentation cannot be placed on it. ${INSTEAD}`);
  const uid = (keyword: Parameters<DataSet["text"]>[0], code: DicomSegCode = "no-source") => {
    const value = head.text(keyword);
    if (value === null || !isUid(value)) throw missing(code, `the series has no valid ${keyword}`);
    return value;
  };
  if (uid("SOPInstanceUID") !== sopInstanceUid) throw missing("no-source", "the series is not the one that was opened");
  const groups = groupsOf(head, frame);
  if (!groups) throw missing("no-source", `the series has no frame ${frame}`);
  const numbers = (keyword: Parameters<DataSet["text"]>[0], macro: Parameters<DataSet["items"]>[0], count: number) => {
    const holder = frame === null ? head : groups.map((group) => group.items(macro)[0]).find(Boolean);
    return holder?.numbers(keyword, count) ?? null;
  };
  const position = numbers("ImagePositionPatient", "PlanePositionSequence", 3);
  const orientation = numbers("ImageOrientationPatient", "PlaneOrientationSequence", 6);
  const spacing = numbers("PixelSpacing", "PixelMeasuresSequence", 2);
  const thickness = numbers("SliceThickness", "PixelMeasuresSequence", 1)?.[0] ?? null;
  if (!position || !orientation || !spacing || !isRotation(orientation) || !spacing.every((mm) => mm > 0))
    throw missing("no-geometry", "the series does not say where it lies in the patient");
  return {
    head,
    sopClassUid: uid("SOPClassUID"),
    sopInstanceUid,
    studyUid: uid("StudyInstanceUID"),
    seriesUid: uid("SeriesInstanceUID"),
    frameOfReferenceUid: uid("FrameOfReferenceUID", "no-geometry"),
    frame,
    rows: head.shorts("Rows")?.[0] ?? 0,
    columns: head.shorts("Columns")?.[0] ?? 0,
    position: position as unknown as Point,
    orientation,
    spacing,
    thickness: thickness !== null && thickness > 0 ? thickness : null,
  };
}

/** Functional groups of a frame, its own before the shared ones; none in a single-frame file; null without that frame. */
function groupsOf(head: DataSet, frame: number | null): DataSet[] | null {
  if (frame === null) return [];
  const own = head.items("PerFrameFunctionalGroupsSequence");
  if (own.length > 0 && !own[frame - 1]) return null;
  return [...own.slice(frame - 1, frame), ...head.items("SharedFunctionalGroupsSequence")];
}

type Slice = ReturnType<typeof sliceOf>;

function requireSame(first: Slice, slice: Slice, k: number): void {
  const differs = (what: string) =>
    new DicomSegError(
      "mixed-source",
      `DICOM images 1 and ${k + 1} of the series differ in ${what}, and one segmentation cannot lie on both. Open each series on its own.`,
    );
  if (!isNear(first.orientation, slice.orientation, COSINE_TOLERANCE)) throw differs("orientation");
  if (!isNear(first.spacing, slice.spacing, COSINE_TOLERANCE * first.spacing[0])) throw differs("pixel spacing");
  if (first.rows !== slice.rows || first.columns !== slice.columns) throw differs("size");
  if (first.frameOfReferenceUid !== slice.frameOfReferenceUid) throw differs("frame of reference");
  if (first.studyUid !== slice.studyUid || first.seriesUid !== slice.seriesUid) throw differs("series");
}

/** The volume's own axes are the images': else its voxels were turned or resampled since they were read. */
function requireSameAxes({ toWorld }: Volume, { orientation, spacing }: Slice): void {
  // LPS to RAS+: x and y change sign.
  const column = [0, 1, 2].map((axis) => (axis < 2 ? -1 : 1) * orientation[axis] * spacing[1]);
  const row = [0, 1, 2].map((axis) => (axis < 2 ? -1 : 1) * orientation[3 + axis] * spacing[0]);
  const own = (axis: number) => [toWorld[axis], toWorld[4 + axis], toWorld[8 + axis]];
  if (!isNear(own(0), column, PLACE_TOLERANCE * spacing[1]) || !isNear(own(1), row, PLACE_TOLERANCE * spacing[0]))
    throw new DicomSegError(
      "mixed-source",
      "The volume's rows and columns are not those of its DICOM images: it was turned or resampled. Open the series again.",
    );
}

/** The middle of the distances between neighbours; null for a single slice. */
function distanceOf(frames: readonly SourceFrame[]): number | null {
  const places = frames.map(({ along }) => along).sort((a, b) => a - b);
  const steps = places
    .slice(1)
    .map((place, i) => place - places[i])
    .sort((a, b) => a - b);
  if (steps[0] < PLACE_TOLERANCE)
    throw new DicomSegError(
      "mixed-source",
      "Two DICOM images of the series lie at the same place, and a segmentation's frame could belong to either. Open each time or echo on its own.",
    );
  return steps.length > 0 ? steps[steps.length >> 1] : null;
}

function isRotation(cosines: readonly number[]): boolean {
  const [row, column] = [cosines.slice(0, 3), cosines.slice(3)];
  // Loose: files round. What matters is that it is no zeros and no shear.
  const isUnit = (axis: readonly number[]) => Math.abs(Math.hypot(...axis) - 1) < 0.01;
  return isUnit(row) && isUnit(column) && Math.abs(dot(row, column)) < 0.01;
}

export function normalOf([a, b, c, d, e, f]: readonly number[]): Point {
  return [b * f - c * e, c * d - a * f, a * e - b * d];
}

export function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0);
}

export function isNear(a: readonly number[], b: readonly number[], tolerance: number): boolean {
  return a.every((value, i) => Math.abs(value - b[i]) <= tolerance);
}

export function isUid(text: string): boolean {
  return /^(?=.{1,64}$)\d+(\.\d+)+$/.test(text);
}
