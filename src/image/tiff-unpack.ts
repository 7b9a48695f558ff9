/** One strip or tile of a TIFF page to samples: unpacked to no more bytes than its pixels need, in this machine's byte order. */
import type { Bytes } from "./bytes.ts";
import type { ImageFormatError } from "./errors.ts";
import { unzlib } from "./gzip.ts";
import { LZW, PACK_BITS, rowBytes, type Segment, type TiffPage, UNCOMPRESSED } from "./tiff-pages.ts";
import type { VoxelData } from "./volume.ts";

/**
 * @param rows  that are needed of the part; the last strip has fewer than the others
 * @returns     [rows, W of the part, samples], fewer than 8 bits as one value a byte; with one sample for a planar page
 * @throws {ImageFormatError} when it is damaged or holds fewer rows
 */
export function unpackPart(page: TiffPage, segment: Segment, rows: number, bytes: Bytes): VoxelData {
  const width = page.part.width;
  const row = rowBytes(page, width);
  const needed = rows * row;
  // The last strip may be packed with the rows that the others have.
  const packed = unpacked(page, segment, page.part.height * row, bytes);
  if (packed.length < needed)
    throw bytes.refuse(
      "cut-short",
      segment.offset + segment.length,
      `is a damaged TIFF: the part at byte ${segment.offset} holds ${packed.length} of ${needed} bytes. Copy or export it again.`,
    );
  const samples = page.isPlanar ? 1 : page.samples;
  const values = toSamples(packed.subarray(0, needed), page, rows, width * samples);
  if (page.predictor === 2) undoDifferences(values, width * samples, samples);
  return values;
}

/** @returns at most `limit` bytes */
function unpacked({ compression }: TiffPage, { offset, length }: Segment, limit: number, bytes: Bytes): Uint8Array {
  const packed = bytes.slice(offset, length);
  const damaged = (at: number) =>
    bytes.refuse(
      "damaged",
      offset + at,
      `is a damaged TIFF: byte ${offset + at} cannot be unpacked. Copy or export it again.`,
    );
  if (compression === UNCOMPRESSED) return packed.subarray(0, limit);
  if (compression === LZW) return unpackLzw(packed, limit, damaged);
  if (compression === PACK_BITS) return unpackBits(packed, limit, damaged);
  return unzlib(packed, limit, bytes.source, offset);
}

type Damaged = (at: number) => ImageFormatError;

const CLEAR = 256;
const END = 257;
const FIRST_FREE = 258;
const TABLE_SIZE = 4096;

/** TIFF 6.0, section 13: codes of 9 to 12 bits, the highest bit first, one bit longer one code earlier than the table would need. */
function unpackLzw(packed: Uint8Array, limit: number, damaged: Damaged): Uint8Array {
  const out = new Uint8Array(limit);
  // The string of a code is a piece of what was put out: where it began, and how long it is.
  const starts = new Uint32Array(TABLE_SIZE);
  const lengths = new Uint16Array(TABLE_SIZE);
  let [filled, free, bits, held, heldBits, previous] = [0, FIRST_FREE, 9, 0, 0, CLEAR];
  for (let at = 0; filled < limit; ) {
    while (heldBits < bits && at < packed.length) {
      held = ((held << 8) | packed[at++]) & 0xffffff;
      heldBits += 8;
    }
    if (heldBits < bits) break;
    heldBits -= bits;
    const code = (held >> heldBits) & ((1 << bits) - 1);
    if (code === END) break;
    if (code === CLEAR) {
      [free, bits, previous] = [FIRST_FREE, 9, CLEAR];
      continue;
    }
    const start = filled;
    if (previous !== CLEAR && free < TABLE_SIZE) {
      // The previous string and the first byte of this one, which follows it in the output.
      lengths[free] = previous < CLEAR ? 2 : lengths[previous] + 1;
      starts[free] = start - lengths[free] + 1;
      free++;
    }
    if (code < CLEAR) out[filled++] = code;
    else if (code < free) {
      const end = Math.min(limit, filled + lengths[code]);
      // Byte by byte: the newest string may reach into what it is putting out.
      for (let from = starts[code]; filled < end; ) out[filled++] = out[from++];
    } else throw damaged(at);
    if (free === (1 << bits) - 1 && bits < 12) bits++;
    previous = code;
  }
  return out.subarray(0, filled);
}

/** TIFF 6.0, section 9: n from 0 copies n + 1 bytes, n below 0 repeats the next one 1 - n times, -128 says nothing. */
function unpackBits(packed: Uint8Array, limit: number, damaged: Damaged): Uint8Array {
  const out = new Uint8Array(limit);
  let filled = 0;
  for (let at = 0; at < packed.length && filled < limit; ) {
    const head = packed[at++];
    if (head === 128) continue;
    if (head < 128) {
      const run = packed.subarray(at, at + head + 1);
      if (run.length <= head || filled + run.length > limit) throw damaged(at);
      out.set(run, filled);
      filled += run.length;
      at += run.length;
    } else {
      if (at >= packed.length || filled + 257 - head > limit) throw damaged(at);
      out.fill(packed[at++], filled, filled + 257 - head);
      filled += 257 - head;
    }
  }
  return out.subarray(0, filled);
}

/** An array for `count` samples; fewer than 8 bits take a byte. */
export function samplesFor({ bits, format }: Pick<TiffPage, "bits" | "format">, count: number): VoxelData {
  if (format === "float") return bits === 32 ? new Float32Array(count) : new Float64Array(count);
  if (format === "signed")
    return bits === 8 ? new Int8Array(count) : bits === 16 ? new Int16Array(count) : new Int32Array(count);
  return bits <= 8 ? new Uint8Array(count) : bits === 16 ? new Uint16Array(count) : new Uint32Array(count);
}

function toSamples(packed: Uint8Array, page: TiffPage, rows: number, perRow: number): VoxelData {
  const out = samplesFor(page, rows * perRow);
  if (page.bits >= 8) {
    const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
    const read = reader(view, page);
    for (let i = 0; i < out.length; i++) out[i] = read(i);
    return out;
  }
  const bytesPerRow = packed.length / rows;
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < perRow; x++) {
      const bit = x * page.bits;
      const byte = packed[y * bytesPerRow + (bit >> 3)];
      out[y * perRow + x] = (byte >> (8 - page.bits - (bit & 7))) & (2 ** page.bits - 1);
    }
  }
  return out;
}

function reader(view: DataView, { bits, format, isLittle }: TiffPage): (i: number) => number {
  if (format === "float")
    return bits === 32 ? (i) => view.getFloat32(4 * i, isLittle) : (i) => view.getFloat64(8 * i, isLittle);
  // The sign comes with the array that the values are put into.
  if (bits === 8) return (i) => view.getUint8(i);
  return bits === 16 ? (i) => view.getUint16(2 * i, isLittle) : (i) => view.getUint32(4 * i, isLittle);
}

/** TIFF 6.0, section 14: each sample was stored as its difference from the same channel's one to the left, modulo its bits. */
function undoDifferences(values: VoxelData, perRow: number, samples: number): void {
  for (let row = 0; row < values.length; row += perRow)
    for (let i = row + samples; i < row + perRow; i++) values[i] += values[i - samples];
}
