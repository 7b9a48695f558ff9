/** Bytes of any file that is read to an image or a volume: the first reader that knows the file's signature has it. */
import type { Image } from "../core/index.ts";
import { decodeImage } from "./decode.ts";
import { ImageFormatError } from "./errors.ts";
import { decodeNifti } from "./nifti.ts";
import { isNifti, niftiHeaderOf } from "./nifti-header.ts";
import { hasPngSignature } from "./png-chunks.ts";
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
  { knows: isVoxelHalf, open: refuseVoxelHalf },
  { knows: isNifti, open: (bytes, source) => ({ kind: "volume", volume: decodeNifti(bytes, source) }) },
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

function openImage(bytes: Uint8Array, source: string): Opened {
  return { kind: "image", image: decodeImage(bytes, source) };
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
