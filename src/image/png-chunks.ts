/**
 * The parts of a PNG file (W3C PNG, third edition, section 5) that make its pixels, each claim checked against the bytes that are there:
 * the signature, every chunk's length and CRC, the header's fields, the order of the chunks, and the number of pixels.
 */
import { crc32, type Grid } from "../core/index.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";

/** 8,192 x 8,192. */
export const PIXEL_LIMIT = 64 * 2 ** 20;
export const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

const GRAY = 0;
export const COLOR = 2;
export const PALETTE = 3;
const GRAY_ALPHA = 4;
export const COLOR_ALPHA = 6;

export interface PngHeader extends Grid {
  /** Bits a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  /** GRAY, COLOR, PALETTE, GRAY_ALPHA or COLOR_ALPHA. */
  readonly colorType: number;
  readonly isInterlaced: boolean;
}

export interface PngParts {
  readonly header: PngHeader;
  /** Red, green, blue of each entry, 0 to 255; empty unless the color type is PALETTE. */
  readonly palette: Uint8Array;
  /** The zlib stream of all IDAT chunks together. */
  readonly stream: Uint8Array;
  /** Where the first IDAT's data begin, in bytes from the start of the file. */
  readonly streamOffset: number;
}

/** Samples a pixel, and the depths that each color type may have (section 11.2.1). */
const COLOR_TYPES: Readonly<Record<number, { samples: number; depths: readonly number[] }>> = {
  [GRAY]: { samples: 1, depths: [1, 2, 4, 8, 16] },
  [COLOR]: { samples: 3, depths: [8, 16] },
  [PALETTE]: { samples: 1, depths: [1, 2, 4, 8] },
  [GRAY_ALPHA]: { samples: 2, depths: [8, 16] },
  [COLOR_ALPHA]: { samples: 4, depths: [8, 16] },
};

const HEADER_BYTES = 13;
/** Length and type before a chunk's data, CRC after it. */
const BEFORE_DATA = 8;
const AFTER_DATA = 4;
const PALETTE_LIMIT = 3 * 256;
const COPY_AGAIN = "Copy or export the file again.";

interface Chunk {
  readonly type: string;
  readonly data: Uint8Array;
  /** Where `data` begins in the file. */
  readonly offset: number;
}

export function hasPngSignature(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, i) => bytes[i] === byte);
}

export function samplesOf({ colorType }: PngHeader): number {
  return COLOR_TYPES[colorType].samples;
}

/**
 * Reads the header alone; `bytes` may be no more than the file's first 33.
 *
 * @throws {ImageFormatError} when the header is damaged or claims more than `PIXEL_LIMIT` pixels
 */
