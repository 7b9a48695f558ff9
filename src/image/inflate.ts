/**
 * gzip (RFC 1952) and zlib (RFC 1950) streams to bytes, never more than was asked for. A walk of the symbols finds the size first, so that
 * memory is given once and for the right number of bytes; fflate unpacks; the stream's own checksum is compared at the end.
 */
import { inflateSync, unzlibSync } from "fflate";
import { crc32 } from "../core/index.ts";
import { DeflateError, measureDeflate, measureZlib } from "./deflate.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";

const GZIP_HEADER = 10;
const GZIP_TRAILER = 8;
const HAS_HEADER_CHECK = 2;
const HAS_EXTRA = 4;
/** The file's name and a comment, each ending with a zero byte. */
const TEXTS = [8, 16];

interface Packed {
  /** The zlib or DEFLATE stream and its size unpacked. */
  readonly stream: Uint8Array;
  readonly size: number;
  /** CRC-32 of what is unpacked. */
  readonly checksum: number;
}

/**
 * All members of a gzip stream, one after the other.
 *
 * @param limit   bytes that may come out
 * @param offset  where `bytes` begins in the file, for errors
 * @throws {ImageFormatError} when more than `limit` bytes would come out, or the stream is cut short or damaged
 */
export function gunzip(bytes: Uint8Array, limit: number, source: string, offset = 0): Uint8Array<ArrayBuffer> {
  const members: Packed[] = [];
  let size = 0;
  let at = 0;
  do {
    const start = gzipDataStart(bytes, at, source, offset);
    const measured = measure(measureDeflate, bytes.subarray(start), limit - size, source, offset + start);
    const end = start + measured.end;
    if (end + GZIP_TRAILER > bytes.length) throw refuse("cut-short", source, offset + bytes.length, "ends early");
    const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(end, true);
    members.push({ stream: bytes.subarray(start, end), size: measured.size, checksum });
    size += measured.size;
    at = end + GZIP_TRAILER;
  } while (at < bytes.length);
  const out = new Uint8Array(size);
  let filled = 0;
  for (const { stream, size: own, checksum } of members) {
    const part = out.subarray(filled, filled + own);
    inflateSync(stream, { out: part });
    if (crc32(part) !== checksum) throw refuse("damaged", source, offset, "has a wrong checksum");
    filled += own;
  }
  return out;
}

/** One zlib stream; what follows it is ignored, as TIFF allows. Arguments and errors as of `gunzip`. */
export function unzlib(bytes: Uint8Array, limit: number, source: string, offset: number): Uint8Array<ArrayBuffer> {
  const { size, end } = measure(measureZlib, bytes, limit, source, offset);
  const out = new Uint8Array(size);
  unzlibSync(bytes.subarray(0, end), { out });
  if (adler32(out) !== new DataView(bytes.buffer, bytes.byteOffset).getUint32(end - 4))
    throw refuse("damaged", source, offset + end - 4, "has a wrong checksum");
  return out;
}

function measure(walk: typeof measureZlib, bytes: Uint8Array, limit: number, source: string, offset: number) {
  try {
    return walk(bytes, limit);
  } catch (cause) {
    if (!(cause instanceof DeflateError)) throw cause;
    const at = offset + cause.at;
    if (cause.kind === "cut-short") throw refuse("cut-short", source, at, "ends early", cause);
    throw refuse(
      "damaged",
      source,
      at,
      cause.kind === "too-large" ? `unpacks to more than the ${limit} bytes it should` : "cannot be unpacked",
      cause,
    );
  }
}

/** Where a member's DEFLATE stream begins. */
function gzipDataStart(bytes: Uint8Array, member: number, source: string, offset: number): number {
  const flags = bytes[member + 3];
  let at = member + GZIP_HEADER;
  const cut = () => refuse("cut-short", source, offset + bytes.length, "ends early");
  if (bytes.length < at) throw cut();
  if (bytes[member] !== 0x1f || bytes[member + 1] !== 0x8b || bytes[member + 2] !== 8 || flags > 31)
    throw refuse("damaged", source, offset + member, "has no gzip header where one must be");
  if (flags & HAS_EXTRA) at += 2 + bytes[at] + 256 * bytes[at + 1];
  for (const flag of TEXTS) {
    if (!(flags & flag)) continue;
    const end = bytes.indexOf(0, at);
    if (end < 0) throw cut();
    at = end + 1;
  }
  if (flags & HAS_HEADER_CHECK) at += 2;
  // Also when the length of the extra field itself was cut off.
  if (!(at <= bytes.length)) throw cut();
  return at;
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

function refuse(code: ImageFormatCode, source: string, offset: number, what: string, cause?: unknown) {
  const message = `is damaged: its compressed data ${what}, at byte ${offset}. Copy or export the file again.`;
  return new ImageFormatError(code, { source, offset, message, cause });
}
