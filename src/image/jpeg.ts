/**
 * Bytes of a JPEG file (baseline and progressive, 8 bits) to a gray image; color becomes luma, as in `decode.ts`.
 *
 * libjpeg-turbo unpacks (`codecs.ts`). Pixels stay as they are stored, also where EXIF says to turn them (`docs/flat-images.md`).
 */
import type { Image } from "../core/index.ts";
import { decodeWasm, UnpackError } from "./codecs.ts";
import { ImageFormatError } from "./errors.ts";
import { type JpegParts, readJpegParts } from "./jpeg-markers.ts";
import { luma } from "./luma.ts";

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is no JPEG, is damaged, too large, or of a kind that is not read
 */
export async function decodeJpeg(bytes: Uint8Array, source: string): Promise<Image> {
  const parts = readJpegParts(bytes, source);
  const { file, width, height, components } = parts;
  try {
    const { samples } = await decodeWasm("jpeg", { coded: file, width, height, components });
    return { width, height, data: grayOf(samples, parts), maximum: 255 };
  } catch (cause) {
    if (!(cause instanceof UnpackError)) throw cause;
    throw new ImageFormatError("damaged", {
      source,
      message: `is a damaged JPEG: its ${width} x ${height} pixels cannot be unpacked. Copy or export the file again.`,
      cause,
    });
  }
}

/** @param samples  [H, W, 1] gray or [H, W, 3] red, green, blue */
function grayOf(samples: Uint8Array, { width, height, components }: JpegParts): Uint8Array {
  if (components === 1) return samples;
  const gray = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < gray.length; i++, at += 3) gray[i] = luma(samples[at], samples[at + 1], samples[at + 2]);
  return gray;
}
