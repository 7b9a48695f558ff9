/**
 * The header of one DICOM file as the volume needs it: the kind of its pixels, its series, and for each frame where it lies and what its values mean.
 * Ordinary files say that once; enhanced ones say it for each frame, or once for all, in their functional groups (PS3.3, section C.7.6.16).
 */
import { AXIS_LIMIT, claim } from "./bytes.ts";
import { codedFrames } from "./dicom-frames.ts";
import { type PixelKind, readPixelKind } from "./dicom-pixel-kind.ts";
import type { DicomFile } from "./dicom-scan.ts";
import { TAG, type Tag } from "./dicom-tags.ts";
import type { DataSet } from "./dicom-values.ts";
import { ImageFormatError } from "./errors.ts";
import { PIXEL_LIMIT } from "./png-chunks.ts";
import type { IntensityWindow } from "./volume.ts";

export const FRAME_LIMIT = 10_000;
/** mm; a place or a distance beyond it is none in a patient. */
const PLACE_LIMIT = 1e6;

export interface Instance {
  readonly source: string;
  readonly file: Uint8Array;
  readonly kind: PixelKind;
  readonly columns: number;
  readonly rows: number;
  readonly sopInstanceUid: string;
  readonly seriesUid: string;
  readonly seriesNumber: number | null;
  readonly seriesDescription: string | null;
  readonly modality: string | null;
  readonly frames: readonly Frame[];
}

export interface Frame {
  readonly instance: Instance;
  /** From 1; null in a file that has no number of frames */
  readonly number: number | null;
  /** As packed; of native pixels a view of the file, little or big endian as it says */
  readonly packed: Uint8Array;
  readonly geometry: FrameGeometry;
  readonly slope: number;
  readonly intercept: number;
  readonly windows: readonly IntensityWindow[];
  /** Compared one after the other between frames at the same place: echo, time, diffusion, acquisition, instance, frame */
  readonly order: readonly number[];
}

/** Where a frame lies, in DICOM's LPS and mm; null where the file does not say. */
export interface FrameGeometry {
  /** Directions of a row and of a column, each of length 1 */
  readonly orientation: readonly number[] | null;
  /** Centre of the first pixel */
  readonly position: readonly number[] | null;
  /** From row to row, from column to column */
  readonly spacing: readonly [number, number] | null;
  readonly spacingFrom: "patient" | "detector" | "region" | "ratio" | null;
  /** From slice to slice, or else the thickness of one */
  readonly thickness: number | null;
}

/** SOP classes without an image, by the end of their UID (PS3.4, annex B). */
const NO_IMAGE: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.3.10": "the directory of a disc (DICOMDIR)",
  "1.2.840.10008.5.1.4.1.1.11.1": "a presentation state",
  "1.2.840.10008.5.1.4.1.1.66": "raw data",
  "1.2.840.10008.5.1.4.1.1.66.1": "a registration",
  "1.2.840.10008.5.1.4.1.1.66.3": "a deformable registration",
  "1.2.840.10008.5.1.4.1.1.66.5": "a surface segmentation",
  "1.2.840.10008.5.1.4.1.1.88.11": "a report",
  "1.2.840.10008.5.1.4.1.1.88.22": "a report",
  "1.2.840.10008.5.1.4.1.1.88.33": "a report",
  "1.2.840.10008.5.1.4.1.1.88.59": "a list of key objects",
  "1.2.840.10008.5.1.4.1.1.88.67": "a report of radiation doses",
  "1.2.840.10008.5.1.4.1.1.104.1": "a PDF document",
  "1.2.840.10008.5.1.4.1.1.481.3": "a set of contours (RT Structure Set)",
  "1.2.840.10008.5.1.4.1.1.481.5": "a treatment plan",
};

const WHOLE_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6";

