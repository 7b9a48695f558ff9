/**
 * The pages of a TIFF file (TIFF 6.0, Adobe 1992) with every claim checked before a pixel is unpacked: the chain of directories, the kind
 * and number of each field's values, sizes, and where the strips or tiles lie. No byte of the file is counted for two of them, so
 * that directories or strips that share bytes cannot make a small file a large amount of work.
 */
import type { Grid } from "../core/index.ts";
import { Bytes, claim, VOXEL_LIMIT } from "./bytes.ts";
import type { ImageFormatError } from "./errors.ts";
import { PIXEL_LIMIT } from "./png-chunks.ts";

export type SampleFormat = "unsigned" | "signed" | "float";

export const WHITE_IS_ZERO = 0;
const BLACK_IS_ZERO = 1;
export const RGB = 2;
export const PALETTE = 3;

export const UNCOMPRESSED = 1;
export const LZW = 5;
export const PACK_BITS = 32773;
/** The most bytes that come out for one, by the compression's number; 8 and 32946 are both zlib. */
const EXPANSION: Readonly<Record<number, number>> = {
  [UNCOMPRESSED]: 1,
  [LZW]: 2560,
  8: 1032,
  32946: 1032,
  [PACK_BITS]: 64,
};
const OTHER_COMPRESSION: Readonly<Record<number, string>> = {
  2: "CCITT",
  3: "CCITT Group 3",
  4: "CCITT Group 4",
  6: "JPEG",
  7: "JPEG",
  33003: "JPEG 2000",
  33005: "JPEG 2000",
  34712: "JPEG 2000",
  34887: "LERC",
  34925: "LZMA",
  50000: "Zstandard",
  50001: "WebP",
};
const FORMATS: Readonly<Record<number, SampleFormat>> = { 1: "unsigned", 2: "signed", 3: "float", 4: "unsigned" };
const DEPTHS: Readonly<Record<SampleFormat, readonly number[]>> = {
  unsigned: [1, 2, 4, 8, 16, 32],
  signed: [8, 16, 32],
  float: [32, 64],
};

export interface Segment {
  readonly offset: number;
  readonly length: number;
}

export interface TiffPage extends Grid {
  readonly isLittle: boolean;
  readonly bits: number;
  readonly format: SampleFormat;
  /** Samples a pixel; those after the gray or the three colours are ignored. */
  readonly samples: number;
  readonly photometric: number;
  readonly compression: number;
  readonly predictor: number;
  /** Each sample has strips or tiles of its own. */
  readonly isPlanar: boolean;
  readonly isTiled: boolean;
  /** Pixels of one tile, or of a strip (the last may have fewer rows). */
  readonly part: Grid;
  /** Strips or tiles of the first plane, row by row, then of the next. */
  readonly segments: readonly Segment[];
  /** [3, entries], red, green, blue, 0 to 65535; empty without a palette */
  readonly palette: readonly number[];
  /** Pixels a unit across and down, or null; the unit is 1 (none), 2 (inch) or 3 (cm). */
  readonly resolution: readonly [number, number] | null;
  readonly unit: number;
  /** 1: the first row is the top and the first column the left */
  readonly orientation: number;
  readonly description: string;
}

const TAG = {
  subfile: 254,
  width: 256,
  height: 257,
  bits: 258,
  compression: 259,
  photometric: 262,
  fillOrder: 266,
  description: 270,
  stripOffsets: 273,
  orientation: 274,
  samples: 277,
  rowsPerStrip: 278,
  stripLengths: 279,
  xResolution: 282,
  yResolution: 283,
  planar: 284,
  unit: 296,
  predictor: 317,
  palette: 320,
  tileWidth: 322,
  tileHeight: 323,
  tileOffsets: 324,
  tileLengths: 325,
  extraSamples: 338,
  sampleFormat: 339,
} as const;

/** Bytes of one value, by the field's type from 1. */
const TYPE_BYTES = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8];
const BYTE = 1;
const TEXT = 2;
const SHORT = 3;
const LONG = 4;
const RATIONAL = 5;
const SAVE_AGAIN = "Save it again as TIFF without compression, or as PNG.";
/** Reduced copies and masks beside the pages (bits 0 and 2 of the subfile type). */
const NO_PAGE = 1 | 4;
const DESCRIPTION_LIMIT = 2 ** 16;
/** Pages and what lies beside them; each costs some 6 KiB while they are read. */
const PAGE_LIMIT = 8_192;

