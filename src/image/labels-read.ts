/**
 * An existing mask on the grid of the image that it is loaded for: pixel values of a PNG, objects of a COCO file, voxels of a volume (NIfTI, NRRD, with the names
 * that Slicer keeps beside them), segments of a DICOM Segmentation. A mask that does not lie on the image is refused; nothing is
 * moved or resampled to make it fit. One that was cut out of the image is put back in its place.
 */
import type { Image } from "../core/index.ts";
import { decodeValues } from "./decode.ts";
import { looksLikeDicom } from "./dicom-scan.ts";
import { decodeSegOn } from "./dicom-seg-read.ts";
import { DicomSegError, type SegSource, sourceOf } from "./dicom-seg-source.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import { colorOf, type Label, type LabelMap, oneLine } from "./labels.ts";
import { differenceOf, type Lattice, latticeOn } from "./labels-lattice.ts";
import { readCoco } from "./labels-read-coco.ts";
import { decodeNifti } from "./nifti.ts";
import { isNifti, readNiftiHeader } from "./nifti-header.ts";
import { decodeNrrd } from "./nrrd.ts";
import { hasPngSignature } from "./png-chunks.ts";
import type { Affine, Volume } from "./volume.ts";

/** What a mask must lie on. Plain values, so that it can be sent to a worker. */
export interface MaskTarget {
  /** Base name, for errors. */
  readonly name: string;
  readonly size: readonly [number, number, number];
  /** null: an image, which lies nowhere */
  readonly toWorld: Affine | null;
  /** Of a DICOM series: its images, by which a segmentation names its slices. */
  readonly series?: SeriesPlaces;
}

export type SeriesPlaces = Omit<SegSource, "head">;

/** As a file gives it. */
export interface LoadedMask extends LabelMap {
  /** What the annotator should know, a sentence each: a threshold that was taken, voxels of several segments */
  readonly notes?: readonly string[];
}

const VALUE_LIMIT = 65535;
const NAME_LIMIT = 256;

export function targetOf(name: string, image: Image | Volume): MaskTarget {
  if (!("size" in image)) return { name, size: [image.width, image.height, 1], toWorld: null };
  const { size, toWorld } = image;
  const series = seriesOf(image);
  return { name, size, toWorld, ...(series && { series }) };
}

/** Null for what is no DICOM series, or for one that does not say where it lies. */
function seriesOf(volume: Volume): SeriesPlaces | null {
  if (volume.origin.kind !== "dicom") return null;
  try {
    const { head: _, ...places } = sourceOf(volume);
    return places;
  } catch (error) {
    if (error instanceof DicomSegError || error instanceof ImageFormatError) return null;
    throw error;
  }
}

/**
 * @param bytes   of a PNG, COCO JSON, NRRD, NIfTI or DICOM Segmentation file
 * @param source  its base name, for errors and to find the image's objects in a COCO file
 * @throws {ImageFormatError} "other-grid" when it does not lie on the target; else when it is damaged or no mask
 */
