/**
 * A DICOM file (PS3.10, PS3.5) walked from its first byte to its pixels. Each length is compared with the bytes that are there, and sequences, elements
 * and fragments are counted against limits, before anything is kept. What follows the pixels is not looked at.
 */
import { Inflate, inflateSync } from "fflate";
import { Bytes, DECODED_LIMIT } from "./bytes.ts";
import { DeflateError, measureDeflate } from "./deflate.ts";
import { EXPLICIT_LITTLE, IMPLICIT_LITTLE, syntaxName, type TransferSyntax, transferSyntax } from "./dicom-syntax.ts";
import { IMAGE_ATTRIBUTES, TAG, type Wanted } from "./dicom-tags.ts";
import { DataSet, type Element, tagName } from "./dicom-values.ts";
import { ImageFormatError } from "./errors.ts";
import { nameFormat } from "./formats.ts";

/** Sequences within sequences; honest files stay below 10. */
export const NESTING_LIMIT = 64;
/** Elements, items and fragments of one file, together. */
export const ELEMENT_LIMIT = 1_000_000;
/** Items of sequences that are entered, and fragments: what takes memory each. 10,000 frames have some 100,000. */
export const KEPT_LIMIT = 200_000;

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED_LENGTH = 0xffffffff;
const PREAMBLE = 128;
const META_GROUP = 2;
/** Value representations whose length takes two bytes; all others take four, after two that are not used. */
const SHORT = new Set("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split(" "));
const COPY_AGAIN = "Copy or export it again.";
/** Bytes of a deflated data set that are unpacked to see whether it is one; at most 2 MiB come out. */
const FIRST_LOOK = 2 ** 11;

export interface DicomFile {
  readonly source: string;
  /** As given */
  readonly file: Uint8Array;
  readonly syntax: TransferSyntax;
  readonly data: DataSet;
}

/** Whether these bytes may be a DICOM file, with or without a preamble: enough to choose a reader. 132 bytes tell. */
export function looksLikeDicom(bytes: Uint8Array): boolean {
  return start(bytes) !== null;
}

/**
 * @param file    a whole file
 * @param source  its base name, for errors
 * @param wanted  the attributes that are kept
 * @throws {ImageFormatError} when it is no DICOM file, is damaged or cut short, or in a transfer syntax that is not read
 */
export function scanDicom(file: Uint8Array, source: string, wanted: Wanted = IMAGE_ATTRIBUTES): DicomFile {
  const bytes = new Bytes(file, source, true);
  const from = start(file);
  if (from === null) throw notDicom(bytes);
  const { uid, end } = readMeta(bytes, from);
  const syntax = uid === null ? guessSyntax(bytes, end) : transferSyntax(uid);
  if (!syntax)
    throw bytes.refuse(
      "unsupported",
      end,
      `is a DICOM file in the transfer syntax ${syntaxName(uid!)}, which this version does not read. Convert it, for instance with: gdcmconv --raw.`,
    );
  const whole = syntax.isDeflated ? new Bytes(inflated(bytes, end), source, true) : bytes;
  const reader = syntax.isLittle ? whole : new Bytes(file, source, false);
  const at = syntax.isDeflated ? 0 : end;
  // Some writers give implicit elements another transfer syntax, or the other way round: what is there counts. The first length is never
  // so large that it looks like a representation.
  const isExplicit = whole.length >= at + 8 ? hasVr(whole.data, at + 4) : syntax.isExplicit;
  return { source, file, syntax, data: new Walk(wanted).whole(reader, at, isExplicit) };
}

/** Where the first element is; null when this is no DICOM file. */
function start(bytes: Uint8Array): number | null {
  if (hasText(bytes, PREAMBLE, "DICM")) return PREAMBLE + 4;
  // Without a preamble: a meta header or a data set begins with a group length, a character set, an image type or a UID.
  const isTag = bytes[1] === 0 && bytes[3] === 0 && bytes[2] <= 0x18 && bytes.length >= 8;
  if (!isTag || (bytes[0] !== META_GROUP && bytes[0] !== 8)) return null;
  if (hasVr(bytes, 4)) return 0;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true);
  return bytes[0] === 8 && length % 2 === 0 && 8 + length <= bytes.length ? 0 : null;
}