/** @throws {ImageFormatError} when it is no TIFF, is damaged, or has a page that this version does not read */
export function readPages(data: Uint8Array, source: string): TiffPage[] {
  const start = String.fromCharCode(...data.subarray(0, 4));
  const isLittle = start.startsWith("II");
  const bytes = new Bytes(data, source, isLittle);
  if (start === "II+\0" || start === "MM\0+")
    throw bytes.refuse(
      "unsupported",
      0,
      "is a BigTIFF image, which this version does not read. Save it as plain TIFF.",
    );
  if (start !== "II*\0" && start !== "MM\0*")
    throw bytes.refuse("bad-header", 0, "is no TIFF image. Save the image as TIFF or PNG and open that.");
  const budget = new Budget(bytes);
  const pages: TiffPage[] = [];
  const seen = new Set<number>();
  for (let at = bytes.uint32(4); at !== 0; ) {
    if (seen.has(at)) throw damaged(bytes, at, "its pages lead in a circle");
    seen.add(at);
    if (seen.size > PAGE_LIMIT) throw tooLarge(bytes, `has more than ${PAGE_LIMIT.toLocaleString("en")} pages.`);
    const fields = new Fields(bytes, at, budget);
    if ((fields.number(TAG.subfile, 0) & NO_PAGE) === 0) pages.push({ isLittle, ...readPage(fields, bytes) });
    at = bytes.uint32(fields.end);
  }
  if (pages.length === 0) throw damaged(bytes, 4, "it has no page");
  const decoded = pages.reduce((sum, page) => sum + page.width * page.height, 0);
  if (decoded > VOXEL_LIMIT) throw tooLarge(bytes, `claims ${decoded} pixels in all, and ${VOXEL_LIMIT} is the limit.`);
  return pages;
}

function readPage(fields: Fields, bytes: Bytes): Omit<TiffPage, "isLittle"> {
  const { start } = fields;
  const [width, height] = [fields.number(TAG.width), fields.number(TAG.height)];
  if (width === 0 || height === 0) throw damaged(bytes, start, `it claims ${width} x ${height} pixels`);
  if (width * height > PIXEL_LIMIT)
    throw tooLarge(bytes, `claims ${width} x ${height} pixels, and ${PIXEL_LIMIT} (8,192 x 8,192) is the limit.`);
  const samples = fields.number(TAG.samples, 1);
  const photometric = fields.number(TAG.photometric);
  requireChannels(photometric, samples, fields, bytes);
  const bits = same("bits", fields.numbers(TAG.bits, samples, 1), fields, bytes);
  const formatNumber = same("a format", fields.numbers(TAG.sampleFormat, samples, 1), fields, bytes);
  const format = FORMATS[formatNumber];
  const compression = fields.number(TAG.compression, UNCOMPRESSED);
  const predictor = fields.number(TAG.predictor, 1);
  const unsupported = (what: string) => bytes.refuse("unsupported", start, `is a TIFF image ${what}. ${SAVE_AGAIN}`);
  if (!format || !DEPTHS[format].includes(bits))
    throw unsupported(`with ${bits} bits a sample in format ${formatNumber}, which this version does not read`);
  if (!(compression in EXPANSION))
    throw unsupported(
      `compressed with ${OTHER_COMPRESSION[compression] ?? `method ${compression}`}, which is not read`,
    );
  if (predictor !== 1 && (predictor !== 2 || bits < 8 || format === "float"))
    throw unsupported(`with predictor ${predictor} for ${bits}-bit values, which this version does not read`);
  if (fields.number(TAG.fillOrder, 1) !== 1) throw unsupported("with its bits in reversed order, which is not read");
  const isDeepGray = photometric === BLACK_IS_ZERO;
  if (!isDeepGray && (format !== "unsigned" || bits > 16 || (photometric === PALETTE && bits > 8)))
    throw unsupported(
      `with ${bits}-bit ${format} values in color model ${photometric}, which this version does not read`,
    );
  const shape = { width, height, bits, samples, compression, isPlanar: fields.number(TAG.planar, 1) === 2 };
  const across = fields.rational(TAG.xResolution);
  const down = fields.rational(TAG.yResolution);
  return {
    ...shape,
    format,
    photometric,
    predictor,
    ...readParts(shape, fields, bytes),
    palette: photometric === PALETTE ? fields.numbers(TAG.palette, 3 * 2 ** bits) : [],
    resolution: across && down ? [across, down] : null,
    unit: fields.number(TAG.unit, 2),
    orientation: fields.number(TAG.orientation, 1),
    description: fields.text(TAG.description),
  };
}

