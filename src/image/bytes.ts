/**
 * The one way in which parsers of volumes read bytes: bounds are checked, and an error names the file and the place. Nothing is allocated
 * for what a file claims before `claim` has compared the claim with the bytes that are there and with the limits (`RELIABILITY.md`, P1).
 */
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";

/** Decoded bytes of one volume. */
export const DECODED_LIMIT = 2_000 * 2 ** 20;
/** Voxels of one volume. */
export const VOXEL_LIMIT = 2 ** 29;
/** Voxels along one axis. */
export const AXIS_LIMIT = 32_767;

export class Bytes {
  readonly data: Uint8Array;
  /** Base name, for errors */
  readonly source: string;
  private readonly view: DataView;
  private readonly little: boolean;

  constructor(data: Uint8Array, source: string, little: boolean) {
    this.data = data;
    this.source = source;
    this.little = little;
    this.view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  get length(): number {
    return this.data.length;
  }

  int8(at: number): number {
    return this.view.getInt8(this.within(at, 1));
  }
  uint8(at: number): number {
    return this.view.getUint8(this.within(at, 1));
  }
  int16(at: number): number {
    return this.view.getInt16(this.within(at, 2), this.little);
  }
  uint16(at: number): number {
    return this.view.getUint16(this.within(at, 2), this.little);
  }
  int32(at: number): number {
    return this.view.getInt32(this.within(at, 4), this.little);
  }
  uint32(at: number): number {
    return this.view.getUint32(this.within(at, 4), this.little);
  }
  /** @throws {ImageFormatError} when it is no safe integer */
  int64(at: number): number {
    const value = this.view.getBigInt64(this.within(at, 8), this.little);
    if (BigInt.asIntN(54, value) !== value) throw this.refuse("bad-header", at, `holds ${value}, which is too large`);
    return Number(value);
  }
  float32(at: number): number {
    return this.view.getFloat32(this.within(at, 4), this.little);
  }
  float64(at: number): number {
    return this.view.getFloat64(this.within(at, 8), this.little);
  }
  /** Characters up to the first zero byte, Latin-1. */
  text(at: number, length: number): string {
    const part = this.slice(at, length);
    const end = part.indexOf(0);
    return String.fromCharCode(...(end < 0 ? part : part.subarray(0, end)));
  }
  /** A view, not a copy. */
  slice(at: number, length: number): Uint8Array {
    this.within(at, length);
    return this.data.subarray(at, at + length);
  }

  /** @param message  reads after the file's name: "is a NIfTI file whose ..." */
  refuse(code: ImageFormatCode, offset: number, message: string): ImageFormatError {
    return new ImageFormatError(code, { source: this.source, offset, message });
  }

  private within(at: number, length: number): number {
    if (at < 0 || length < 0 || at + length > this.data.length)
      throw this.refuse(
        "cut-short",
        this.data.length,
        `is cut short: it ends at byte ${this.data.length}, and byte ${at + length} is needed. Copy or export it again.`,
      );
    return at;
  }
}

/**
 * Checks a claim before memory is given for it.
 *
 * @param needed   bytes that the file says its pixels take
 * @param present  bytes that are there for them
 * @throws {ImageFormatError} too-large, or cut-short
 */
export function claim(source: string, needed: number, present: number, limit = DECODED_LIMIT): void {
  if (!(needed <= limit))
    throw new ImageFormatError("too-large", {
      source,
      message: `would take ${mebibytes(needed)} of memory; up to ${mebibytes(limit)} are read. Crop it or save it with fewer slices.`,
    });
  if (needed > present)
    throw new ImageFormatError("cut-short", {
      source,
      message: `is cut short: its pixels take ${needed} bytes, and ${present} are there. Copy or export it again.`,
    });
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20).toLocaleString("en")} MiB`;
}
