/** Voxels of a NIfTI file as typed arrays of the file's own type, in this machine's byte order. Nothing is read number by number. */
import { ImageFormatError } from "./errors.ts";
import { luma } from "./luma.ts";
import type { VoxelData } from "./volume.ts";

export interface Datatype {
  readonly name: string;
  /** Bits a voxel */
  readonly bits: number;
  /** Bytes that are turned round together when the file's byte order is the other one */
  readonly unit: number;
  /** Bytes, aligned and in this machine's order, to voxels; null where no voxel value can hold what is stored. */
  readonly read: ((raw: Uint8Array, source: string) => VoxelData) | null;
}

/** By the codes of nifti1.h. */
export const DATATYPES: ReadonlyMap<number, Datatype> = new Map([
  [1, refused("binary", 1)],
  [2, plain("uint8", Uint8Array)],
  [4, plain("int16", Int16Array)],
  [8, plain("int32", Int32Array)],
  [16, plain("float32", Float32Array)],
  [32, refused("complex64", 64)],
  [64, plain("float64", Float64Array)],
  [128, { name: "RGB24", bits: 24, unit: 1, read: (raw: Uint8Array) => toGray(raw, 3) }],
  [256, plain("int8", Int8Array)],
  [512, plain("uint16", Uint16Array)],
  [768, plain("uint32", Uint32Array)],
  [1024, { name: "int64", bits: 64, unit: 8, read: (raw: Uint8Array, source: string) => toDouble(raw, true, source) }],
  [
    1280,
    { name: "uint64", bits: 64, unit: 8, read: (raw: Uint8Array, source: string) => toDouble(raw, false, source) },
  ],
  [1536, refused("float128", 128)],
  [1792, refused("complex128", 128)],
  [2048, refused("complex256", 256)],
  [2304, { name: "RGBA32", bits: 32, unit: 1, read: (raw: Uint8Array) => toGray(raw, 4) }],
]);

export function isColor({ name }: Datatype): boolean {
  return name.startsWith("RGB");
}

interface ArrayType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): VoxelData;
}

function plain(name: string, Type: ArrayType): Datatype {
  const unit = Type.BYTES_PER_ELEMENT;
  return { name, bits: 8 * unit, unit, read: (raw) => new Type(raw.buffer, raw.byteOffset, raw.length / unit) };
}

function refused(name: string, bits: number): Datatype {
  return { name, bits, unit: 1, read: null };
}

const IS_LITTLE_HERE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** @returns `raw` itself where it can be viewed as numbers of `unit` bytes, else a copy that can */
export function inThisOrder(raw: Uint8Array, unit: number, isLittle: boolean): Uint8Array {
  // Not `slice`, which does not copy Node's Buffer.
  if (unit > 1 && isLittle !== IS_LITTLE_HERE) return turned(new Uint8Array(raw), unit);
  return raw.byteOffset % unit === 0 ? raw : new Uint8Array(raw);
}

/** In place: the bytes of each unit the other way round. */
function turned(bytes: Uint8Array, unit: number): Uint8Array {
  if (unit === 2) {
    const words = new Uint16Array(bytes.buffer);
    for (let i = 0; i < words.length; i++) words[i] = (words[i] << 8) | (words[i] >> 8);
    return bytes;
  }
  const words = new Uint32Array(bytes.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i];
    words[i] = (word << 24) | ((word & 0xff00) << 8) | ((word >> 8) & 0xff00) | (word >>> 24);
  }
  if (unit === 8) for (let i = 0; i < words.length; i += 2) [words[i], words[i + 1]] = [words[i + 1], words[i]];
  return bytes;
}

/** 64-bit integers, from halves: going through BigInt takes thirty times as long. */
function toDouble(raw: Uint8Array, isSigned: boolean, source: string): Float64Array {
  const count = raw.length / 8;
  const unsigned = new Uint32Array(raw.buffer, raw.byteOffset, 2 * count);
  const high = isSigned ? new Int32Array(raw.buffer, raw.byteOffset, 2 * count) : unsigned;
  const [lowAt, highAt] = IS_LITTLE_HERE ? [0, 1] : [1, 0];
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    values[i] = high[2 * i + highAt] * 2 ** 32 + unsigned[2 * i + lowAt];
    if (!Number.isSafeInteger(values[i]))
      throw new ImageFormatError("unsupported", {
        source,
        message: `has 64-bit integers beyond 2^53, the first about ${values[i]} in voxel ${i} as stored; they would be rounded. Save it as int32 or float64.`,
      });
  }
  return values;
}

/** Colour becomes luminance; opacity is ignored, as in a PNG. */
function toGray(raw: Uint8Array, samples: number): Uint8Array {
  const gray = new Uint8Array(raw.length / samples);
  for (let i = 0, at = 0; i < gray.length; i++, at += samples) gray[i] = luma(raw[at], raw[at + 1], raw[at + 2]);
  return gray;
}
