/**
 * What a coded frame says of itself: the frame header of JPEG, JPEG lossless and JPEG-LS (ITU-T T.81, annex B; T.87, annex C) or the size marker of JPEG 2000
 * (T.800, annex A.5.1). A codec gives memory for what it finds there, so it is compared with the file's header first.
 */
import { ImageFormatError } from "./errors.ts";

export interface Codestream {
  /** The marker of the frame header: 0xc0, 0xc1 baseline and extended, 0xc3 lossless, 0xf7 JPEG-LS; 0x51 for JPEG 2000 */
  readonly kind: number;
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** Of a sample */
  readonly bits: number;
  /** How a baseline JPEG says its colors are stored: 0 RGB, 1 YCbCr; null when it does not say */
  readonly colorTransform: number | null;
  /** The codestream alone, from its start to its end mark */
  readonly coded: Uint8Array;
}

const JPEG_2000 = 0x51;
const START_OF_SCAN = 0xda;
const JFIF = 0xe0;
const ADOBE = 0xee;
/** The smallest tile that is read; an image of many tiny ones would take minutes. */
const SMALLEST_TILE = 8;
/** Bytes looked through for a JPEG 2000 codestream. */
const WRAPPER = 512;

/** @throws {ImageFormatError} when there is no header, or the end is missing */
export function readCodestream(frame: Uint8Array, source: string): Codestream {
  const found = frame[0] === 0xff && frame[1] === 0xd8 ? readJpeg(frame) : readJpeg2000(frame);
  if (!found)
    throw new ImageFormatError("damaged", {
      source,
      message:
        "is a damaged DICOM file: its compressed pixels have no header that can be read. Copy or export it again.",
    });
  // CharLS reads on for seconds where this is missing.
  const end = endMark(frame);
  if (end === 0)
    throw new ImageFormatError("cut-short", {
      source,
      message: `is a damaged DICOM file: its compressed pixels end early, after ${frame.length} bytes. Copy or export it again.`,
    });
  // Without the boxes of a JP2 file, which do not belong into DICOM, but occur.
  const from = found.kind === JPEG_2000 ? startOfJpeg2000(frame) : 0;
  return { ...found, coded: frame.subarray(from, end) };
}

type Header = Omit<Codestream, "coded">;

function readJpeg(bytes: Uint8Array): Header | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let colorTransform: number | null = null;
  let frame: Omit<Header, "colorTransform"> | null = null;
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; ) {
    const kind = bytes[at + 1];
    if (kind === 0xff) {
      at++;
      continue;
    }
    if (kind === START_OF_SCAN) return frame && { ...frame, colorTransform };
    const length = view.getUint16(at + 2);
    if (length < 2 || at + 2 + length > bytes.length) return null;
    if (kind === JFIF && length >= 7 && isText(bytes, at + 4, "JFIF")) colorTransform = 1;
    if (kind === ADOBE && length >= 14 && isText(bytes, at + 4, "Adobe")) colorTransform = bytes[at + 15] === 0 ? 0 : 1;
    const isFrame = (kind >= 0xc0 && kind <= 0xcf && kind !== 0xc4 && kind !== 0xc8 && kind !== 0xcc) || kind === 0xf7;
    if (isFrame) {
      if (length < 8 || frame) return null;
      frame = {
        kind,
        bits: bytes[at + 4],
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: bytes[at + 9],
      };
    }
    at += 2 + length;
  }
  return null;
}

function readJpeg2000(bytes: Uint8Array): Header | null {
  const at = startOfJpeg2000(bytes);
  // SOC, SIZ, Lsiz, Rsiz, 8 sizes of 4 bytes, Csiz, and 3 bytes a component.
  if (at < 0 || at + 42 > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const [width, height, left, top, tileWidth, tileHeight] = [8, 12, 16, 20, 24, 28].map((i) => view.getUint32(at + i));
  const components = view.getUint16(at + 40);
  if (components === 0 || at + 42 + 3 * components > bytes.length || width <= left || height <= top) return null;
  const isTiny = (tile: number, whole: number) => tile < SMALLEST_TILE && tile < whole;
  if (isTiny(tileWidth, width) || isTiny(tileHeight, height)) return null;
  const depths = Array.from({ length: components }, (_, i) => (bytes[at + 42 + 3 * i] & 0x7f) + 1);
  const isSubsampled = depths.some((_, i) => bytes[at + 43 + 3 * i] !== 1 || bytes[at + 44 + 3 * i] !== 1);
  if (isSubsampled || depths.some((bits) => bits !== depths[0])) return null;
  return {
    kind: JPEG_2000,
    width: width - left,
    height: height - top,
    components,
    bits: depths[0],
    colorTransform: null,
  };
}

function startOfJpeg2000(bytes: Uint8Array): number {
  const last = Math.min(bytes.length - 4, WRAPPER);
  for (let at = 0; at <= last; at++)
    if (bytes[at] === 0xff && bytes[at + 1] === 0x4f && bytes[at + 2] === 0xff && bytes[at + 3] === JPEG_2000)
      return at;
  return -1;
}

/** Behind the last end mark (EOI and EOC are both ff d9), which only padding may follow; 0 when there is none. */
function endMark(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 2 && (bytes[end - 1] === 0 || (bytes[end - 1] === 0xff && bytes[end - 2] === 0xd9))) end--;
  return bytes[end - 2] === 0xff && bytes[end - 1] === 0xd9 ? end : 0;
}

function isText(bytes: Uint8Array, at: number, text: string): boolean {
  return [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}
