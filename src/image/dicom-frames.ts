/**
 * The coded frames of a file whose pixels are compressed (PS3.5, annex A.4). Frames and fragments match one to one in most files; where they do not, the
 * tables of offsets are believed only as far as they point at fragments, and else each frame begins where a coded image does.
 */
import type { DicomFile } from "./dicom-scan.ts";
import { TAG } from "./dicom-tags.ts";
import { ImageFormatError } from "./errors.ts";

/** An item's tag and length, before its bytes. */
const ITEM_HEADER = 8;

/**
 * @param count  frames that the header says there are
 * @throws {ImageFormatError} when the fragments cannot be told apart into `count` frames
 */
export function codedFrames({ source, data }: DicomFile, count: number): Uint8Array[] {
  const [table, ...fragments] = data.element(TAG.pixels)?.fragments ?? [];
  if (!table || fragments.length < count)
    throw new ImageFormatError("cut-short", {
      source,
      message: `is a DICOM file that claims ${count} frame${count === 1 ? "" : "s"}, and ${fragments.length} are there. Copy or export it again.`,
    });
  if (fragments.length === count) return fragments;
  if (count === 1) return [joined(fragments)];
  const starts =
    startsFrom(offsetsOf(data.raw(TAG.extendedOffsets), 8), fragments, count) ??
    startsFrom(offsetsOf(table, 4), fragments, count) ??
    startsOfImages(fragments);
  if (starts.length !== count)
    throw new ImageFormatError("damaged", {
      source,
      message:
        `is a damaged DICOM file: its ${fragments.length} pieces of compressed pixels cannot be told apart into ${count} frames. ` +
        "Copy or export it again.",
    });
  return starts.map((start, i) => joined(fragments.slice(start, starts[i + 1])));
}

/** @param width  bytes of an offset; of 8 the upper 4 are added as well, a file is never that long */
function offsetsOf(table: Uint8Array | null, width: 4 | 8): number[] {
  if (!table) return [];
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  return Array.from({ length: Math.floor(table.length / width) }, (_, i) => {
    const low = view.getUint32(width * i, true);
    return width === 4 ? low : low + 2 ** 32 * view.getUint32(width * i + 4, true);
  });
}

/** The fragments that the offsets point at; null when one points elsewhere, or they are not in order or too few. */
function startsFrom(offsets: readonly number[], fragments: readonly Uint8Array[], count: number): number[] | null {
  if (offsets.length !== count || offsets[0] !== 0) return null;
  const places = new Map<number, number>();
  let at = 0;
  fragments.forEach(({ length }, i) => {
    places.set(at, i);
    at += ITEM_HEADER + length;
  });
  const starts = offsets.map((offset) => places.get(offset) ?? -1);
  return starts.every((start, i) => i === 0 || start > starts[i - 1]) ? starts : null;
}

/** The fragments that begin as a JPEG, JPEG-LS or JPEG 2000 image does. */
function startsOfImages(fragments: readonly Uint8Array[]): number[] {
  const isStart = (bytes: Uint8Array) =>
    bytes[0] === 0xff && ((bytes[1] === 0xd8 && bytes[2] === 0xff) || (bytes[1] === 0x4f && bytes[2] === 0xff));
  return fragments.flatMap((bytes, i) => (isStart(bytes) ? [i] : []));
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