function hasText(bytes: Uint8Array, at: number, text: string): boolean {
  return bytes.length >= at + text.length && [...text].every((letter, i) => bytes[at + i] === letter.charCodeAt(0));
}

function hasVr(bytes: Uint8Array, at: number): boolean {
  const isCapital = (byte: number) => byte >= 0x41 && byte <= 0x5a;
  return isCapital(bytes[at]) && isCapital(bytes[at + 1]);
}

/** The meta header: elements of group 2, always explicit little endian. Its own claim of a length is not used. */
function readMeta(bytes: Bytes, from: number): { uid: string | null; end: number } {
  let uid: string | null = null;
  let at = from;
  while (at + 8 <= bytes.length && bytes.uint16(at) === META_GROUP) {
    const { tag, valueAt, length } = readHeader(bytes, at, true);
    const value = bytes.slice(valueAt, length);
    if (tag === TAG.transferSyntax)
      uid = new TextDecoder("latin1").decode(value.subarray(0, 80)).replace(/[\0 ]+$/, "");
    at = valueAt + length;
  }
  return { uid, end: at };
}

function guessSyntax(bytes: Bytes, at: number): TransferSyntax {
  return hasVr(bytes.data, at + 4) ? EXPLICIT_LITTLE : IMPLICIT_LITTLE;
}

interface ElementHeader {
  readonly tag: number;
  /** Null where it is implicit, and for items */
  readonly vr: string | null;
  readonly length: number;
  readonly valueAt: number;
}

function readHeader(bytes: Bytes, at: number, isExplicit: boolean): ElementHeader {
  const tag = bytes.uint16(at) * 2 ** 16 + bytes.uint16(at + 2);
  if (!isExplicit || tag >= ITEM) return { tag, vr: null, length: bytes.uint32(at + 4), valueAt: at + 8 };
  if (bytes.length >= at + 6 && !hasVr(bytes.data, at + 4))
    throw bytes.refuse(
      "bad-header",
      at + 4,
      `is a damaged DICOM file: element ${tagName(tag)} has no value representation, at byte ${at + 4}. ${COPY_AGAIN}`,
    );
  const vr = String.fromCharCode(bytes.uint8(at + 4), bytes.uint8(at + 5));
  if (SHORT.has(vr)) return { tag, vr, length: bytes.uint16(at + 6), valueAt: at + 8 };
  return { tag, vr, length: bytes.uint32(at + 8), valueAt: at + 12 };
}

/** A part of the file that elements or items fill. */
interface Span {
  readonly bytes: Bytes;
  readonly at: number;
  readonly end: number;
  /** Up to an end mark, which comes before `end` */
  readonly isOpen: boolean;
  readonly isExplicit: boolean;
  readonly depth: number;
}

class Walk {
  private readonly wanted: Wanted;
  private count = 0;
  private keptCount = 0;

  constructor(wanted: Wanted) {
    this.wanted = wanted;
  }

  whole(bytes: Bytes, at: number, isExplicit: boolean): DataSet {
    const elements = new Map<number, Element>();
    this.elements({ bytes, at, end: bytes.length, isOpen: false, isExplicit, depth: 0 }, elements);
    return new DataSet(bytes, elements);
  }