export function readLabelMap(bytes: Uint8Array, source: string, target: MaskTarget): LoadedMask {
  const start = String.fromCharCode(...bytes.subarray(0, 16));
  if (start.startsWith("NRRD")) {
    const { volume, keys } = decodeNrrd(bytes, source);
    return labelMapOf(volume, source, target, segmentLabels(keys, source));
  }
  if (/^(\xef\xbb\xbf)?\s*\{/.test(start)) {
    const { size, data, names } = readCoco(bytes, source, target.name);
    requireSameSize(size, source, target);
    return withLabels(data(), target, names);
  }
  if (hasPngSignature(bytes)) {
    const { width, height, data } = decodeValues(bytes, source);
    requireSameSize([width, height, 1], source, target);
    return withLabels(data, target, []);
  }
  if (isNifti(bytes)) return labelMapOf(oneNifti(bytes, source), source, target);
  if (looksLikeDicom(bytes)) return readSegments(bytes, source, target);
  throw refuse(
    "unsupported",
    source,
    "is no mask that this version reads. Load a PNG, COCO JSON, NRRD, NIfTI or DICOM Segmentation file.",
  );
}

/**
 * A volume whose voxels are labels, in the image's order: its axes may run along the image's in another order or direction, and it may be cut out of the image; what
 * is around it is 0.
 *
 * @param known   labels whose names are kept with it
 * @throws {ImageFormatError} "other-grid" when it does not lie on the target, "unsupported" when a voxel is no whole number from 0 to 65535
 */
export function labelMapOf(
  volume: Volume,
  source: string,
  target: MaskTarget,
  known: readonly Label[] = [],
): LoadedMask {
  const { slope, intercept, data } = volume;
  const { corner, size, first, steps } = placeOf(volume, source, target);
  const [width, height, depth] = target.size;
  const [ni, nj, nk] = size;
  const values = new Uint16Array(width * height * depth);
  for (let k = 0; k < nk; k++)
    for (let j = 0; j < nj; j++) {
      let at = ((corner[2] + k) * height + corner[1] + j) * width + corner[0];
      for (let i = 0, from = first + j * steps[1] + k * steps[2]; i < ni; i++, at++, from += steps[0]) {
        const value = slope * data[from] + intercept;
        if (!Number.isInteger(value) || value < 0 || value > VALUE_LIMIT)
          throw refuse(
            "unsupported",
            source,
            `holds ${value} at voxel ${from}, and labels are whole numbers from 0 to ${VALUE_LIMIT}. Is it an image?`,
          );
        values[at] = value;
      }
    }
  const map = withLabels(values, target, known);
  if (values.length === data.length) return map;
  return { ...map, notes: [`It covers ${size.join("×")} of the ${target.size.join("×")} voxels.`] };
}

/** Which of the mask's voxels is which of the target's. */
function placeOf(volume: Volume, source: string, target: MaskTarget): Lattice {
  const { size, toWorld } = target;
  const lattice = toWorld && latticeOn(volume, { size, toWorld });
  if (lattice) return lattice;
  requireSameSize(volume.size, source, target);
  if (toWorld) throw elsewhere(source, target, differenceOf(volume, { size, toWorld }));
  return { corner: [0, 0, 0], size, first: 0, steps: [1, size[0], size[0] * size[1]] };
}

/** Of a file with several volumes nobody can say which is the mask. */
function oneNifti(bytes: Uint8Array, source: string): Volume {
  const volume = decodeNifti(bytes, source);
  if (volume.origin.kind !== "nifti") return volume;
  const [used, ...sizes] = readNiftiHeader(volume.origin.header, source).numbers("dim");
  const count = sizes.slice(3, Math.max(3, used)).reduce((product, size) => product * size, 1);
  if (count > 1)
    throw refuse("unsupported", source, `holds ${count} volumes, and a mask is one. Save the one you want by itself.`);
  return volume;
}

function readSegments(bytes: Uint8Array, source: string, target: MaskTarget): LoadedMask {
  const { series, size, name } = target;
  if (!series)
    throw elsewhere(source, target, "It is a DICOM file, and a DICOM Segmentation lies on a DICOM series alone");
  const { labels, segments, notes } = decodeSegOn(bytes, { ...series, size }, { source, image: name });
  const map = withLabels(labels, target, segments);
  return notes.length > 0 ? { ...map, notes } : map;
}

/** In 8 bits where they are enough; values that nothing names get a name and a color. */
function withLabels(values: Uint8Array | Uint16Array, { size }: MaskTarget, known: readonly Label[]): LabelMap {
  const named = new Map(known.map(({ value, name, color }) => [value, { value, name, color }]));
  const found = new Set<number>(values);
  for (const value of named.keys()) found.add(value);
  found.delete(0);
  const labels = [...found]
    .sort((a, b) => a - b)
    .map((value) => named.get(value) ?? { value, name: `Label ${value}`, color: colorOf(value) });
  return { size, data: (labels.at(-1)?.value ?? 0) < 256 ? Uint8Array.from(values) : Uint16Array.from(values), labels };
}

/** Slicer's `Segment0_Name`, `Segment0_LabelValue`, `Segment0_Color`; of a segment without a value, nothing. */
function segmentLabels(keys: ReadonlyMap<string, string>, source: string): Label[] {
  return [...keys].flatMap(([key, text]) => {
    const prefix = /^(Segment\d+_)LabelValue$/.exec(key)?.[1];
    const value = Number(text);
    if (prefix === undefined || !Number.isInteger(value) || value < 1 || value > VALUE_LIMIT) return [];
    if (Number(keys.get(`${prefix}Layer`) ?? 0) !== 0)
      throw refuse("unsupported", source, "has segments that overlap. Save them as one label map, without overlaps.");
    const channels = (keys.get(`${prefix}Color`) ?? "").split(" ").map((channel) => Math.round(255 * Number(channel)));
    const isColor = channels.length === 3 && channels.every((channel) => channel >= 0 && channel <= 255);
    const hex = channels.map((channel) => channel.toString(16).padStart(2, "0")).join("");
    const name = oneLine(keys.get(`${prefix}Name`) ?? "").slice(0, NAME_LIMIT) || `Label ${value}`;
    return { value, name, color: isColor ? `#${hex}` : colorOf(value) };
  });
}

function requireSameSize(size: readonly number[], source: string, target: MaskTarget): void {
  if (size.every((count, axis) => count === target.size[axis])) return;
  const isFlat = size[2] === 1 && target.size[2] === 1;
  const written = (sizes: readonly number[]) => sizes.slice(0, isFlat ? 2 : 3).join("×");
  throw elsewhere(source, target, `${written(size)} against ${written(target.size)}`);
}

function elsewhere(source: string, target: MaskTarget, why: string): ImageFormatError {
  return refuse("other-grid", source, `doesn't lie on ${target.name}. ${why}. Not loaded; nothing changed.`);
}

function refuse(code: ImageFormatCode, source: string, message: string): ImageFormatError {
  return new ImageFormatError(code, { source, message });
}
