/**
 * DICOM's run lengths (PS3.5, annex G): a frame is taken apart into planes of bytes, the highest byte of each sample first, and each plane is packed as
 * PackBits does.
 */
import { ImageFormatError } from "./errors.ts";

const HEADER_BYTES = 64;
const NOTHING = 128;

/**
 * @param samples  a pixel
 * @param bytes    a sample: 1, 2 or 4
 * @returns        [samples, pixels], each sample little endian
 * @throws {ImageFormatError} when the segments are not what the image needs
 */
export function unpackRle(
  coded: Uint8Array,
  pixels: number,
  samples: number,
  bytes: number,
  source: string,
): Uint8Array {
  const refuse = (code: "damaged" | "cut-short", what: string) =>
    new ImageFormatError(code, {
      source,
      message: `is a damaged DICOM file: its run lengths (RLE) ${what}. Copy or export it again.`,
    });
  const planes = samples * bytes;
  if (coded.length < HEADER_BYTES) throw refuse("cut-short", `take ${coded.length} bytes, less than their header`);
  const view = new DataView(coded.buffer, coded.byteOffset, coded.length);
  const count = view.getUint32(0, true);
  if (count !== planes) throw refuse("damaged", `have ${count} planes, and the image needs ${planes}`);
  const out = new Uint8Array(pixels * planes);
  for (let plane = 0; plane < planes; plane++) {
    const from = view.getUint32(4 + 4 * plane, true);
    const to = plane + 1 < planes ? view.getUint32(8 + 4 * plane, true) : coded.length;
    if (from < HEADER_BYTES || from > to || to > coded.length)
      throw refuse("damaged", `have a plane from byte ${from} to ${to} of ${coded.length}`);
    const sample = Math.floor(plane / bytes);
    const first = sample * pixels * bytes + (bytes - 1 - (plane % bytes));
    const filled = unpackPlane(coded.subarray(from, to), out, first, bytes, pixels);
    if (filled < pixels) throw refuse("cut-short", `end early (${filled} of ${pixels} pixels)`);
  }
  return out;
}

/** @returns how many bytes came out; what is more than `pixels` is dropped, some writers pad */
function unpackPlane(packed: Uint8Array, out: Uint8Array, first: number, step: number, pixels: number): number {
  let filled = 0;
  for (let at = 0; at < packed.length && filled < pixels; ) {
    const control = packed[at++];
    if (control === NOTHING) continue;
    const isRun = control > NOTHING;
    const wanted = Math.min(isRun ? 257 - control : control + 1, pixels - filled);
    const length = isRun ? (at < packed.length ? wanted : 0) : Math.min(wanted, packed.length - at);
    for (let i = 0; i < length; i++) out[first + step * filled++] = packed[isRun ? at : at + i];
    at += isRun ? 1 : control + 1;
  }
  return filled;
}
