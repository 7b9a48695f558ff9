/**
 * The data set of a DICOM file (PS3.5, PS3.10), walked up to its pixels. Every length is checked against the bytes that are there,
 * and values stay in the file until they are asked for. Read are implicit and explicit value representations, little- and big-endian.
 */
import { Bytes } from "./bytes.ts";
import {
  DEFLATED_LITTLE,
  EXPLICIT_BIG,
  IMPLICIT_LITTLE,
  type Keyword,
  SEQUENCES,
  TAGS,
} from "./dicom-seg-dictionary.ts";
import { ImageFormatError } from "./errors.ts";

/** Sequences within sequences; honest files stay below 10. */
const DEPTH_LIMIT = 64;
const ELEMENT_LIMIT = 1_000_000;
/** Bytes of one text value; names, codes and numbers are far shorter. */
const TEXT_LIMIT = 65_536;

const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const UNDEFINED_LENGTH = 0xffffffff;
/** Float, double and integer pixels: nothing behind them is read. */
const PIXELS_FROM = 0x7fe00008;
const PIXELS_TO = 0x7fe00010;
/** Value representations with a length of four bytes. */
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);

interface Element {
  readonly at: number;
  /** In bytes; UNDEFINED_LENGTH where pixels are compressed */
  readonly length: number;
  readonly items: readonly DataSet[] | null;
}

/** Attributes by keyword. An absent one and one without a value are the same: null, or no items. */
export class DataSet {
  private readonly bytes: Bytes;
  private readonly elements: ReadonlyMap<number, Element>;

  constructor(bytes: Bytes, elements: ReadonlyMap<number, Element>) {
    this.bytes = bytes;
    this.elements = elements;
  }

  /** Bytes of the value, a view of the file. */
  raw(keyword: Keyword): Uint8Array | null {
    const element = this.elements.get(TAGS[keyword][0]);
    if (!element || element.items || element.length === 0) return null;
    if (element.length === UNDEFINED_LENGTH)
      throw this.refuse("unsupported", keyword, "has no length of its own: it is compressed");
    return this.bytes.slice(element.at, element.length);
  }

  /** Bytes of the value as the file claims them, and no more than there are. */
  lengthOf(keyword: Keyword): number {
    const element = this.elements.get(TAGS[keyword][0]);
    return element ? Math.min(element.length, this.bytes.length - element.at) : 0;
  }

  /** Bytes of a text in the file's character set; not more than a name, a code or a list of numbers takes. */
  characters(keyword: Keyword): Uint8Array | null {
    const raw = this.raw(keyword);
    if (raw && raw.length > TEXT_LIMIT) throw this.refuse("too-large", keyword, `is ${raw.length} bytes long`);
    return raw;
  }

  /** Text of one or more values without padding, a character a byte. */
  text(keyword: Keyword): string | null {
    const raw = this.characters(keyword);
    return raw && (withoutPadding(new TextDecoder("latin1").decode(raw)) || null);
  }

  /** Numbers written as text (DS, IS). */
  numbers(keyword: Keyword, count: number): number[] | null {
    const text = this.text(keyword);
    if (text === null) return null;
    const values = text.split("\\").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
    if (values.length !== count || !values.every(Number.isFinite))
      throw this.refuse(
        "bad-header",
        keyword,
        `is "${shown(text)}", which must be ${count} number${count > 1 ? "s" : ""}`,
      );
    return values;
  }

  /** A whole number written as text (IS). */
  integer(keyword: Keyword): number | null {
    const value = this.numbers(keyword, 1)?.[0] ?? null;
    if (value !== null && !Number.isSafeInteger(value))
      throw this.refuse("bad-header", keyword, `is ${value}, which must be a whole number`);
    return value;
  }

  /** Unsigned 16-bit numbers (US). */
  shorts(keyword: Keyword): number[] | null {
    const element = this.elements.get(TAGS[keyword][0]);
    if (!element || element.items || element.length === 0) return null;
    if (element.length % 2 !== 0 || element.length > TEXT_LIMIT)
      throw this.refuse("bad-header", keyword, `takes ${element.length} bytes, which must be 2 a number`);
    return Array.from({ length: element.length / 2 }, (_, i) => this.bytes.uint16(element.at + 2 * i));
  }

