/** Packed pixels of one frame to its stored values, whatever the transfer syntax. */
import { type CodecName, decodeCoded } from "./codecs.ts";
import { type Codestream, readCodestream } from "./dicom-codestream.ts";
import type { Frame, Instance } from "./dicom-instance.ts";
import { type PixelKind, type Samples, type Stored, storeFrame } from "./dicom-pixel-kind.ts";
import { unpackRle } from "./dicom-rle.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";

/** Frame headers that each codec takes. */
const KINDS: Readonly<Record<CodecName, readonly number[]>> = {
  jpeg: [0xc0, 0xc1, 0xc2],
  "jpeg-lossless": [0xc3],
  "jpeg-ls": [0xf7],
  "jpeg-2000": [0x51],
  htj2k: [0x51],
};

/**
 * @param into  [H, W], of `storedType`
 * @throws {ImageFormatError} when the frame is damaged, or compressed in a way that is not read
 */
export async function decodeFrame({ instance, packed }: Frame, into: Stored): Promise<void> {
  const { kind, source, rows, columns } = instance;
  const { packing } = kind.syntax;
  if (packing === "native") return storeNative(kind, packed, into);
  if (packing === "rle") {
    const bytes = unpackRle(packed, rows * columns, kind.samples, kind.bitsAllocated / 8, source);
    const first = kind.photometric === "RGB" ? "red" : "luminance";
    return storeFrame(
      kind,
      asSamples(bytes, kind.bitsAllocated, true),
      { first, isPlanar: true, highBit: kind.highBit },
      into,
    );
  }
  const stream = readCodestream(packed, source);
  checkCodestream(packing, stream, instance);
  const { samples, bits, isPlanar } = await decodeCoded(packing, withColors(packing, stream, kind), source);
  const order = { first: firstOf(packing, kind), isPlanar, highBit: kind.bitsStored - 1 };
  storeFrame(kind, asSamples(samples, bits > 8 ? 16 : 8, true), order, into);
}

function storeNative(kind: PixelKind, packed: Uint8Array, into: Stored): void {
  const { photometric, highBit } = kind;
  const bytes = kind.isSwapped ? swapped(packed, 2) : packed;
  if (photometric === "YBR_FULL_422") {
    // Y Y Cb Cr: of each two bytes of luminance two of color follow.
    const luminance = Uint8Array.from({ length: into.length }, (_, i) => bytes[(i >> 1) * 4 + (i & 1)]);
    storeFrame({ ...kind, samples: 1 }, luminance, { first: "luminance", isPlanar: false, highBit }, into);
    return;
  }
  const first = photometric === "RGB" ? "red" : "luminance";
  const samples = asSamples(bytes, kind.bitsAllocated, kind.syntax.isLittle);
  storeFrame(kind, samples, { first, isPlanar: kind.isPlanar, highBit }, into);
}

function checkCodestream(
  name: CodecName,
  { kind, width, height, components, bits, coded }: Codestream,
  instance: Instance,
): void {
  const { source, columns, rows, kind: pixel } = instance;
  const refuse = (code: ImageFormatCode, message: string) => new ImageFormatError(code, { source, message });
  if (width !== columns || height !== rows || components !== pixel.samples)
    throw refuse(
      "damaged",
      `is a damaged DICOM file: its header says ${columns} x ${rows} x ${pixel.samples}, and its compressed pixels ${width} x ${height} x ${components}. Export it again.`,
    );
  if (!KINDS[name].includes(kind))
    throw refuse(
      "damaged",
      `is a damaged DICOM file: it says ${pixel.syntax.name}, and its compressed pixels are of another kind (marker ${kind.toString(16)}). Export it again.`,
    );
  // A flat image takes a bit for each sample (lossless), for each block of 64 (baseline), or for each row (JPEG-LS).
  const fewest = {
    jpeg: (width * height) / 64,
    "jpeg-lossless": width * height,
    "jpeg-ls": height,
    "jpeg-2000": 0,
    htj2k: 0,
  };
  if (8 * coded.length < fewest[name])
    throw refuse(
      "cut-short",
      `is a damaged DICOM file: ${coded.length} bytes are too few for ${width} x ${height} pixels in ${pixel.syntax.name}. Export it again.`,
    );
  const most =
    name === "jpeg" || (name === "jpeg-lossless" && components === 3) ? 8 : Math.min(16, pixel.bitsAllocated);
  if (bits > most || bits < 2)
    throw refuse(
      "unsupported",
      `is a DICOM image in ${pixel.syntax.name} with ${bits} bits a sample; up to ${most} are read. Convert it, for instance with: gdcmconv --raw.`,
    );
}

/** What the first sample of a pixel is when the codec is done: libjpeg-turbo and the transforms of JPEG 2000 give back red, green and blue. */
function firstOf(name: CodecName, { photometric }: PixelKind): "luminance" | "red" {
  if (name === "jpeg" || photometric === "RGB") return "red";
  return photometric === "YBR_RCT" || photometric === "YBR_ICT" ? "red" : "luminance";
}

/**
 * Where a baseline JPEG does not say how its colors are stored, DICOM's header does; libjpeg-turbo learns it from an Adobe segment (T.872, 6.5.3), which is
 * put in behind the start mark.
 */
function withColors(name: CodecName, stream: Codestream, { photometric }: PixelKind): Codestream {
  if (name !== "jpeg" || stream.components !== 3 || stream.colorTransform !== null) return stream;
  const transform = photometric === "RGB" ? 0 : 1;
  const adobe = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, transform];
  const coded = new Uint8Array(stream.coded.length + adobe.length);
  coded.set(stream.coded.subarray(0, 2));
  coded.set(adobe, 2);
  coded.set(stream.coded.subarray(2), 2 + adobe.length);
  return { ...stream, coded };
}

/** Samples of `bits` bits each, in this machine's order; a view where the bytes are in it, and lie even. */
function asSamples(bytes: Uint8Array, bits: 8 | 16 | 32, isLittle: boolean): Samples {
  if (bits === 8) return bytes;
  const width = bits === 16 ? 2 : 4;
  const { buffer, byteOffset, length } = !isLittle
    ? swapped(bytes, width)
    : bytes.byteOffset % width === 0
      ? bytes
      : bytes.slice();
  const count = Math.floor(length / width);
  return bits === 16 ? new Uint16Array(buffer, byteOffset, count) : new Uint32Array(buffer, byteOffset, count);
}

/** A copy with each `width` bytes the other way round. */
function swapped(bytes: Uint8Array, width: 2 | 4): Uint8Array {
  const out = new Uint8Array(bytes.length);
  const last = bytes.length - (bytes.length % width);
  for (let at = 0; at < last; at += width) for (let i = 0; i < width; i++) out[at + i] = bytes[at + width - 1 - i];
  return out;
}
