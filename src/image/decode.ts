/**
 * Bytes of a PNG file to a gray image, with every value as it was stored.
 *
 *   gray, 1 / 2 / 4 bits   times 255 / 85 / 17, so that the largest value is 255
 *   gray, 8 / 16 bits      unchanged
 *   color, palette         luma of ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B, rounded, as Pillow's mode L
 *   alpha                  ignored: the stored gray or color counts, whatever its opacity
 *
 * Gamma, color profiles and text are ignored. fast-png undoes the filters and interlacing; everything the file claims is checked
 * here first, so it never sees a length, a checksum or a size that is not true.
 */
import { decode } from "fast-png";
import type { Grid, Image } from "../core/index.ts";
import { DeflateError, measureZlib } from "./deflate.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import { nameFormat } from "./formats.ts";
import { luma } from "./luma.ts";
import {
  COLOR,
  COLOR_ALPHA,
  hasPngSignature,
  PALETTE,
  type PngHeader,
  readHeader,
  readParts,
  SIGNATURE,
  samplesOf,
} from "./png-chunks.ts";

/** Bytes of a file that are enough for `checkStart`. */
export const START_BYTES = 1024;

/**
 * @param bytes   a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is not a PNG, is damaged, or has more than `PIXEL_LIMIT` pixels
 */
export function decodeImage(bytes: Uint8Array, source: string): Image {
  const { header, palette, samples } = stored(bytes, source);
  const { width, height, depth } = header;
  if (samples instanceof Uint16Array) return { width, height, data: toGray(samples, header), maximum: 65535 };
  if (header.colorType === PALETTE)
    return { width, height, data: lookedUp(samples, palette, header, source), maximum: 255 };
  if (depth < 8) for (let i = 0; i < samples.length; i++) samples[i] *= 255 / (2 ** depth - 1);
  return { width, height, data: toGray(samples, header), maximum: 255 };
}

/** Whole numbers that a mask's pixels stand for. */
export interface PixelValues extends Grid {
  /** [H, W] */
  readonly data: Uint8Array | Uint16Array;
}

/**
 * A mask's values as they are stored: the numbers of a palette's colors rather than the colors, 0 and 1 where a pixel has one bit.
 *
 * @throws {ImageFormatError} as `decodeImage`, and when the pixels have colors of their own
 */
export function decodeValues(bytes: Uint8Array, source: string): PixelValues {
  const { header, samples } = stored(bytes, source);
  const { width, height, colorType } = header;
  if (colorType === COLOR || colorType === COLOR_ALPHA)
    throw new ImageFormatError("unsupported", {
      source,
      message: "has colors, and a mask has the numbers of its labels. Save it as gray PNG with those values.",
    });
  return { width, height, data: toGray(samples, header) };
}

/** Checked and unpacked: the samples, one or two bytes each, as they are stored. */
function stored(bytes: Uint8Array, source: string) {
  requirePng(bytes, source);
  const { header, palette, stream, streamOffset } = readParts(bytes, source);
  const { depth } = header;
  if (header.isInterlaced && depth < 8)
    throw new ImageFormatError("unsupported", {
      source,
      message: `is an interlaced PNG with ${depth} bit a pixel, which this version does not read. Save it without interlacing.`,
    });
  const end = checkedEnd(stream, streamOffset, header, source);
  const packed = unpacked(bytes, stream.subarray(0, end), header, source);
  const samples = depth === 16 ? wide(packed) : depth === 8 ? narrow(packed) : spread(narrow(packed), header);
  return { header, palette, samples };
}

/**
 * Says from a file's first `START_BYTES` bytes whether it may be an image, without reading the rest.
 *
 * @throws {ImageFormatError} when it is not
 */
export function checkStart(bytes: Uint8Array, source: string): void {
  requirePng(bytes, source);
  readHeader(bytes, source);
}

function requirePng(bytes: Uint8Array, source: string): void {
  if (hasPngSignature(bytes)) return;
  const refuse = (code: ImageFormatCode, message: string) => new ImageFormatError(code, { source, offset: 0, message });
  if (bytes.length === 0) throw refuse("empty", "is empty: it holds no bytes. Copy or export it again.");
  if (bytes.length < SIGNATURE.length && bytes.every((byte, i) => byte === SIGNATURE[i]))
    throw refuse("cut-short", `is a PNG that is cut short: it ends at byte ${bytes.length}. Copy or export it again.`);
  const format = nameFormat(bytes);
  if (format) throw refuse("not-png", `is ${format.name}, which is not opened here. ${format.advice}`);
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  throw refuse(
    "not-png",
    `is no image that this version knows: it begins with the bytes ${start}, and a PNG with 89 50 4e 47. Save the image as PNG or TIFF, a volume as NIfTI, and open that.`,
  );
}

