/**
 * The files of a zip archive (APPNOTE.TXT of PKWARE, version 6.3). What its directory claims is compared with the bytes that are there before anything is
 * unpacked, and with what comes out afterwards.
 */
import { Inflate, inflateSync } from "fflate";
import { crc32 } from "../core/index.ts";
import { Bytes, claim, DECODED_LIMIT } from "./bytes.ts";
import { ImageFormatError } from "./errors.ts";

export interface ZipEntry {
  /** As the archive has it, with folders */
  readonly name: string;
  /** Unpacked */
  readonly size: number;
  /** The first bytes of the file, without unpacking the rest; some 100 or more where it has them. Throws as `read`. */
  readonly start: () => Uint8Array;
  /** @throws {ImageFormatError} when the entry is damaged or packed in a way that is not read */
  readonly read: () => Uint8Array;
}

const DIRECTORY_END = 0x06054b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;
/** The directory's end, and the comment that may follow it. */
const END_BYTES = 22;
const COMMENT_LIMIT = 65_535;
/** DEFLATE packs no better than this, and a few bytes. */
const RATIO_LIMIT = 1032;
const STORED = 0;
const DEFLATED = 8;
/** Packed bytes that are unpacked for a look. */
const LOOK = 1024;
const ENCRYPTED = 1;
const UTF_8 = 0x800;

export function isZip(bytes: Uint8Array): boolean {
  return (
    bytes[0] === 0x50 && bytes[1] === 0x4b && ((bytes[2] === 3 && bytes[3] === 4) || (bytes[2] === 5 && bytes[3] === 6))
  );
}

/**
 * @param limit  bytes that all files together may unpack to
 * @throws {ImageFormatError} when the directory is damaged, or claims what cannot be
 */
export function readZip(file: Uint8Array, source: string, limit = DECODED_LIMIT): ZipEntry[] {
  const bytes = new Bytes(file, source, true);
  return readDirectory(bytes, 0, limit).map((entry) => ({
    ...{ name: entry.name, size: entry.size },
    start: () => unpackStart(bytes, entry),
    read: () => unpack(bytes, entry),
  }));
}

/** A file as the directory has it. */
export interface DirectoryEntry {
  readonly name: string;
  readonly flags: number;
  readonly method: number;
  readonly checksum: number;
  readonly packed: number;
  readonly size: number;
  /** Where its header is in the archive */
  readonly local: number;
  /** The entry's own bytes */
  readonly raw: Uint8Array;
}

/**
 * The files of an archive, without folders.
 *
 * @param bytes  of the archive from `start` on, with the directory in them
 * @throws {ImageFormatError} as `readZip`
 */
export function readDirectory(bytes: Bytes, start = 0, limit = DECODED_LIMIT): DirectoryEntry[] {
  const end = directoryEnd(bytes);
  const count = bytes.uint16(end + 10);
  const first = bytes.uint32(end + 16);
  if (count === 0xffff || first === 0xffffffff)
    throw bytes.refuse(
      "unsupported",
      end,
      "is a zip archive in the large format (Zip64), which this version does not read. Unpack it and open the folder.",
    );
  const entries: DirectoryEntry[] = [];
  let at = first - start;
  let [unpacked, packed] = [0, 0];
  for (let i = 0; i < count; i++) {
    if (bytes.uint32(at) !== DIRECTORY_ENTRY) throw damaged(bytes, at, "an entry of its directory is missing");
    const entry = {
      flags: bytes.uint16(at + 8),
      method: bytes.uint16(at + 10),
      checksum: bytes.uint32(at + 16),
      packed: bytes.uint32(at + 20),
      size: bytes.uint32(at + 24),
      local: bytes.uint32(at + 42),
    };
    const nameLength = bytes.uint16(at + 28);
    const length = 46 + nameLength + bytes.uint16(at + 30) + bytes.uint16(at + 32);
    const name = new TextDecoder(entry.flags & UTF_8 ? "utf-8" : "latin1").decode(bytes.slice(at + 46, nameLength));
    if (entry.size > RATIO_LIMIT * (entry.packed + 8))
      throw damaged(bytes, at, `a file of it claims to unpack from ${entry.packed} to ${entry.size} bytes`);
    unpacked += entry.size;
    packed += entry.packed;
    claim(bytes.source, unpacked, Number.POSITIVE_INFINITY, limit);
    // Entries that share bytes unpack them again and again.
    if (packed > start + bytes.length) throw damaged(bytes, at, "its files claim more bytes than it has");
    // A last entry's length may be wrong where nothing reads on from it.
    const raw = bytes.data.subarray(at, at + length);
    if (!name.endsWith("/")) entries.push({ ...entry, name, raw });
    at += length;
  }
  return entries;
}

function directoryEnd(bytes: Bytes): number {
  const last = bytes.length - END_BYTES;
  for (let at = last; at >= 0 && at >= last - COMMENT_LIMIT; at--) if (bytes.uint32(at) === DIRECTORY_END) return at;
  throw bytes.refuse(
    "cut-short",
    bytes.length,
    "is a zip archive that is cut short: it has no directory. Copy or download it again.",
  );
}

function unpack(bytes: Bytes, entry: DirectoryEntry): Uint8Array {
  const { stream, at } = streamOf(bytes, entry);
  // Exactly `size` bytes have room; what would come out beyond is dropped, and the checksum tells.
  const inflate = () => inflateSync(stream, { out: new Uint8Array(entry.size) });
  const file = entry.method === STORED ? stream : attempt(inflate, bytes, at);
  if (file.length !== entry.size || crc32(file) !== entry.checksum)
    throw damaged(bytes, at, "a file of it does not unpack to what its directory says");
  return file;
}

function unpackStart(bytes: Bytes, entry: DirectoryEntry): Uint8Array {
  const { stream, at } = streamOf(bytes, entry);
  const look = stream.subarray(0, LOOK);
  if (entry.method === STORED) return look;
  const chunks: Uint8Array[] = [];
  attempt(() => new Inflate((chunk) => chunks.push(chunk)).push(look, false), bytes, at);
  return chunks.find(({ length }) => length > 0) ?? look.subarray(0, 0);
}

function streamOf(bytes: Bytes, { flags, method, packed, local }: DirectoryEntry): { stream: Uint8Array; at: number } {
  if (flags & ENCRYPTED) throw unsupported(bytes, local, "holds a file with a password");
  if (bytes.uint32(local) !== LOCAL_HEADER) throw damaged(bytes, local, "a file of it is not where its directory says");
  const at = local + 30 + bytes.uint16(local + 26) + bytes.uint16(local + 28);
  if (method !== STORED && method !== DEFLATED)
    throw unsupported(bytes, local, `holds a file packed by method ${method}`);
  return { stream: bytes.slice(at, packed), at };
}

function attempt<T>(unpacking: () => T, bytes: Bytes, at: number): T {
  try {
    return unpacking();
  } catch (cause) {
    throw damaged(bytes, at, "a file of it cannot be unpacked", cause);
  }
}

function damaged({ source }: Bytes, offset: number, what: string, cause?: unknown): ImageFormatError {
  const message = `is a damaged zip archive: ${what}. Copy or download it again.`;
  return new ImageFormatError("damaged", { source, offset, message, cause });
}

function unsupported(bytes: Bytes, at: number, what: string): ImageFormatError {
  return bytes.refuse(
    "unsupported",
    at,
    `is a zip archive that ${what}, which this version does not read. Unpack it and open the folder.`,
  );
}
