/**
 * Bytes of a JPEG file (baseline and progressive, 8 bits) to a gray image; color becomes luma, as in `decode.ts`.
 *
 * libjpeg-turbo unpacks, in the build of its package that is JavaScript through and through: nothing else is fetched, in Node or in the page. It is loaded by the
 * first JPEG. Pixels stay as they are stored, also where EXIF says to turn them (`docs/flat-images.md`).
 */
import type { JpegCodec } from "@cornerstonejs/codec-libjpeg-turbo-8bit/decode";
import type { Image } from "../core/index.ts";
import { ImageFormatError } from "./errors.ts";
import { type JpegParts, readJpegParts } from "./jpeg-markers.ts";
import { luma } from "./luma.ts";

/** The codec's memory only grows. Past this many bytes it is given back after use, and the next image starts a new one (10 ms). */
const KEPT_MEMORY = 64 * 2 ** 20;

let codec: Promise<JpegCodec> | null = null;

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is no JPEG, is damaged, too large, or of a kind that is not read
 */
export async function decodeJpeg(bytes: Uint8Array, source: string): Promise<Image> {
  const parts = readJpegParts(bytes, source);
  const { width, height } = parts;
  for (;;) {
    codec ??= startCodec();
    const waitedFor = codec;
    const running = await waitedFor;
    // Unless another image has broken it meanwhile.
    if (codec === waitedFor) return { width, height, data: unpack(running, parts, source), maximum: 255 };
  }
}

async function startCodec(): Promise<JpegCodec> {
  try {
    const { default: start } = await import("@cornerstonejs/codec-libjpeg-turbo-8bit/decode");
    return await start({ print: () => {}, printErr: () => {} });
  } catch (cause) {
    codec = null;
    throw cause;
  }
}

/** @returns [H, W] */
function unpack(running: JpegCodec, parts: JpegParts, source: string): Uint8Array {
  const { file, width, height, components } = parts;
  const decoder = new running.JPEGDecoder();
  try {
    decoder.getEncodedBuffer(file.length).set(file);
    decoder.decode();
    const found = decoder.getFrameInfo();
    const samples = decoder.getDecodedBuffer();
    if (found.width !== width || found.height !== height || samples.length !== width * height * components)
      throw new Error(`decoded ${found.width} x ${found.height} x ${found.componentCount}`);
    const gray = grayOf(samples, parts);
    decoder.delete();
    if (running.HEAPU8.length > KEPT_MEMORY) codec = null;
    return gray;
  } catch (cause) {
    // An exception of the codec's own comes out as its address, a number. After anything else nobody knows what state it is in:
    // the next image gets a new one.
    if (typeof cause === "number" && running.HEAPU8.length <= KEPT_MEMORY) decoder.delete();
    else codec = null;
    throw new ImageFormatError("damaged", {
      source,
      message: `is a damaged JPEG: its ${width} x ${height} pixels cannot be unpacked. Copy or export the file again.`,
      cause,
    });
  }
}

/** A copy: the samples lie in the codec's memory. */
function grayOf(samples: Uint8Array, { width, height, components }: JpegParts): Uint8Array {
  const gray = new Uint8Array(width * height);
  if (components === 1) gray.set(samples);
  else
    for (let i = 0, at = 0; i < gray.length; i++, at += 3)
      gray[i] = luma(samples[at], samples[at + 1], samples[at + 2]);
  return gray;
}
