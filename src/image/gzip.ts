/**
 * gzip files (RFC 1952), of one member or several, and zlib streams (RFC 1950), to bytes. A walk of the symbols finds each one's size first, so that a bomb is
 * stopped at the limit and memory is given once, for what is truly there; fflate unpacks; all checks that are stored are compared.
 */
import { Inflate, inflateSync, unzlibSync } from "fflate";
import { crc32 } from "../core/index.ts";
import { DeflateError, measureDeflate, measureZlib, type ZlibSize } from "./deflate.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";

const HEADER = 10;
/** CRC-32 and size of what is unpacked. */
const TRAILER = 8;
const HAS_HEADER_CHECK = 2;
const HAS_EXTRA = 4;
/** The file's name and a comment, each ending with a zero byte. */
const TEXTS = [8, 16];
/** All five flags that are defined. */
const FLAGS = 31;
/** Bytes of a packed file that give at least its first block: one that is stored is given as a whole, and may have 64 KiB. */
export const PACKED_START_BYTES = 2 ** 17;
/** Unpacks to 4 MiB at most. */
const START_STEP = 4096;

export function isGzip(bytes: Uint8Array): boolean {
  return bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Unpacks a file's beginning without reading the rest, and checks nothing but that it can be unpacked.
 *
 * @returns the first `count` bytes, or fewer when the file ends before them
 * @throws {ImageFormatError} when the file is damaged there
 */
export function gunzipStart(bytes: Uint8Array, count: number, source: string): Uint8Array {
  const out = new Uint8Array(count);
  let filled = 0;
  let at = 0;
  while (filled < count && !isZero(bytes, at)) {
    const start = streamStart(bytes, at, source);
    const stream = bytes.subarray(start);
    const whole = wholeSize(stream, count - filled);
    const rest = out.subarray(filled);
    if (!whole) return out.subarray(0, filled + unpackStart(stream, rest, start, source));
    unpack(stream.subarray(0, whole.end), rest.subarray(0, whole.size), start, source);
    filled += whole.size;
    at = start + whole.end + TRAILER;
  }
  return out.subarray(0, filled);
}

/** @returns null when the stream unpacks to more than `limit`, or does not end well */
function wholeSize(stream: Uint8Array, limit: number): ZlibSize | null {
  try {
    return measureDeflate(stream, limit);
  } catch (error) {
    if (error instanceof DeflateError) return null;
    throw error;
  }
}

/** @returns how many bytes of `out` were filled */
function unpackStart(stream: Uint8Array, out: Uint8Array, offset: number, source: string): number {
  let filled = 0;
  const inflate = new Inflate((data) => {
    out.set(data.subarray(0, out.length - filled), filled);
    filled = Math.min(out.length, filled + data.length);
  });
  try {
    for (let at = 0; at < stream.length && filled < out.length; at += START_STEP)
      inflate.push(stream.subarray(at, at + START_STEP));
  } catch (cause) {
    throw refuse("damaged", source, offset, "cannot be unpacked", cause);
  }
  return filled;
}

/**
 * @param bytes  a whole file
 * @param limit  bytes that may come out
 * @param from   where in the file the first member begins
 * @throws {ImageFormatError} when more would come out, or the file is cut short or damaged
 */
export function gunzip(bytes: Uint8Array, limit: number, source: string, from = 0): Uint8Array<ArrayBuffer> {
  const members = findMembers(bytes, limit, source, from);
  const out = new Uint8Array(members.reduce((total, { size }) => total + size, 0));
  let filled = 0;
  for (const { start, end, size } of members) {
    const part = out.subarray(filled, filled + size);
    unpack(bytes.subarray(start, end), part, start, source);
    const trailer = new DataView(bytes.buffer, bytes.byteOffset + end, TRAILER);
    if (crc32(part) !== trailer.getUint32(0, true)) throw refuse("damaged", source, end, "have a wrong checksum");
    if (size % 2 ** 32 !== trailer.getUint32(4, true))
      throw refuse("damaged", source, end + 4, `unpack to ${size} bytes, which is not the size that is written there`);
    filled += size;
  }
  return out;
}

/**
 * One zlib stream; what follows it is ignored, as TIFF allows.
 *
 * @param offset  where it begins in the file, for errors; otherwise as `gunzip`
 */
export function unzlib(bytes: Uint8Array, limit: number, source: string, offset: number): Uint8Array<ArrayBuffer> {
  const { size, end } = measure(measureZlib, bytes, limit, offset, source);
  const out = new Uint8Array(size);
  unzlibSync(bytes.subarray(0, end), { out });
  if (adler32(out) !== new DataView(bytes.buffer, bytes.byteOffset).getUint32(end - 4))
    throw refuse("damaged", source, offset + end - 4, "have a wrong checksum");
  return out;
}

function unpack(stream: Uint8Array, out: Uint8Array, offset: number, source: string): void {
  try {
    inflateSync(stream, { out });
  } catch (cause) {
    throw refuse("damaged", source, offset, "cannot be unpacked", cause);
  }
}

interface Member {
  /** Where the DEFLATE stream begins and ends. */
  readonly start: number;
  readonly end: number;
  /** Bytes that it unpacks to. */
  readonly size: number;
}

function findMembers(bytes: Uint8Array, limit: number, source: string, from: number): Member[] {
  const members: Member[] = [];
  let size = 0;
  let at = from;
  do {
    const start = streamStart(bytes, at, source);
    const measured = measure(measureDeflate, bytes.subarray(start), limit - size, start, source);
    const end = start + measured.end;
    if (end + TRAILER > bytes.length) throw refuse("cut-short", source, bytes.length, "end early");
    members.push({ start, end, size: measured.size });
    size += measured.size;
    at = end + TRAILER;
    // Tapes and some disks fill up whole gzip files with zeros; after a stream inside another file they mean damage.
  } while (at < bytes.length && !(from === 0 && isZero(bytes, at)));
  return members;
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let i = from; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

function streamStart(bytes: Uint8Array, member: number, source: string): number {
  const cut = () => refuse("cut-short", source, bytes.length, "end early");
  const flags = bytes[member + 3];
  let at = member + HEADER;
  if (at > bytes.length) throw cut();
  if (!isGzip(bytes.subarray(member)) || bytes[member + 2] !== 8 || flags > FLAGS)
    throw refuse("damaged", source, member, "have no gzip header where one must be");
  if (flags & HAS_EXTRA) at += 2 + bytes[at] + 256 * bytes[at + 1];
  for (const flag of TEXTS) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw cut();
    at = end + 1;
  }
  if (flags & HAS_HEADER_CHECK) at += 2;
  // Not a number when the length of the extra field itself was cut off.
  if (!(at <= bytes.length)) throw cut();
  return at;
}

function measure(walk: typeof measureZlib, stream: Uint8Array, limit: number, offset: number, source: string) {
  try {
    return walk(stream, limit);
  } catch (cause) {
    if (!(cause instanceof DeflateError)) throw cause;
    const at = offset + cause.at;
    if (cause.kind === "cut-short") throw refuse("cut-short", source, at, "end early", cause);
    if (cause.kind === "damaged") throw refuse("damaged", source, at, "cannot be unpacked", cause);
    throw refuse("damaged", source, at, "unpack to more than the file's own header says", cause);
  }
}

/** RFC 1950, section 8.2; 5,552 bytes are the most whose sums stay below 2^32. */
function adler32(bytes: Uint8Array): number {
  let [a, b] = [1, 0];
  for (let start = 0; start < bytes.length; start += 5552) {
    const end = Math.min(bytes.length, start + 5552);
    for (let i = start; i < end; i++) {
      a += bytes[i];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

/** @param what  reads after "its compressed data" */
function refuse(code: ImageFormatCode, source: string, offset: number, what: string, cause?: unknown) {
  const message = `is damaged: its compressed data ${what}, at byte ${offset}. Copy or export the file again.`;
  return new ImageFormatError(code, { source, offset, message, cause });
}
