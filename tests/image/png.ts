/** PNG files built from parts, true or not, and what the reader says to them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { crc32 } from "../../src/core/index.ts";
import { decodeImage, ImageFormatError } from "../../src/image/index.ts";

export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(import.meta.dirname, "../fixtures/png", name)));
}

interface Parts {
  readonly width: number;
  readonly height: number;
  readonly depth?: number;
  readonly colorType?: number;
  readonly palette?: Uint8Array;
  /** Rows with their filter's number in front, before packing. */
  readonly filtered: Uint8Array;
  /** Chunks between the header and the data. */
  readonly extra?: readonly (readonly [string, Uint8Array])[];
}

export function png({ width, height, depth = 8, colorType = 0, palette, filtered, extra = [] }: Parts): Uint8Array {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType, 0, 0, 0], 8);
  return file([
    ["IHDR", header],
    ...(palette ? [["PLTE", palette] as const] : []),
    ...extra,
    ["IDAT", deflateSync(filtered)],
    ["IEND", new Uint8Array(0)],
  ]);
}

export function file(chunks: readonly (readonly [string, Uint8Array])[]): Uint8Array {
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return new Uint8Array(Buffer.concat([signature, ...chunks.map(([type, data]) => chunk(type, data))]));
}

export function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + data.length);
  bytes.writeUInt32BE(data.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(data, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + data.length)), 8 + data.length);
  return bytes;
}

/** A copy with one byte of the header changed and the header's CRC made right again (or wrong by `error`). */
export function withCrc(bytes: Uint8Array, at: number, change: (byte: number) => number, error = 0): Uint8Array {
  const copy = Buffer.from(bytes);
  copy[at] = change(copy[at]);
  copy.writeUInt32BE((crc32(copy.subarray(12, 29)) + error) >>> 0, 29);
  return new Uint8Array(copy);
}

export function refusal(bytes: Uint8Array, source: string): ImageFormatError {
  try {
    decodeImage(bytes, source);
  } catch (error) {
    if (error instanceof ImageFormatError) return error;
    throw error;
  }
  throw new Error("was not refused");
}
