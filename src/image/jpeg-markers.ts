/**
 * The parts of a JPEG file (ITU-T T.81, annex B) that make its pixels, each claim checked against the bytes that are there: the segments' lengths, the
 * frame's size, that there are enough bits for its blocks, and that the file has its end.
 */
import type { Grid } from "../core/index.ts";
import { Bytes } from "./bytes.ts";
import { PIXEL_LIMIT } from "./png-chunks.ts";

export interface JpegParts extends Grid {
  /** 1 gray or 3 colors */
  readonly components: number;
  /** A whole JPEG file of the parts that a decoder needs: without EXIF, comments, previews and what follows the end. */
  readonly file: Uint8Array;
}

interface Frame extends Grid {
  readonly components: number;
  /** 8 x 8 blocks of all components. */
  readonly blocks: number;
}

const START = 0xd8;
const END = 0xd9;
const SCAN = 0xda;
const FRAMES = [0xc0, 0xc1, 0xc2];
const OTHER_FRAMES: Readonly<Record<number, string>> = {
  195: "lossless",
  197: "differential",
  198: "differential",
  199: "differential",
  201: "arithmetic coded",
  202: "arithmetic coded",
  203: "arithmetic coded",
  205: "arithmetic coded",
  206: "arithmetic coded",
  207: "arithmetic coded",
};
/** Says how the colors are stored; all other application segments, and comments, are left out. */
const ADOBE = 0xee;
/** A progressive file has some 10; each makes a decoder go over the whole image once. */
const SCAN_LIMIT = 100;
const CONVERT = "Save it as an ordinary JPEG or as PNG.";
const COPY_AGAIN = "Copy or export the file again.";

/** @throws {ImageFormatError} when it is no JPEG, is damaged, or of a kind that is not read */
export function readJpegParts(data: Uint8Array, source: string): JpegParts {
  const bytes = new Bytes(data, source, false);
  if (bytes.uint8(0) !== 0xff || bytes.uint8(1) !== START)
    throw bytes.refuse("bad-header", 0, "is no JPEG image. Save the image as JPEG or PNG and open that.");
  const kept: Uint8Array[] = [bytes.slice(0, 2)];
  let frame: Frame | null = null;
  let scans = 0;
  let coded = 0;
  for (let at = 2; ; ) {
    const marker = markerAt(bytes, at);
    if (marker === END) {
      kept.push(bytes.slice(at, 2));
      break;
    }
    const length = bytes.uint16(at + 2);
    if (length < 2 || marker === START || marker < 0xc0)
      throw damaged(bytes, at, `a part ${marker} of ${length} bytes`);
    let end = at + 2 + length;
    const segment = bytes.slice(at + 2, length);
    if (OTHER_FRAMES[marker]) throw unsupported(bytes, at, `is a JPEG image of the ${OTHER_FRAMES[marker]} kind`);
    if (FRAMES.includes(marker)) {
      if (frame) throw damaged(bytes, at, "a second frame");
      frame = readFrame(bytes, at + 4, segment.length - 2);
    }
    if (marker === SCAN) {
      if (!frame || ++scans > SCAN_LIMIT)
        throw damaged(bytes, at, frame ? `more than ${SCAN_LIMIT} scans` : "a scan without a frame");
      const start = end;
      end = endOfScan(bytes, start);
      coded += end - start;
    }
    if (isNeeded(marker)) kept.push(bytes.slice(at, end - at));
    at = end;
  }
  if (!frame || scans === 0) throw damaged(bytes, data.length, "no image data");
  // Each block's first coefficient takes at least one bit.
  if (8 * coded < frame.blocks)
    throw bytes.refuse(
      "cut-short",
      data.length,
      `is a damaged JPEG: its ${frame.width} x ${frame.height} pixels need at least ${Math.ceil(frame.blocks / 8)} bytes, and ${coded} are there. ${COPY_AGAIN}`,
    );
  const { width, height, components } = frame;
  return { width, height, components, file: joined(kept) };
}

/** The marker at `at`, which may have fill bytes before it only where a scan ends. */
function markerAt(bytes: Bytes, at: number): number {
  if (bytes.uint8(at) !== 0xff) throw damaged(bytes, at, `the byte ${bytes.uint8(at)} where a part must begin`);
  return bytes.uint8(at + 1);
}

/** @param at  of the frame's first field, after its length */
function readFrame(bytes: Bytes, at: number, length: number): Frame {
  if (length < 6) throw damaged(bytes, at, "a frame that is too short");
  const [bits, height, width, components] = [
    bytes.uint8(at),
    bytes.uint16(at + 1),
    bytes.uint16(at + 3),
    bytes.uint8(at + 5),
  ];
  if (bits !== 8) throw unsupported(bytes, at, `is a JPEG image of ${bits} bits`);
  if (width === 0 || height === 0)
    throw bytes.refuse(
      "bad-header",
      at,
      `claims ${width} x ${height} pixels; an image has at least one. ${COPY_AGAIN}`,
    );
  if (width * height > PIXEL_LIMIT)
    throw bytes.refuse(
      "too-large",
      at,
      `claims ${width} x ${height} pixels, and ${PIXEL_LIMIT} (8,192 x 8,192) is the limit. Scale it down, or cut out the part you need.`,
    );
  if (components !== 1 && components !== 3) throw unsupported(bytes, at, `is a JPEG image of ${components} channels`);
  if (length !== 6 + 3 * components) throw damaged(bytes, at, "a frame of a wrong length");
  const factors = Array.from({ length: components }, (_, i) => bytes.uint8(at + 7 + 3 * i));
  const [across, down] = [factors.map((factor) => factor >> 4), factors.map((factor) => factor & 15)];
  if (![...across, ...down].every((factor) => factor >= 1 && factor <= 4))
    throw damaged(bytes, at, `sampling factors ${factors.join(", ")}`);
  const count = (pixels: number, own: number, most: number) => Math.ceil((pixels * own) / most / 8);
  const blocks = factors.reduce(
    (sum, _, i) => sum + count(width, across[i], Math.max(...across)) * count(height, down[i], Math.max(...down)),
    0,
  );
  return { width, height, components, blocks };
}

/** Where the coded data end: at a marker that is neither a stuffed byte nor a restart; fill bytes before it belong to them. */
function endOfScan({ data, source }: Bytes, start: number): number {
  for (let at = data.indexOf(0xff, start); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const next = data[at + 1];
    if (next !== undefined && next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return at;
  }
  throw new Bytes(data, source, false).refuse(
    "cut-short",
    data.length,
    `is a JPEG that is cut short: it ends at byte ${data.length}, in the middle of its image. ${COPY_AGAIN}`,
  );
}

function isNeeded(marker: number): boolean {
  const isApplication = marker >= 0xe0 && marker <= 0xef;
  const isComment = marker === 0xfe;
  return marker === ADOBE || !(isApplication || isComment);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function damaged(bytes: Bytes, at: number, found: string) {
  return bytes.refuse("damaged", at, `is a damaged JPEG: it has ${found}, at byte ${at}. ${COPY_AGAIN}`);
}

function unsupported(bytes: Bytes, at: number, what: string) {
  return bytes.refuse("unsupported", at, `${what}, which this version does not read. ${CONVERT}`);
}