  /**
   * @param into  takes the elements that are kept; null where nothing is
   * @returns where the next byte is
   */
  private elements(
    { bytes, at: from, end, isOpen, isExplicit, depth }: Span,
    into: Map<number, Element> | null,
  ): number {
    let at = from;
    while (isOpen || at < end) {
      const { tag, vr, length, valueAt } = this.header(bytes, at, isExplicit);
      if (tag === ITEM_END && isOpen) return valueAt;
      if (tag >= ITEM) throw damaged(bytes, at, `the mark ${tagName(tag)} where an element must be`);
      const isLengthOpen = length === UNDEFINED_LENGTH;
      const valueEnd = isLengthOpen ? end : valueAt + length;
      if (valueEnd > end) throw cut(bytes, valueEnd, end);
      const isPixels = tag === TAG.pixels && depth === 0;
      const isKept = into !== null && this.wanted.kept.has(tag);
      // Readers differ in which of the two they take.
      if (isKept && into.has(tag)) throw damaged(bytes, at, `element ${tagName(tag)} twice`);
      const isWanted = isKept && this.wanted.sequences.has(tag) && (vr === null || vr === "SQ" || vr === "UN");
      if (tag === TAG.pixels && isLengthOpen) {
        const fragments: Uint8Array[] | null = isPixels ? [] : null;
        at = this.fragments(bytes, valueAt, end, fragments);
        if (fragments) into?.set(tag, { at: valueAt, length: 0, fragments });
        // An icon's, within an item.
        else continue;
      } else if (isWanted || isLengthOpen) {
        if (vr !== null && vr !== "SQ" && vr !== "UN")
          throw damaged(bytes, at, `element ${tagName(tag)} without a length`);
        const items: DataSet[] | null = isWanted ? [] : null;
        // A sequence of unknown representation is implicit and little-endian inside; what is unknown and has no length is one (PS3.5, section 6.2.2).
        const inner =
          vr === "UN" ? { bytes: new Bytes(bytes.data, bytes.source, true), isExplicit: false } : { bytes, isExplicit };
        at = this.sequence({ ...inner, at: valueAt, end: valueEnd, isOpen: isLengthOpen, depth: depth + 1 }, items);
        if (items) into?.set(tag, { at: valueAt, length: 0, items });
        continue;
      } else if (isKept) into.set(tag, { at: valueAt, length, isWords: vr === "OW" });
      if (isPixels) return end;
      at = valueEnd;
    }
    return at;
  }

  private sequence({ bytes, at: from, end, isOpen, isExplicit, depth }: Span, items: DataSet[] | null): number {
    if (depth > NESTING_LIMIT) throw tooMuch(bytes, from, `more than ${NESTING_LIMIT} sequences within each other`);
    let at = from;
    while (isOpen || at < end) {
      const { tag, length, valueAt } = this.header(bytes, at, isExplicit);
      if (tag === SEQUENCE_END && isOpen) return valueAt;
      if (tag !== ITEM) throw damaged(bytes, at, `${tagName(tag)} where an item must be`);
      const isItemOpen = length === UNDEFINED_LENGTH;
      const itemEnd = isItemOpen ? end : valueAt + length;
      if (itemEnd > end) throw cut(bytes, itemEnd, end);
      if (items) this.keep(bytes, at);
      const elements = items && new Map<number, Element>();
      at = itemEnd;
      // An item of known length that nothing is kept of is passed over.
      if (elements || isItemOpen)
        at = this.elements({ bytes, at: valueAt, end: itemEnd, isOpen: isItemOpen, isExplicit, depth }, elements);
      if (elements) items?.push(new DataSet(bytes, elements));
    }
    return at;
  }

  /**
   * Pieces of compressed pixels (PS3.5, annex A.4), the first of which is the table of offsets.
   *
   * @param into  takes them; null where nothing is kept
   * @returns where the next byte is
   */
  private fragments(bytes: Bytes, from: number, end: number, into: Uint8Array[] | null): number {
    for (let at = from; ; ) {
      const { tag, length, valueAt } = this.header(bytes, at, true);
      if (tag === SEQUENCE_END) return valueAt;
      if (tag !== ITEM || length === UNDEFINED_LENGTH)
        throw damaged(bytes, at, `${tagName(tag)} where a piece of its compressed pixels must be`);
      if (valueAt + length > end) throw cut(bytes, valueAt + length, end);
      if (into) {
        this.keep(bytes, at);
        into.push(bytes.slice(valueAt, length));
      }
      at = valueAt + length;
    }
  }

