/**
 * An existing mask on the grid of the image that it is loaded for: pixel values of a PNG, objects of a COCO file, voxels of a volume (NRRD, NIfTI) with the names
 * that Slicer keeps beside them. A mask that does not lie on the image is refused; nothing is moved or resampled to make it fit.
 */
import type { Image } from "../core/index.ts";
import { decodeValues } from "./decode.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import { colorOf, type Label, type LabelMap, oneLine } from "./labels.ts";
import { readCoco } from "./labels-read-coco.ts";
import { decodeNrrd } from "./nrrd.ts";
import { hasPngSignature } from "./png-chunks.ts";
import { type Affine, type Volume, worldOf } from "./volume.ts";

/** What a mask must lie on. */
export interface MaskTarget {
  /** Base name, for errors. */
  readonly name: string;
  readonly size: readonly [number, number, number];
  /** null: an image, which lies nowhere */
  readonly toWorld: Affine | null;
}

/** mm, and mm a voxel: more than float32 and six decimals lose, less than anyone can see. */
const TOLERANCE = 1e-3;
const VALUE_LIMIT = 65535;
const NAME_LIMIT = 256;

export function targetOf(name: string, image: Image | Volume): MaskTarget {
  if ("size" in image) return { name, size: image.size, toWorld: image.toWorld };
  return { name, size: [image.width, image.height, 1], toWorld: null };
}

/**
 * @param bytes   of a PNG, COCO JSON or NRRD file
 * @param source  its base name, for errors and to find the image's objects in a COCO file
 * @throws {ImageFormatError} "other-grid" when it does not lie on the target; else when it is damaged or no mask
 */
export function readLabelMap(bytes: Uint8Array, source: string, target: MaskTarget): LabelMap {
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
  if (!hasPngSignature(bytes))
    throw refuse(
      "unsupported",
      source,
      "is no mask that this version reads. Load a PNG, COCO JSON, NRRD or NIfTI file.",
    );
  const { width, height, data } = decodeValues(bytes, source);
  requireSameSize([width, height, 1], source, target);
  return withLabels(data, target, []);
}

/**
 * A volume whose voxels are labels.
 *
 * @param known   labels whose names are kept with it
 * @throws {ImageFormatError} "other-grid" when it does not lie on the target, "unsupported" when a voxel is no whole number from 0 to 65535
 */
export function labelMapOf(volume: Volume, source: string, target: MaskTarget, known: readonly Label[] = []): LabelMap {
  requireSameSize(volume.size, source, target);
  const own = volume.toWorld;
  if (target.toWorld?.some((value, i) => !(Math.abs(value - own[i]) <= TOLERANCE)))
    throw elsewhere(source, target, `Their corners lie up to ${apart(own, target.toWorld, target.size)} mm apart`);
  const { slope, intercept } = volume;
  const values = new Uint16Array(volume.data.length);
  for (let i = 0; i < values.length; i++) {
    const value = slope * volume.data[i] + intercept;
    if (!Number.isInteger(value) || value < 0 || value > VALUE_LIMIT)
      throw refuse(
        "unsupported",
        source,
        `holds ${value} at voxel ${i}, and labels are whole numbers from 0 to ${VALUE_LIMIT}. Is it an image?`,
      );
    values[i] = value;
  }
  return withLabels(values, target, known);
}

/** In 8 bits where they are enough; values that nothing names get a name and a color. */
function withLabels(values: Uint8Array | Uint16Array, { size }: MaskTarget, known: readonly Label[]): LabelMap {
  const named = new Map(known.map((label) => [label.value, label]));
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

/** The largest distance between the same corner of both, in mm. */
function apart(a: Affine, b: Affine, [width, height, depth]: MaskTarget["size"]): string {
  let most = 0;
  for (const i of [0, width - 1])
    for (const j of [0, height - 1])
      for (const k of [0, depth - 1]) {
        const [here, there] = [worldOf(a, [i, j, k]), worldOf(b, [i, j, k])];
        most = Math.max(most, Math.hypot(...here.map((value, axis) => value - there[axis])));
      }
  return most.toPrecision(3);
}

function elsewhere(source: string, target: MaskTarget, why: string): ImageFormatError {
  return refuse("other-grid", source, `doesn't lie on ${target.name}. ${why}. Not loaded; nothing changed.`);
}

function refuse(code: ImageFormatCode, source: string, message: string): ImageFormatError {
  return new ImageFormatError(code, { source, message });
}