  items(keyword: Keyword): readonly DataSet[] {
    return this.elements.get(TAGS[keyword][0])?.items ?? [];
  }

  /** @param what  reads after the attribute's name: "is 7, which must be 1 or 8" */
  refuse(code: "bad-header" | "too-large" | "unsupported", keyword: Keyword, what: string): ImageFormatError {
    const at = this.elements.get(TAGS[keyword][0])?.at;
    const { source } = this.bytes;
    const message = `is a DICOM file whose ${keyword} ${what}. Export it again.`;
    return new ImageFormatError(code, at === undefined ? { source, message } : { source, message, offset: at });
  }
}

export function withoutPadding(text: string): string {
  return text.replace(/[\0 ]+$/, "").trimStart();
}

/** Printable and short enough for an error. */
function shown(text: string): string {
  const clean = text.replace(/[^ -~]/g, "?");
  return clean.length > 40 ? `${clean.slice(0, 40)}...` : clean;
}

export interface DicomFile {
  readonly transferSyntax: string;
  readonly data: DataSet;
}

/**
 * @param file    a whole file, with its preamble
 * @param source  its base name, for errors
 * @throws {ImageFormatError} when it is no DICOM file, or its elements are not what their lengths say
 */
export function readDicomFile(file: Uint8Array, source: string): DicomFile {
  const bytes = new Bytes(file, source, true);
  if (file.length === 0) throw bytes.refuse("empty", 0, "is empty: it holds no bytes. Copy or export it again.");
  if (bytes.text(128, 4) !== "DICM")
    throw bytes.refuse("unsupported", 128, 'is no DICOM file: it has no "DICM" at byte 128. Choose a DICOM file.');
  const meta = new Map<number, string>();
  const walk = new Walk(bytes, false);
  let at = 132;
  while (at + 8 <= file.length && bytes.uint16(at) === 2) {
    const element = walk.header(at);
    const end = element.at + element.length;
    if (element.tag === 0x00020010) meta.set(element.tag, bytes.text(element.at, Math.min(element.length, 64)).trim());
    bytes.slice(element.at, element.length);
    at = end;
  }
  const transferSyntax = meta.get(0x00020010);
  if (!transferSyntax)
    throw bytes.refuse("bad-header", 132, "is a DICOM file that does not say how it is encoded. Export it again.");
  if (transferSyntax === DEFLATED_LITTLE)
    throw bytes.refuse(
      "unsupported",
      132,
      "is a deflated DICOM file. Export it uncompressed (Explicit VR Little Endian).",
    );
  const isLittle = transferSyntax !== EXPLICIT_BIG;
  const body = new Walk(isLittle ? bytes : new Bytes(file, source, false), transferSyntax === IMPLICIT_LITTLE);
  return { transferSyntax, data: body.dataSet(at, file.length, 0, false)[0] };
}

class Walk {
  private readonly bytes: Bytes;
  private readonly isImplicit: boolean;
  private readonly budget: { left: number };

  constructor(bytes: Bytes, isImplicit: boolean, budget = { left: ELEMENT_LIMIT }) {
    this.bytes = bytes;
    this.isImplicit = isImplicit;
    this.budget = budget;
  }

  /**
   * @param isOpen  it ends with a mark, and `end` is as far as that may be
   * @returns       the elements from `at` on, and where they end
   */
  dataSet(at: number, end: number, depth: number, isOpen: boolean): [DataSet, number] {
    const elements = new Map<number, Element>();
    while (at < end) {
      const { tag, vr, at: value, length } = this.header(at);
      if (isOpen && tag === ITEM_END) return [new DataSet(this.bytes, elements), value];
      if (isMark(tag)) throw this.damaged(at, `${named(tag)} stands outside of a sequence`);
      if (elements.has(tag)) throw this.damaged(at, `it has ${named(tag)} twice`);
      const isPixels = tag >= PIXELS_FROM && tag <= PIXELS_TO;
      if (isPixels && depth === 0) {
        elements.set(tag, { at: value, length, items: null });
        return [new DataSet(this.bytes, elements), value];
      }
      if (isSequence(tag, vr, length)) {
        // Sequences of unknown representation are implicit inside, whatever the file is (PS3.5, 6.2.2).
        const inner =
          vr === "UN" ? new Walk(new Bytes(this.bytes.data, this.bytes.source, true), true, this.budget) : this;
        const [items, next] = inner.items(value, length, end, depth);
        elements.set(tag, { at: value, length, items });
        at = next;
      } else if (isPixels && length === UNDEFINED_LENGTH) {
        at = this.fragmentsEnd(value);
      } else {
        if (value + length > end) throw this.beyond(at, tag, end);
        elements.set(tag, { at: value, length, items: null });
        at = value + length;
      }
    }
    if (isOpen) throw this.damaged(at, "an item has no end");
    return [new DataSet(this.bytes, elements), at];
  }