export function readHeader(bytes: Uint8Array, source: string): PngHeader {
  const { type, data, offset } = chunkAt(bytes, SIGNATURE.length, source);
  if (type !== "IHDR" || data.length !== HEADER_BYTES)
    throw refuse("bad-header", source, SIGNATURE.length, `does not begin with a PNG header. ${COPY_AGAIN}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth, colorType, compression, filter, interlace] = data.subarray(8);
  const bad = (what: string, at: number) => refuse("bad-header", source, offset + at, `${what} ${COPY_AGAIN}`);
  if (width === 0 || height === 0) throw bad(`claims ${width} x ${height} pixels; an image has at least one.`, 0);
  if (!COLOR_TYPES[colorType]?.depths.includes(depth))
    throw bad(`claims color type ${colorType} with ${depth} bits a sample, which PNG does not have.`, 8);
  if (compression !== 0 || filter !== 0 || interlace > 1)
    throw bad(`claims compression ${compression}, filter ${filter}, interlace ${interlace}; PNG has 0, 0, 0 or 1.`, 10);
  if (width * height > PIXEL_LIMIT)
    throw refuse(
      "too-large",
      source,
      offset,
      `claims ${width} x ${height} pixels, and ${PIXEL_LIMIT} (8,192 x 8,192) is the limit. Scale it down, or cut out the part you need.`,
    );
  return { width, height, depth, colorType, isInterlaced: interlace === 1 };
}

/** @throws {ImageFormatError} when anything is missing, out of order or damaged */
export function readParts(bytes: Uint8Array, source: string): PngParts {
  const header = readHeader(bytes, source);
  let palette = new Uint8Array(0);
  const pieces: Chunk[] = [];
  let previous = "IHDR";
  let at = SIGNATURE.length + BEFORE_DATA + HEADER_BYTES + AFTER_DATA;
  for (;;) {
    const chunk = chunkAt(bytes, at, source);
    const misplaced = () =>
      refuse("damaged", source, at, `has a PNG chunk ${chunk.type} in the wrong place, at byte ${at}. ${COPY_AGAIN}`);
    if (chunk.type === "IEND") break;
    if (chunk.type === "IDAT") {
      if (pieces.length > 0 && previous !== "IDAT") throw misplaced();
      pieces.push(chunk);
    } else if (chunk.type === "PLTE") {
      if (pieces.length > 0 || palette.length > 0) throw misplaced();
      palette = checkedPalette(chunk, header, source);
    } else if (isCritical(chunk.type)) throw misplaced();
    previous = chunk.type;
    at = chunk.offset + chunk.data.length + AFTER_DATA;
  }
  if (pieces.length === 0) throw refuse("damaged", source, at, `holds no image data. ${COPY_AGAIN}`);
  if (header.colorType === PALETTE && palette.length === 0)
    throw refuse("damaged", source, at, `says its colors are in a palette, and holds none. ${COPY_AGAIN}`);
  return { header, palette, stream: joined(pieces), streamOffset: pieces[0].offset };
}

/** The chunk whose length field is at `at`, once its length fits the bytes and its CRC is right. */
function chunkAt(bytes: Uint8Array, at: number, source: string): Chunk {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const room = bytes.length - at - BEFORE_DATA - AFTER_DATA;
  const length = room >= 0 ? view.getUint32(at) : 0;
  if (length > room)
    throw refuse(
      "cut-short",
      source,
      at,
      `is a PNG that is cut short: it ends at byte ${bytes.length}, in the middle of a part that needs ` +
        `${at + BEFORE_DATA + length + AFTER_DATA} or more. ${COPY_AGAIN}`,
    );
  const offset = at + BEFORE_DATA;
  const end = offset + length;
  if (crc32(bytes.subarray(at + 4, end)) !== view.getUint32(end))
    throw refuse("damaged", source, end, `is a damaged PNG: the checksum at byte ${end} is wrong. ${COPY_AGAIN}`);
  const type = String.fromCharCode(...bytes.subarray(at + 4, offset));
  return { type, data: bytes.subarray(offset, end), offset };
}

/** Section 5.4: a capital first letter marks a chunk that a reader must understand. */
function isCritical(type: string): boolean {
  return (type.charCodeAt(0) & 0x20) === 0;
}

function checkedPalette({ data, offset }: Chunk, { colorType }: PngHeader, source: string): Uint8Array<ArrayBuffer> {
  const entries = data.length / 3;
  if (!Number.isInteger(entries) || entries === 0 || data.length > PALETTE_LIMIT)
    throw refuse(
      "damaged",
      source,
      offset,
      `has a palette of ${data.length} bytes; it must be 3 to 768. ${COPY_AGAIN}`,
    );
  // A color image may carry a suggested palette (section 11.2.2), which says nothing about its pixels.
  return colorType === PALETTE ? data.slice() : new Uint8Array(0);
}

function joined(pieces: readonly Chunk[]): Uint8Array {
  if (pieces.length === 1) return pieces[0].data;
  const stream = new Uint8Array(pieces.reduce((total, { data }) => total + data.length, 0));
  let at = 0;
  for (const { data } of pieces) {
    stream.set(data, at);
    at += data.length;
  }
  return stream;
}

function refuse(code: ImageFormatCode, source: string, offset: number, message: string): ImageFormatError {
  return new ImageFormatError(code, { source, offset, message });
}