/** @throws {ImageFormatError} when there is no image in it, or the header is one that cannot be or is not read */
export function readInstance(scanned: DicomFile): Instance {
  const { data, source, file } = scanned;
  if (!data.element(TAG.pixels)) throw noImage(scanned);
  if (data.text(TAG.sopClass) === WHOLE_SLIDE)
    throw new ImageFormatError("unsupported", {
      source,
      message:
        "is a whole-slide image, whose frames are tiles; this version does not read it. Save the part you need as PNG or TIFF.",
    });
  const rows = sizeOf(data, TAG.rows);
  const columns = sizeOf(data, TAG.columns);
  const claimed = data.decimal(TAG.frames);
  const count = claimed ?? 1;
  if (!Number.isInteger(count) || count < 1)
    throw data.refuse(TAG.frames, `says there are ${count} frames; there must be 1 or more`);
  if (count > FRAME_LIMIT)
    throw data.bytes.refuse(
      "too-large",
      0,
      `claims ${count} frames, and ${FRAME_LIMIT.toLocaleString("en")} is the limit. Split it.`,
    );
  const kind = readPixelKind(scanned);
  const packed = packedFrames(scanned, kind, rows * columns, count);
  const characterSet = data.text(TAG.characterSet)?.split("\\")[0] ?? null;
  const frames: Frame[] = [];
  const instance: Instance = {
    source,
    file,
    kind,
    columns,
    rows,
    sopInstanceUid: data.text(TAG.sopInstance) ?? "",
    seriesUid: data.text(TAG.seriesInstance) ?? "",
    seriesNumber: data.looseNumber(TAG.seriesNumber),
    seriesDescription: data.prose(TAG.seriesDescription, characterSet),
    modality: data.text(TAG.modality),
    frames,
  };
  const perFrame = data.items(TAG.perFrameGroups);
  if (perFrame.length > 0 && perFrame.length < count)
    throw data.refuse(TAG.perFrameGroups, `describes ${perFrame.length} of ${count} frames`);
  const shared = data.items(TAG.sharedGroups)[0] ?? null;
  for (let i = 0; i < count; i++) {
    const groups = [perFrame[i], shared].filter((group) => group !== undefined && group !== null);
    frames.push(readFrame(instance, data, groups, i, claimed === null ? null : i + 1, packed[i], characterSet));
  }
  return instance;
}

function noImage({ data, source }: DicomFile): ImageFormatError {
  const isFloat = data.element(TAG.floatPixels) || data.element(TAG.doublePixels);
  const what = isFloat ? "an image of floating-point numbers" : NO_IMAGE[data.text(TAG.sopClass) ?? ""];
  const message = isFloat
    ? "is a DICOM image of floating-point numbers, which this version does not read. Convert it to NIfTI and open that."
    : what
      ? `is ${what}, not an image. It can be left out.`
      : "is a DICOM file without pixels: it is cut short, or holds no image. Export it again, or leave it out.";
  return new ImageFormatError(what ? "unsupported" : "cut-short", { source, message });
}

function sizeOf(data: DataSet, tag: Tag): number {
  const size = data.short(tag);
  if (size === null || size === 0) throw data.refuse(tag, "gives no size; an image has at least one row and column");
  if (size > AXIS_LIMIT) throw data.refuse(tag, `is ${size}, and ${AXIS_LIMIT} is the limit`);
  return size;
}

function packedFrames(scanned: DicomFile, kind: PixelKind, pixels: number, count: number): Uint8Array[] {
  const { data, source } = scanned;
  const element = data.element(TAG.pixels)!;
  // Of the values that it becomes, as well as of the bytes that are there.
  claim(source, pixels * count * (kind.bitsAllocated / 8), Number.POSITIVE_INFINITY);
  if (scanned.syntax.packing !== "native") {
    if (pixels > PIXEL_LIMIT)
      throw data.bytes.refuse(
        "too-large",
        0,
        `claims ${pixels} compressed pixels a frame, and ${PIXEL_LIMIT} (8,192 x 8,192) is the limit.`,
      );
    return codedFrames(scanned, count);
  }
  if (element.fragments)
    throw data.refuse(TAG.pixels, `is compressed, and the transfer syntax says ${scanned.syntax.name}`);
  // In 4:2:2 two pixels share their colors: 2 bytes a pixel.
  const bytes = pixels * (kind.photometric === "YBR_FULL_422" ? 2 : (kind.samples * kind.bitsAllocated) / 8);
  claim(source, bytes * count, element.length);
  const all = data.bytes.slice(element.at, element.length);
  return Array.from({ length: count }, (_, i) => all.subarray(i * bytes, (i + 1) * bytes));
}