  /** The tag, representation (empty where implicit) and length at `at`, and where the value begins. */
  header(at: number): { tag: number; vr: string; at: number; length: number } {
    if (--this.budget.left < 0)
      throw this.bytes.refuse(
        "too-large",
        at,
        `has more than ${ELEMENT_LIMIT.toLocaleString("en")} DICOM elements. Export it in parts.`,
      );
    const tag = this.bytes.uint16(at) * 0x10000 + this.bytes.uint16(at + 2);
    if (this.isImplicit || isMark(tag)) return { tag, vr: "", at: at + 8, length: this.bytes.uint32(at + 4) };
    const vr = String.fromCharCode(this.bytes.uint8(at + 4), this.bytes.uint8(at + 5));
    if (!/^[A-Z]{2}$/.test(vr))
      throw this.damaged(at + 4, `${named(tag)} has no value representation at byte ${at + 4}`);
    return LONG.has(vr)
      ? { tag, vr, at: at + 12, length: this.bytes.uint32(at + 8) }
      : { tag, vr, at: at + 8, length: this.bytes.uint16(at + 6) };
  }

  private items(at: number, length: number, within: number, depth: number): [DataSet[], number] {
    if (depth >= DEPTH_LIMIT) throw this.damaged(at, `more than ${DEPTH_LIMIT} sequences lie in each other`);
    const isOpen = length === UNDEFINED_LENGTH;
    const end = isOpen ? within : at + length;
    if (end > within) throw this.beyond(at, null, within);
    const items: DataSet[] = [];
    while (isOpen || at < end) {
      const item = this.header(at);
      if (isOpen && item.tag === SEQUENCE_END) return [items, item.at];
      if (item.tag !== ITEM) throw this.damaged(at, `a sequence has no item at byte ${at}`);
      const isOpenItem = item.length === UNDEFINED_LENGTH;
      const itemEnd = isOpenItem ? end : item.at + item.length;
      if (itemEnd > end) throw this.beyond(at, item.tag, end);
      const [data, next] = this.dataSet(item.at, itemEnd, depth + 1, isOpenItem);
      items.push(data);
      at = next;
    }
    return [items, end];
  }

  /** Where compressed pixels within an item (an icon's) end. */
  private fragmentsEnd(at: number): number {
    for (;;) {
      const { tag, at: value, length } = this.header(at);
      if (tag === SEQUENCE_END) return value;
      if (tag !== ITEM) throw this.damaged(at, `compressed pixels have no fragment at byte ${at}`);
      at = value + this.bytes.slice(value, length).length;
    }
  }

  private damaged(at: number, what: string): ImageFormatError {
    return this.bytes.refuse("damaged", at, `is a damaged DICOM file: ${what}. Copy or export it again.`);
  }

  private beyond(at: number, tag: number | null, end: number): ImageFormatError {
    const what = tag === null ? "a sequence" : named(tag);
    const isFile = end === this.bytes.length;
    return this.bytes.refuse(
      isFile ? "cut-short" : "damaged",
      at,
      `is a ${isFile ? "DICOM file that is cut short" : "damaged DICOM file"}: ${what} at byte ${at} goes on after byte ${end}. Copy or export it again.`,
    );
  }
}

function isMark(tag: number): boolean {
  return tag === ITEM || tag === ITEM_END || tag === SEQUENCE_END;
}

function isSequence(tag: number, vr: string, length: number): boolean {
  if (vr === "SQ") return true;
  return (vr === "" || vr === "UN") && (length === UNDEFINED_LENGTH || SEQUENCES.has(tag));
}

function named(tag: number): string {
  const hex = tag.toString(16).padStart(8, "0");
  return `element (${hex.slice(0, 4)},${hex.slice(4)})`;
}
