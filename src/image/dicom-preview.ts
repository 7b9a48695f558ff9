/**
 * One image of a zip archive or of a multi-frame file, cut out of a part of it: something to look at while the rest is on its way. What is cut
 * out is a file of that image alone, for the reader of whole files, which checks it like any other.
 */
import { Bytes } from "./bytes.ts";
import { START_BYTES } from "./decode.ts";
import { isStudyFile } from "./dicom.ts";
import { readInstance } from "./dicom-instance.ts";
import { looksLikeDicom, scanDicom } from "./dicom-scan.ts";
import { TAG } from "./dicom-tags.ts";
import { readDirectory } from "./zip.ts";

/** Bytes of a file from `start` to before `end`, or fewer where it ends earlier. */
export type ReadPart = (start: number, end: number) => Promise<Uint8Array>;

/** Bytes; a larger image is not soon here either. */
const LARGEST_IMAGE = 64 * 2 ** 20;
/** A smaller file is soon here as a whole. So much holds the header of a thousand frames, and the directory of several thousand files. */
const PART = 2 ** 20;
/** The header of an archive's file at its longest. */
const LOCAL_HEADER = 30 + 2 * 65_535;
/** Where a directory's entry says where the file is. */
const PLACE_AT = 42;

/**
 * An archive of the middle one of its files.
 *
 * @param size  of the archive, bytes
 * @returns     null where that file is too large, or the archive small
 * @throws {ImageFormatError} when there is no directory within the part that is read
 */
export async function zipPreview(part: ReadPart, size: number, source: string): Promise<Uint8Array | null> {
  if (size <= PART) return null;
  const start = size - PART;
  const end = new Bytes(await part(start, size), source, true);
  const files = readDirectory(end, start).filter(({ name }) => isStudyFile(name));
  const middle = files[files.length >> 1];
  if (!middle || middle.packed > LARGEST_IMAGE) return null;
  const file = await part(middle.local, middle.local + LOCAL_HEADER + middle.packed);
  const archive = new Uint8Array(file.length + middle.raw.length + 22);
  archive.set(file);
  archive.set(middle.raw, file.length);
  const view = new DataView(archive.buffer);
  view.setUint32(file.length + PLACE_AT, 0, true);
  // The directory's end: signature, one file here and in all, the directory's length and place.
  const last = file.length + middle.raw.length;
  archive.set([0x50, 0x4b, 5, 6, 0, 0, 0, 0, 1, 0, 1, 0], last);
  view.setUint32(last + 12, middle.raw.length, true);
  view.setUint32(last + 16, file.length, true);
  return archive;
}

/**
 * A file of the first frame, whose place and scale the header has first.
 *
 * @param size  of the file, bytes
 * @returns     null of a single image, of compressed frames, of a small file, and of what is no DICOM
 * @throws {ImageFormatError} when the header is damaged, or longer than the part that is read
 */
export async function framePreview(part: ReadPart, size: number, source: string): Promise<Uint8Array | null> {
  if (size <= PART || !looksLikeDicom(await part(0, START_BYTES))) return null;
  const head = await part(0, PART);
  // The pixels are taken to be there, as zeros, which take no memory: it is their length that counts here.
  const whole = new Uint8Array(size);
  whole.set(head);
  const scanned = scanDicom(whole, source);
  const { packing, isDeflated } = scanned.syntax;
  if (packing !== "native" || isDeflated) return null;
  const { frames } = readInstance(scanned);
  const [count, pixels] = [TAG.frames, TAG.pixels].map((tag) => scanned.data.element(tag)!);
  const { length } = frames[0].packed;
  if (frames.length < 2 || pixels.at > head.length || length > LARGEST_IMAGE) return null;
  const file = new Uint8Array(pixels.at + length + (length % 2));
  file.set(head.subarray(0, pixels.at));
  file.set(await part(pixels.at, pixels.at + length), pixels.at);
  file.fill(0x20, count.at, count.at + count.length);
  file[count.at] = 0x31;
  new DataView(file.buffer).setUint32(pixels.at - 4, file.length - pixels.at, scanned.syntax.isLittle);
  return file;
}