/** The first of these data sets, or of the items of their sequence, that has the attribute. */
function lookUp(groups: readonly DataSet[], root: DataSet, sequence: Tag, tag: Tag): DataSet {
  const has = (set: DataSet) => set.element(tag) !== null;
  return groups.flatMap((group) => group.items(sequence)).find(has) ?? root;
}

function readFrame(
  instance: Instance,
  data: DataSet,
  groups: readonly DataSet[],
  index: number,
  number: number | null,
  packed: Uint8Array,
  characterSet: string | null,
): Frame {
  const from = (sequence: Tag, tag: Tag) => lookUp(groups, data, sequence, tag);
  const rescale = from(TAG.valueTransformation, TAG.rescaleSlope);
  const slope = rescale.decimal(TAG.rescaleSlope) ?? 1;
  if (slope === 0) throw rescale.refuse(TAG.rescaleSlope, "is 0: all values would be the same");
  const loose = (sequence: Tag, tag: Tag) => from(sequence, tag).looseNumber(tag) ?? 0;
  return {
    instance,
    number,
    packed,
    geometry: readGeometry(data, groups, index),
    slope,
    intercept: rescale.decimal(TAG.rescaleIntercept) ?? 0,
    windows: readWindows(from(TAG.frameWindows, TAG.windowCenter), characterSet),
    order: [
      groups.length > 0
        ? (from(TAG.mrEcho, TAG.echoTime).double(TAG.echoTime) ?? 0)
        : loose(TAG.mrEcho, TAG.echoNumber),
      groups.length > 0
        ? (from(TAG.frameContent, TAG.temporalIndex).long(TAG.temporalIndex) ?? 0)
        : loose(TAG.frameContent, TAG.temporalPosition),
      from(TAG.mrDiffusion, TAG.bValue).double(TAG.bValue) ?? 0,
      loose(TAG.frameContent, TAG.acquisitionNumber),
      loose(TAG.frameContent, TAG.triggerTime),
      loose(TAG.frameContent, TAG.instanceNumber),
      index,
    ],
  };
}

function readGeometry(data: DataSet, groups: readonly DataSet[], index: number): FrameGeometry {
  const from = (sequence: Tag, tag: Tag) => {
    const set = lookUp(groups, data, sequence, tag);
    // Nuclear medicine keeps place and direction with its detector (PS3.3, section C.8.4.11).
    return set === data && !data.element(tag) ? (data.items(TAG.detectors)[0] ?? data) : set;
  };
  const direction = from(TAG.planeOrientation, TAG.orientation);
  const place = from(TAG.planePosition, TAG.position);
  const measures = (tag: Tag) => lookUp(groups, data, TAG.pixelMeasures, tag);
  const orientation = unitVectors(direction.decimals(TAG.orientation, 6));
  const own = place.decimals(TAG.position, 3);
  if (own?.some((value) => Math.abs(value) > PLACE_LIMIT))
    throw place.refuse(TAG.position, `lies more than ${PLACE_LIMIT} mm away`);
  const step = distance(measures(TAG.spacingBetweenSlices), TAG.spacingBetweenSlices);
  const offset = data.anyDecimals(TAG.gridOffsets)?.[index] ?? null;
  const position = own && orientation && offset !== null ? along(own, orientation, offset) : own;
  return {
    orientation,
    position: orientation && position,
    ...readSpacing(data, measures(TAG.pixelSpacing)),
    thickness: step ?? distance(measures(TAG.sliceThickness), TAG.sliceThickness),
  };
}

