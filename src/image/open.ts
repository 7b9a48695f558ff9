/** Bytes of any file that is read to an image or a volume: the first reader that knows the file's signature has it. */
import type { Grid, Image } from "../core/index.ts";
import { checkStart, decodeImage } from "./decode.ts";
import { decodeDicom } from "./dicom.ts";
import { ImageFormatError } from "./errors.ts";
import { decodeJpeg } from "./jpeg.ts";
import { decodeNifti, niftiSize } from "./nifti.ts";
import { isNifti, niftiHeaderOf } from "./nifti-header.ts";
import { decodeNrrd } from "./nrrd.ts";
import { hasPngSignature } from "./png-chunks.ts";
import { decodeTiff } from "./tiff.ts";
import type { Volume } from "./volume.ts";

export type Opened =
  | { readonly kind: "image"; readonly image: Image }
  | { readonly kind: "volume"; readonly volume: Volume };

interface Reader {
  readonly knows: (bytes: Uint8Array, source: string) => boolean;
  readonly open: (bytes: Uint8Array, source: string) => Opened | Promise<Opened>;
}

const READERS: readonly Reader[] = [
  { knows: hasPngSignature, open: openImage },
  // Before the others: what stands in front of the mark can be anything.
  { knows: isDicom, open: openDicom },
  { knows: isVoxelHalf, open: refuseVoxelHalf },
  { knows: isNifti, open: (bytes, source) => ({ kind: "volume", volume: decodeNifti(bytes, source) }) },
  { knows: isNrrd, open: (bytes, source) => ({ kind: "volume", volume: decodeNrrd(bytes, source).volume }) },
  { knows: isTiff, open: (bytes, source) => ofEither(decodeTiff(bytes, source)) },
  { knows: isJpeg, open: async (bytes, source) => ({ kind: "image", image: await decodeJpeg(bytes, source) }) },
];

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when no reader knows it, or the one that does refuses it
 */
export async function decodeAny(bytes: Uint8Array, source: string): Promise<Opened> {
  const reader = READERS.find(({ knows }) => knows(bytes, source));
  // What nobody knows, the reader of PNG names in its refusal.
  return (reader?.open ?? openImage)(bytes, source);
}

/** An image's grid, or a volume's: [i, j * k], with as many slices one under the other as `depth` says. */
export interface OpenedGrid extends Grid {
  readonly depth?: number;
}

/**
 * The grid of what a file holds. Of a volume only what says its size is read, so that what is damaged further on is found by who decodes it.
 *
 * @throws {ImageFormatError} as `decodeAny`
 */
export async function gridOf(bytes: Uint8Array, source: string): Promise<OpenedGrid> {
  if (isNifti(bytes)) return gridOfVolume(niftiSize(bytes, source));
  const opened = await decodeAny(bytes, source);
  if (opened.kind === "volume") return gridOfVolume(opened.volume.size);
  const { width, height } = opened.image;
  return { width, height };
}

function gridOfVolume([ni, nj, nk]: Volume["size"]): OpenedGrid {
  return { width: ni, height: nj * nk, depth: nk };
}

/**
 * Says from a file's first `START_BYTES` bytes (`PACKED_START_BYTES` of a gzip file) whether it may be an image or a volume, and which, without reading the rest.
 *
 * @throws {ImageFormatError} when it is neither
 */
export function checkAnyStart(start: Uint8Array, source: string): Opened["kind"] {
  if (isNifti(start)) {
    niftiSize(start, source);
    return "volume";
  }
  checkStart(start, source);
  return "image";
}

function openImage(bytes: Uint8Array, source: string): Opened {
  return { kind: "image", image: decodeImage(bytes, source) };
}

function isDicom(bytes: Uint8Array): boolean {
  return startsWith(bytes.subarray(128), "DICM");
}

async function openDicom(bytes: Uint8Array, source: string): Promise<Opened> {
  const { series, refused } = await decodeDicom([{ name: source, bytes }]);
  if (series.length === 0) throw refused[0];
  return { kind: "volume", volume: series[0].volume };
}

function isJpeg(bytes: Uint8Array): boolean {
  return startsWith(bytes, "\xff\xd8\xff");
}

/** BigTIFF too, which its reader refuses by name. */
function isTiff(bytes: Uint8Array): boolean {
  return ["II*\0", "MM\0*", "II+\0", "MM\0+"].some((signature) => startsWith(bytes, signature));
}

function isNrrd(bytes: Uint8Array): boolean {
  return startsWith(bytes, "NRRD");
}

function startsWith(bytes: Uint8Array, signature: string): boolean {
  return [...signature].every((character, i) => bytes[i] === character.charCodeAt(0));
}

function ofEither(opened: Image | Volume): Opened {
  return "toWorld" in opened ? { kind: "volume", volume: opened } : { kind: "image", image: opened };
}

/** Voxels alone have no signature; only the name tells. */
function isVoxelHalf(bytes: Uint8Array, source: string): boolean {
  return /\.img(\.gz)?$/i.test(source) && niftiHeaderOf(bytes, source) === null;
}

function refuseVoxelHalf(_: Uint8Array, source: string): never {
  throw new ImageFormatError("unsupported", {
    source,
    message:
      "is the half of a NIfTI or ANALYZE pair that holds the voxels; their size is in a second file (.hdr). Save both as one .nii or .nii.gz file and open that.",
  });
}
