/** The frames of one stack to a volume: stored values on one scale, the matrix, windows and notes. Frames that cannot be decoded are left out, with a reason. */
import { claim, DECODED_LIMIT, VOXEL_LIMIT } from "./bytes.ts";
import { placeStack, plural } from "./dicom-geometry.ts";
import type { Frame, Instance } from "./dicom-instance.ts";
import { mirrorOf, type PixelKind, type Stored, storedType } from "./dicom-pixel-kind.ts";
import { decodeFrame } from "./dicom-pixels.ts";
import type { Stack } from "./dicom-series.ts";
import { ImageFormatError } from "./errors.ts";
import { CT_WINDOWS, type IntensityWindow, type Volume } from "./volume.ts";

/** Frames of one file that cannot be decoded before no more of it are tried. */
const FAILURE_LIMIT = 8;

export interface StackVolume {
  /** Null when no frame could be decoded */
  readonly volume: Volume | null;
  readonly refused: readonly ImageFormatError[];
}

/** Bytes that the volume of a stack takes while it is made, frames on different scales included. */
export function volumeBytes({ frames }: Stack): number {
  const { rows, columns, kind } = frames[0].instance;
  const scales = scaleOf(frames);
  return rows * columns * frames.length * (storedType(kind).BYTES_PER_ELEMENT + (scales.kind === "own" ? 4 : 0));
}

/** @throws {ImageFormatError} too-large */
export async function decodeStack(stack: Stack): Promise<StackVolume> {
  const { instance } = stack.frames[0];
  const pixels = instance.rows * instance.columns;
  claim(instance.source, volumeBytes(stack), Number.POSITIVE_INFINITY, DECODED_LIMIT);
  if (pixels * stack.frames.length > VOXEL_LIMIT)
    throw new ImageFormatError("too-large", {
      source: instance.source,
      message: `belongs to a series of ${instance.columns} x ${instance.rows} x ${stack.frames.length} voxels, and ${VOXEL_LIMIT.toLocaleString("en")} is the limit. Open fewer of its files.`,
    });
  const data = new (storedType(instance.kind))(pixels * stack.frames.length);
  const frames: Frame[] = [];
  const refused: ImageFormatError[] = [];
  const failures = new Map<Instance, number>();
  for (const frame of stack.frames) {
    const failed = failures.get(frame.instance) ?? 0;
    if (failed >= FAILURE_LIMIT) continue;
    try {
      await decodeFrame(frame, data.subarray(frames.length * pixels, (frames.length + 1) * pixels) as Stored);
      frames.push(frame);
    } catch (error) {
      if (!(error instanceof ImageFormatError)) throw error;
      refused.push(error);
      failures.set(frame.instance, failed + 1);
    }
  }
  if (frames.length === 0) return { volume: null, refused };
  const left = stack.frames.length - frames.length;
  const used = left > 0 ? data.slice(0, frames.length * pixels) : data;
  return { volume: volumeOf(stack, frames, used, left), refused };
}

function volumeOf(stack: Stack, frames: readonly Frame[], stored: Stored, left: number): Volume {
  const { instance, windows } = frames[frames.length >> 1];
  const { kind, rows, columns, modality } = instance;
  const { toWorld, notes } = placeStack(frames);
  const scaled = onOneScale(frames, stored, rows * columns);
  const mirror = mirrorOf(kind);
  const own = [...stack.notes, ...(left > 0 ? [leftOutNote(left)] : [])];
  if (mirror !== null)
    own.push(
      `The file stores bright as small (MONOCHROME1). Values are turned round, ${mirror} minus the stored one, so that larger is brighter.`,
    );
  if (kind.samples === 3 || kind.photometric === "PALETTE COLOR")
    own.push("The images are in color. Their luminance is shown and segmented.");
  return {
    size: [columns, rows, frames.length],
    data: scaled.data,
    slope: scaled.slope,
    intercept: scaled.intercept,
    toWorld,
    modality,
    windows: windowsOf(windows, frames[frames.length >> 1], mirror, modality),
    notes: [...own, ...notes, ...scaled.notes],
    origin: {
      kind: "dicom",
      slices: frames.map(({ instance: { file, sopInstanceUid }, number }) => ({ file, sopInstanceUid, frame: number })),
    },
  };
}

function leftOutNote(count: number): string {
  return `${plural(count, "image of this series cannot be read and is", "images of this series cannot be read and are")} left out.`;
}

/** Luminance has no scale of its own, whatever the header says. */
function rescaleOf({ slope, intercept, instance: { kind } }: Frame): { slope: number; intercept: number } {
  return isLuminance(kind) ? { slope: 1, intercept: 0 } : { slope, intercept };
}

function isLuminance({ samples, photometric }: PixelKind): boolean {
  return samples === 3 || photometric === "PALETTE COLOR";
}

type Scale =
  /** One for all frames */
  | { readonly kind: "common"; readonly slope: number; readonly intercept: number }
  /** One for each; with whole numbers, so that intensities are whole as well */
  | { readonly kind: "own"; readonly isWhole: boolean };

function scaleOf(frames: readonly Frame[]): Scale {
  const first = rescaleOf(frames[0]);
  const all = frames.map(rescaleOf);
  if (all.every(({ slope, intercept }) => slope === first.slope && intercept === first.intercept))
    return { kind: "common", ...first };
  const { bitsAllocated } = frames[0].instance.kind;
  // Of 32 bits, what is multiplied might not fit.
  const isWhole = all.every(
    ({ slope, intercept }) =>
      Number.isInteger(slope) &&
      Number.isInteger(intercept) &&
      Math.abs(slope) * 2 ** bitsAllocated + Math.abs(intercept) < 2 ** 31,
  );
  return { kind: "own", isWhole };
}

/** Where frames have scales of their own (PET), intensities themselves are stored. */
function onOneScale(frames: readonly Frame[], stored: Stored, pixels: number) {
  const scale = scaleOf(frames);
  if (scale.kind === "common") return { data: stored, slope: scale.slope, intercept: scale.intercept, notes: [] };
  const data = new (scale.isWhole ? Int32Array : Float32Array)(stored.length);
  frames.forEach((frame, k) => {
    const { slope, intercept } = rescaleOf(frame);
    for (let i = k * pixels; i < (k + 1) * pixels; i++) data[i] = slope * stored[i] + intercept;
  });
  const notes = scale.isWhole
    ? []
    : ["Slices have scales of their own. Their intensities are kept as 32-bit numbers, which round them to 7 digits."];
  return { data, slope: 1, intercept: 0, notes };
}

function windowsOf(
  own: readonly IntensityWindow[],
  frame: Frame,
  mirror: number | null,
  modality: string | null,
): IntensityWindow[] {
  const { slope, intercept } = rescaleOf(frame);
  // A value v of the file's is slope * mirror + 2 * intercept - v once it is turned round.
  const turned = (center: number) => (mirror === null ? center : slope * mirror + 2 * intercept - center);
  const windows = own.map(({ name, center, width }) => ({ name, center: turned(center), width }));
  const isHounsfield = modality === "CT" && mirror === null && !isLuminance(frame.instance.kind);
  return isHounsfield ? [...windows, ...CT_WINDOWS] : windows;
}
