/** What a pixel of a DICOM file is (PS3.3, section C.7.6.3): its bits, its sign, its colors, and the tables that its values go through. */

import type { DicomFile } from "./dicom-scan.ts";
import type { TransferSyntax } from "./dicom-syntax.ts";
import { readTable, type Table } from "./dicom-tables.ts";
import { TAG } from "./dicom-tags.ts";
import { luma } from "./luma.ts";

const GRAY = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"] as const;
const COLOR = ["RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"] as const;
/** Named in a refusal; any other text is not quoted. */
const NOT_READ = ["HSV", "ARGB", "CMYK", "XYB", "YBR_PARTIAL_422", "YBR_PARTIAL_420"];

export type Photometric = (typeof GRAY)[number] | (typeof COLOR)[number];

export interface PixelKind {
  readonly syntax: TransferSyntax;
  /** Whether native samples of 8 bits lie in big-endian words */
  readonly isSwapped: boolean;
  readonly photometric: Photometric;
  readonly samples: 1 | 3;
  readonly isPlanar: boolean;
  readonly bitsAllocated: 8 | 16 | 32;
  readonly bitsStored: number;
  readonly highBit: number;
  readonly isSigned: boolean;
  /** Stored value to luminance (of a palette) or to intensity (of a Modality LUT); null where there is none */
  readonly table: Table | null;
}

/** @throws {ImageFormatError} bad-header or unsupported */
export function readPixelKind({ data, syntax, source }: DicomFile): PixelKind {
  const unsupported = (what: string) =>
    data.bytes.refuse(
      "unsupported",
      0,
      `is a DICOM image ${what}, which this version does not read. Convert it first.`,
    );
  const name = data.text(TAG.photometric);
  const known: readonly string[] = [...GRAY, ...COLOR];
  if (name !== null && NOT_READ.includes(name)) throw unsupported(`with colors of the kind ${name}`);
  if (name === null || !known.includes(name)) throw data.refuse(TAG.photometric, "is missing or unknown");
  const photometric = name as Photometric;
  const samples = data.short(TAG.samples) ?? 1;
  const expected = GRAY.some((gray) => gray === name) ? 1 : 3;
  if (samples !== expected) throw data.refuse(TAG.samples, `is ${samples}; a pixel of ${name} has ${expected}`);
  const bitsAllocated = data.short(TAG.bitsAllocated);
  if (bitsAllocated === 1) throw unsupported("of 1 bit a pixel (a segmentation or an overlay)");
  if (bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32)
    throw data.refuse(TAG.bitsAllocated, `is ${bitsAllocated}; 8, 16 and 32 are read`);
  if (samples === 3 && bitsAllocated === 32) throw unsupported("in color with 32 bits a sample");
  const bitsStored = data.short(TAG.bitsStored) ?? bitsAllocated;
  if (bitsStored < 1 || bitsStored > bitsAllocated)
    throw data.refuse(TAG.bitsStored, `is ${bitsStored}, of ${bitsAllocated} bits`);
  const highBit = data.short(TAG.highBit) ?? bitsStored - 1;
  if (highBit < bitsStored - 1 || highBit >= bitsAllocated)
    throw data.refuse(TAG.highBit, `is ${highBit}; it must be ${bitsStored - 1} to ${bitsAllocated - 1}`);
  if (photometric === "YBR_FULL_422" && syntax.packing === "native" && bitsAllocated !== 8)
    throw unsupported("in YBR_FULL_422 with more than 8 bits a sample");
  const isSigned = data.short(TAG.isSigned) === 1 && samples === 1;
  const isPlanar = samples === 3 && data.short(TAG.planar) === 1;
  const table = readTable(data, photometric === "PALETTE COLOR", isSigned, source);
  const isSwapped = bitsAllocated === 8 && !syntax.isLittle && data.element(TAG.pixels)?.isWords === true;
  return { syntax, isSwapped, photometric, samples, isPlanar, bitsAllocated, bitsStored, highBit, isSigned, table };
}