function requireChannels(photometric: number, samples: number, fields: Fields, bytes: Bytes): void {
  const wanted = photometric === RGB ? 3 : 1;
  const isAlpha = samples === wanted + 1 && (wanted === 3 || fields.number(TAG.extraSamples, 0) > 0);
  if (photometric > PALETTE)
    throw bytes.refuse(
      "unsupported",
      fields.start,
      `is a TIFF image in color model ${photometric}, which this version does not read. Save it as gray or RGB.`,
    );
  if (samples !== wanted && !isAlpha)
    throw bytes.refuse(
      "unsupported",
      fields.start,
      `has ${samples} channels a pixel, and one gray or three colors are read. Save the channel you need by itself.`,
    );
}

/** Where the strips or tiles lie, each inside the file and, without compression, as long as its pixels need. */
function readParts(
  page: Pick<TiffPage, "width" | "height" | "bits" | "samples" | "compression" | "isPlanar">,
  fields: Fields,
  bytes: Bytes,
): Pick<TiffPage, "isTiled" | "part" | "segments"> {
  const { width, height, compression } = page;
  const isTiled = fields.has(TAG.tileOffsets);
  const part = isTiled
    ? { width: fields.number(TAG.tileWidth), height: fields.number(TAG.tileHeight) }
    : { width, height: Math.min(height, fields.number(TAG.rowsPerStrip, height)) };
  if (part.width === 0 || part.height === 0 || part.width * part.height > PIXEL_LIMIT)
    throw damaged(bytes, fields.start, `it claims parts of ${part.width} x ${part.height} pixels`);
  const [across, down] = [Math.ceil(width / part.width), Math.ceil(height / part.height)];
  const planes = page.isPlanar ? page.samples : 1;
  const count = across * down * planes;
  const offsets = fields.numbers(isTiled ? TAG.tileOffsets : TAG.stripOffsets, count);
  const lengthTag = isTiled ? TAG.tileLengths : TAG.stripLengths;
  const lengths =
    fields.has(lengthTag) || compression !== UNCOMPRESSED || count > 1
      ? fields.numbers(lengthTag, count)
      : [height * rowBytes(page, width)];
  const segments = offsets.map((offset, i) => ({ offset, length: lengths[i] }));
  let present = 0;
  for (const { offset, length } of segments) {
    bytes.slice(offset, length);
    fields.budget.take(offset, length);
    present += length;
  }
  const padded = count * part.height * rowBytes(page, part.width);
  const claimed = isTiled ? padded : planes * height * rowBytes(page, width);
  claim(bytes.source, claimed, present * EXPANSION[compression]);
  return { isTiled, part, segments };
}

/** Bytes of one row of `width` pixels in a strip or tile. */
export function rowBytes(page: Pick<TiffPage, "bits" | "samples" | "isPlanar">, width: number): number {
  return Math.ceil((width * page.bits * (page.isPlanar ? 1 : page.samples)) / 8);
}

function same(what: string, values: readonly number[], fields: Fields, bytes: Bytes): number {
  if (values.every((value) => value === values[0])) return values[0];
  throw bytes.refuse(
    "unsupported",
    fields.start,
    `is a TIFF image whose channels have ${what} of their own (${values.join(", ")}). ${SAVE_AGAIN}`,
  );
}

/** Bytes that directories, tables and pixels may still take: together no more than the file has. */
class Budget {
  private readonly bytes: Bytes;
  private left: number;

  constructor(bytes: Bytes) {
    this.bytes = bytes;
    this.left = bytes.length;
  }

  take(offset: number, count: number): void {
    this.left -= count;
    if (this.left < 0) throw damaged(this.bytes, offset, "parts of it share bytes that belong to one of them only");
  }
}