/** Where the zlib stream ends, once it is known to unpack to exactly what the header says. */
function checkedEnd(stream: Uint8Array, streamOffset: number, header: PngHeader, source: string): number {
  const expected = filteredSize(header);
  const refuse = (code: ImageFormatCode, at: number, what: string, cause?: unknown) =>
    new ImageFormatError(code, {
      source,
      offset: streamOffset + at,
      message: `is a damaged PNG: ${what}. Copy or export the file again.`,
      cause,
    });
  try {
    const { size, end } = measureZlib(stream, expected);
    if (size < expected)
      throw refuse("cut-short", end, `its image data unpack to ${size} bytes, and its header needs ${expected}`);
    return end;
  } catch (cause) {
    if (!(cause instanceof DeflateError)) throw cause;
    if (cause.kind === "too-large")
      throw refuse(
        "damaged",
        cause.at,
        `its image data unpack to more than the ${expected} bytes of its header`,
        cause,
      );
    if (cause.kind === "cut-short") throw refuse("cut-short", cause.at, "its image data end early", cause);
    throw refuse("damaged", cause.at, "its image data cannot be unpacked", cause);
  }
}

/** Where the seven passes of Adam7 start and how far apart their pixels are: x, y, step across, step down. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

/** Bytes of the filtered rows, each with its filter's number in front. */
function filteredSize(header: PngHeader): number {
  const { width, height, depth, isInterlaced } = header;
  const rows = (columns: number, count: number) =>
    columns > 0 && count > 0 ? count * (1 + Math.ceil((columns * depth * samplesOf(header)) / 8)) : 0;
  if (!isInterlaced) return rows(width, height);
  return PASSES.reduce(
    (total, [x, y, across, down]) => total + rows(Math.ceil((width - x) / across), Math.ceil((height - y) / down)),
    0,
  );
}

/** The samples as fast-png unpacks them from a PNG of the checked parts alone: other chunks hide more to unpack. */
function unpacked(bytes: Uint8Array, stream: Uint8Array, header: PngHeader, source: string) {
  const upToHeader = SIGNATURE.length + 12 + 13;
  const minimal = new Uint8Array(upToHeader + 12 + stream.length + 12);
  minimal.set(bytes.subarray(0, upToHeader));
  setChunk(minimal, upToHeader, "IDAT", stream);
  setChunk(minimal, upToHeader + 12 + stream.length, "IEND", new Uint8Array(0));
  try {
    return decode(minimal).data;
  } catch (cause) {
    throw new ImageFormatError("damaged", {
      source,
      message: `is a damaged PNG: its ${header.width} x ${header.height} pixels cannot be unpacked. Copy or export the file again.`,
      cause,
    });
  }
}

/** Without a CRC: fast-png is not asked to check it, the file's own has been. */
function setChunk(target: Uint8Array, at: number, type: string, data: Uint8Array): void {
  new DataView(target.buffer).setUint32(at, data.length);
  for (let i = 0; i < 4; i++) target[at + 4 + i] = type.charCodeAt(i);
  target.set(data, at + 8);
}

function narrow({ buffer, byteOffset, length }: ArrayBufferView & { length: number }): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function wide({ buffer, byteOffset, length }: ArrayBufferView & { length: number }): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length);
}

/** One byte a pixel from 1, 2 or 4 bits a pixel, the leftmost pixel highest, each row beginning on a new byte. */
function spread(packed: Uint8Array, { width, height, depth }: PngHeader): Uint8Array {
  const out = new Uint8Array(width * height);
  const rowBytes = Math.ceil((width * depth) / 8);
  const mask = 2 ** depth - 1;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      out[y * width + x] = (packed[y * rowBytes + (bit >> 3)] >> (8 - depth - (bit & 7))) & mask;
    }
  }
  return out;
}

function lookedUp(indices: Uint8Array, palette: Uint8Array, { width }: PngHeader, source: string): Uint8Array {
  const entries = palette.length / 3;
  const grays = Uint8Array.from({ length: entries }, (_, i) =>
    luma(palette[3 * i], palette[3 * i + 1], palette[3 * i + 2]),
  );
  return indices.map((index, i) => {
    if (index < entries) return grays[index];
    const where = `pixel (${i % width}, ${Math.floor(i / width)})`;
    throw new ImageFormatError("damaged", {
      source,
      message: `is a damaged PNG: ${where} has color ${index} of a palette of ${entries}. Copy or export the file again.`,
    });
  });
}

function toGray<T extends Uint8Array | Uint16Array>(samples: T, header: PngHeader): T {
  const count = samplesOf(header);
  if (count === 1) return samples;
  const gray = samples.slice(0, header.width * header.height) as T;
  const isColor = header.colorType === COLOR || header.colorType === COLOR_ALPHA;
  for (let i = 0, at = 0; i < gray.length; i++, at += count)
    gray[i] = isColor ? luma(samples[at], samples[at + 1], samples[at + 2]) : samples[at];
  return gray;
}