  private keep(bytes: Bytes, at: number): void {
    if (++this.keptCount > KEPT_LIMIT)
      throw tooMuch(bytes, at, `more than ${KEPT_LIMIT.toLocaleString("en")} items or pieces of pixels`);
  }

  private header(bytes: Bytes, at: number, isExplicit: boolean): ElementHeader {
    if (++this.count > ELEMENT_LIMIT)
      throw tooMuch(bytes, at, `more than ${ELEMENT_LIMIT.toLocaleString("en")} elements`);
    return readHeader(bytes, at, isExplicit);
  }
}

/**
 * The data set of a deflated file. Its first part is walked before the rest is unpacked, and all of it only below the limit.
 *
 * @param from  where the DEFLATE stream (RFC 1951) begins
 */
function inflated(bytes: Bytes, from: number): Uint8Array {
  const stream = bytes.data.subarray(from);
  try {
    walkStart(stream, bytes.source);
    const { size } = measureDeflate(stream, DECODED_LIMIT);
    return inflateSync(stream, { out: new Uint8Array(size) });
  } catch (cause) {
    if (cause instanceof ImageFormatError) throw cause;
    if (cause instanceof DeflateError && cause.kind === "too-large")
      throw tooMuch(bytes, from, `more than ${DECODED_LIMIT} bytes in its deflated data`);
    const isCut = cause instanceof DeflateError && cause.kind === "cut-short";
    throw new ImageFormatError(isCut ? "cut-short" : "damaged", {
      source: bytes.source,
      offset: from,
      message: `is a damaged DICOM file: its deflated data ${isCut ? "end early" : "cannot be unpacked"}. ${COPY_AGAIN}`,
      cause,
    });
  }
}

/** Throws when the first part is wrong in itself; that it ends early is no surprise. */
function walkStart(stream: Uint8Array, source: string): void {
  let start = new Uint8Array(0);
  new Inflate((chunk) => {
    if (start.length === 0) start = chunk.slice();
  }).push(stream.subarray(0, FIRST_LOOK), stream.length <= FIRST_LOOK);
  try {
    new Walk(IMAGE_ATTRIBUTES).whole(new Bytes(start, source, true), 0, true);
  } catch (error) {
    if (!(error instanceof ImageFormatError && error.code === "cut-short")) throw error;
  }
}

function notDicom(bytes: Bytes): ImageFormatError {
  const format = nameFormat(bytes.data);
  if (bytes.length === 0) return bytes.refuse("empty", 0, `is empty: it holds no bytes. ${COPY_AGAIN}`);
  return bytes.refuse("unsupported", 0, `is no DICOM file${format ? `, but ${format.name}` : ""}. Leave it out.`);
}

function damaged(bytes: Bytes, at: number, found: string): ImageFormatError {
  return bytes.refuse("damaged", at, `is a damaged DICOM file: it has ${found}, at byte ${at}. ${COPY_AGAIN}`);
}

function cut(bytes: Bytes, needed: number, end: number): ImageFormatError {
  if (end < bytes.length) return damaged(bytes, end, `an element that goes on to byte ${needed}, past its sequence`);
  return bytes.refuse(
    "cut-short",
    end,
    `is cut short: it ends at byte ${end}, and byte ${needed} is needed. ${COPY_AGAIN}`,
  );
}

function tooMuch(bytes: Bytes, at: number, what: string): ImageFormatError {
  return bytes.refuse("too-large", at, `is a DICOM file with ${what}. It is damaged, or made to do harm.`);
}