function distance(data: DataSet, tag: Tag): number | null {
  // Some writers count backwards with a sign.
  const value = Math.abs(data.looseNumber(tag) ?? 0);
  return value > 0 && value <= PLACE_LIMIT ? value : null;
}

/** Dose files say by how much each frame lies above the first (PS3.3, section C.8.8.3.2). */
function along(place: readonly number[], orientation: readonly number[], offset: number): number[] | null {
  if (!(Math.abs(offset) <= PLACE_LIMIT)) return null;
  const [a, b, c, d, e, f] = orientation;
  const normal = [b * f - c * e, c * d - a * f, a * e - b * d];
  return place.map((value, i) => value + offset * normal[i]);
}

/** Two directions of length 1; null where they are none, or not at a right angle. */
function unitVectors(values: readonly number[] | null): number[] | null {
  if (!values) return null;
  const lengths = [Math.hypot(...values.slice(0, 3)), Math.hypot(...values.slice(3))];
  const isNear = (value: number, target: number) => Math.abs(value - target) < 0.01;
  const product = values[0] * values[3] + values[1] * values[4] + values[2] * values[5];
  if (!isNear(lengths[0], 1) || !isNear(lengths[1], 1) || !isNear(product, 0)) return null;
  return values.map((value, i) => value / lengths[i < 3 ? 0 : 1]);
}

/** In the patient if the file knows, at the detector, or of an ultrasound image's calibrated region (PS3.3, section C.8.5.5). */
function readSpacing(data: DataSet, measures: DataSet): Pick<FrameGeometry, "spacing" | "spacingFrom"> {
  const spacing = pair(measures, TAG.pixelSpacing);
  if (spacing) return { spacing, spacingFrom: "patient" };
  const detector = pair(data, TAG.imagerSpacing) ?? pair(data, TAG.nominalScannedSpacing);
  if (detector) return { spacing: detector, spacingFrom: "detector" };
  for (const region of data.items(TAG.regions)) {
    const isTissue = region.short(TAG.regionFormat) === 1;
    const isCm = region.short(TAG.regionUnitsX) === 3 && region.short(TAG.regionUnitsY) === 3;
    const [x, y] = [region.double(TAG.regionDeltaX) ?? 0, region.double(TAG.regionDeltaY) ?? 0].map(Math.abs);
    if (isTissue && isCm && isDistance(10 * x) && isDistance(10 * y))
      return { spacing: [10 * y, 10 * x], spacingFrom: "region" };
  }
  const ratio = pair(data, TAG.aspectRatio);
  return ratio ? { spacing: [ratio[0] / ratio[1], 1], spacingFrom: "ratio" } : { spacing: null, spacingFrom: null };
}

/** Null where it is absent, or says 0: some writers do when they do not know. */
function pair(data: DataSet, tag: Tag): [number, number] | null {
  const values = data.decimals(tag, 2);
  return values?.every(isDistance) ? [values[0], values[1]] : null;
}

function isDistance(value: number): boolean {
  return value >= 1e-6 && value <= PLACE_LIMIT;
}

function readWindows(data: DataSet, characterSet: string | null): IntensityWindow[] {
  const centers = data.anyDecimals(TAG.windowCenter) ?? [];
  const widths = data.anyDecimals(TAG.windowWidth) ?? [];
  const names = data.prose(TAG.windowExplanation, characterSet)?.split("\\") ?? [];
  return centers.slice(0, widths.length).flatMap((center, i) => {
    const isWindow = !Number.isNaN(center) && widths[i] > 0;
    const name = names[i]?.trim() || (centers.length > 1 ? `window ${i + 1}` : "window");
    return isWindow ? [{ name, center, width: widths[i] }] : [];
  });
}