/** [H, W] for the stored values of one frame. Luminance and what a table gives are unsigned. */
export type Stored = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;

export function storedType({ isSigned, bitsAllocated, table }: PixelKind) {
  if (table) return table.bits > 8 ? Uint16Array : Uint8Array;
  if (bitsAllocated === 8) return isSigned ? Int8Array : Uint8Array;
  if (bitsAllocated === 16) return isSigned ? Int16Array : Uint16Array;
  return isSigned ? Int32Array : Uint32Array;
}

/** The smallest and the largest value added: what a value of MONOCHROME1 is taken from to make larger brighter. */
export function mirrorOf({ photometric, isSigned, bitsStored, table }: PixelKind): number | null {
  if (photometric !== "MONOCHROME1") return null;
  if (table) return 2 ** table.bits - 1;
  return isSigned ? -1 : 2 ** bitsStored - 1;
}

/** As packed; each value's bits, whatever they stand for. */
export type Samples = Uint8Array | Uint16Array | Uint32Array;

/**
 * Samples as they lie in memory to stored values, or to luminance.
 *
 * @param samples  native, or the codec's own
 * @param first    of the three samples of a pixel is luminance itself (YBR), or red
 * @param into     [H, W], of `storedType`
 */
export function storeFrame(
  kind: PixelKind,
  samples: Samples,
  { first, isPlanar, highBit }: { first: "luminance" | "red"; isPlanar: boolean; highBit: number },
  into: Stored,
): void {
  const { bitsStored, isSigned, table } = kind;
  const width = 8 * samples.BYTES_PER_ELEMENT;
  const isWhole = bitsStored === width && into.BYTES_PER_ELEMENT === samples.BYTES_PER_ELEMENT;
  if (kind.samples === 3) {
    const [step, apart] = isPlanar ? [1, into.length] : [3, 1];
    const own = samples.slice();
    unsignedValues(samples, own, highBit, bitsStored);
    if (first === "luminance") for (let i = 0; i < into.length; i++) into[i] = own[i * step];
    else lumaOf(own, step, apart, into);
  } else if (table) {
    const own = isSigned ? new Int32Array(into.length) : new Uint32Array(into.length);
    (isSigned ? signedValues : unsignedValues)(samples, own, highBit, bitsStored);
    lookUp(own, table, into);
  } else if (isWhole) into.set(samples.length === into.length ? samples : samples.subarray(0, into.length));
  else if (isSigned) signedValues(samples, into, highBit, bitsStored);
  else unsignedValues(samples, into, highBit, bitsStored);
  const mirror = mirrorOf(kind);
  if (mirror !== null) for (let i = 0; i < into.length; i++) into[i] = mirror - into[i];
}

/** What lies above and below the stored bits is gone. */
function unsignedValues(samples: Samples, into: Stored, highBit: number, bitsStored: number): void {
  const shift = highBit + 1 - bitsStored;
  // All ones for 32 bits.
  const mask = -1 >>> (32 - bitsStored);
  for (let i = 0; i < into.length; i++) into[i] = (samples[i] >>> shift) & mask;
}

/** Up so that the highest stored bit is bit 31, and down so that the lowest is bit 0, which spreads the sign. */
function signedValues(samples: Samples, into: Stored, highBit: number, bitsStored: number): void {
  const [up, down] = [31 - highBit, 32 - bitsStored];
  for (let i = 0; i < into.length; i++) into[i] = (samples[i] << up) >> down;
}

function lumaOf(samples: Samples, step: number, apart: number, into: Stored): void {
  for (let i = 0, at = 0; i < into.length; i++, at += step)
    into[i] = luma(samples[at], samples[at + apart], samples[at + 2 * apart]);
}

function lookUp(values: Int32Array | Uint32Array, { first, values: table }: Table, into: Stored): void {
  const last = table.length - 1;
  for (let i = 0; i < into.length; i++) into[i] = table[Math.min(Math.max(values[i] - first, 0), last)];
}