/** The fields of one directory. */
class Fields {
  /** Where the directory begins, and where its entries end. */
  readonly start: number;
  readonly end: number;
  readonly budget: Budget;
  private readonly bytes: Bytes;
  /** Where the entry of each tag lies; of two with the same tag the first counts. */
  private readonly entries = new Map<number, number>();

  constructor(bytes: Bytes, start: number, budget: Budget) {
    const count = bytes.uint16(start);
    this.bytes = bytes;
    this.start = start;
    this.end = start + 2 + 12 * count;
    this.budget = budget;
    bytes.slice(start, 2 + 12 * count + 4);
    budget.take(start, 2 + 12 * count + 4);
    for (let at = start + 2; at < this.end; at += 12) {
      const tag = bytes.uint16(at);
      if (!this.entries.has(tag)) this.entries.set(tag, at);
      // Of the fields that are not used, too: so a file that is cut short is always noticed.
      const size = (TYPE_BYTES[bytes.uint16(at + 2)] ?? 0) * bytes.uint32(at + 4);
      if (size > 4) bytes.slice(bytes.uint32(at + 8), size);
    }
  }

  has(tag: number): boolean {
    return this.entries.has(tag);
  }

  number(tag: number, absent?: number): number {
    return this.numbers(tag, 1, absent)[0];
  }

  /** The first `count` whole numbers of a field that has at least as many; `absent` in their place when there is no such field. */
  numbers(tag: number, count: number, absent?: number): number[] {
    const entry = this.entries.get(tag);
    if (entry === undefined && absent !== undefined) return Array<number>(count).fill(absent);
    if (entry === undefined) throw damaged(this.bytes, this.start, `field ${tag} is missing`);
    const type = this.bytes.uint16(entry + 2);
    const present = this.bytes.uint32(entry + 4);
    // A single value may stand for those of all channels.
    const isShared = absent !== undefined && present === 1;
    if (![BYTE, SHORT, LONG].includes(type) || (present < count && !isShared))
      throw damaged(this.bytes, entry, `field ${tag} has ${present} values of type ${type}, and ${count} are needed`);
    const at = this.valuesAt(entry, type, isShared ? 1 : count);
    const read = (i: number) =>
      type === BYTE
        ? this.bytes.uint8(at + i)
        : type === SHORT
          ? this.bytes.uint16(at + 2 * i)
          : this.bytes.uint32(at + 4 * i);
    return Array.from({ length: count }, (_, i) => read(isShared ? 0 : i));
  }

  /** @returns null when it is missing or no positive number: what it says is not needed for the pixels */
  rational(tag: number): number | null {
    const entry = this.entries.get(tag);
    if (entry === undefined || this.bytes.uint16(entry + 2) !== RATIONAL) return null;
    const at = this.valuesAt(entry, RATIONAL, 1);
    const value = this.bytes.uint32(at) / this.bytes.uint32(at + 4);
    return value > 0 && Number.isFinite(value) ? value : null;
  }

  /** @returns the first `DESCRIPTION_LIMIT` characters, Latin-1 */
  text(tag: number): string {
    const entry = this.entries.get(tag);
    if (entry === undefined || this.bytes.uint16(entry + 2) !== TEXT) return "";
    const length = this.bytes.uint32(entry + 4);
    const at = length <= 4 ? entry + 8 : this.bytes.uint32(entry + 8);
    return this.bytes.text(at, Math.min(length, DESCRIPTION_LIMIT));
  }

  /** Where a field's values lie: in the entry itself when they fit into four bytes. */
  private valuesAt(entry: number, type: number, used: number): number {
    const size = TYPE_BYTES[type];
    if (size * this.bytes.uint32(entry + 4) <= 4) return entry + 8;
    const at = this.bytes.uint32(entry + 8);
    // Small fields may be shared by pages; long tables may not.
    if (used > 3 * 256) this.budget.take(at, size * used);
    return at;
  }
}

function damaged(bytes: Bytes, offset: number, what: string): ImageFormatError {
  return bytes.refuse("damaged", offset, `is a damaged TIFF: ${what} (byte ${offset}). Copy or export the file again.`);
}

function tooLarge(bytes: Bytes, what: string): ImageFormatError {
  return bytes.refuse("too-large", 0, `${what} Scale it down, or cut out the part you need.`);
}
