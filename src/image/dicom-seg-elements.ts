/**
 * The attributes of a segmentation, and of the images it lies on, by keyword. Files are walked by `dicom-scan.ts`; values stay in the file until they are
 * asked for. No error quotes a text of the file.
 */
import { scanDicom } from "./dicom-scan.ts";
import { type Keyword, SEG_ATTRIBUTES, TAGS } from "./dicom-seg-dictionary.ts";
import type { TransferSyntax } from "./dicom-syntax.ts";
import type { Element, DataSet as Values } from "./dicom-values.ts";
import { ImageFormatError } from "./errors.ts";

/** Bytes of one text value; names, codes and numbers are far shorter. */
const TEXT_LIMIT = 65_536;

/** Attributes by keyword. An absent one and one without a value are the same: null, or no items. */
export class DataSet {
  private readonly values: Values;

  constructor(values: Values) {
    this.values = values;
  }

  /** Bytes of the value, a view of the file; null of compressed pixels, which have no length of their own. */
  raw(keyword: Keyword): Uint8Array | null {
    const element = this.filled(keyword);
    return element && this.values.bytes.slice(element.at, element.length);
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
    return this.values.decimals(TAGS[keyword][0], count);
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
    const element = this.filled(keyword);
    if (!element) return null;
    if (element.length % 2 !== 0 || element.length > TEXT_LIMIT)
      throw this.refuse("bad-header", keyword, `takes ${element.length} bytes, which must be 2 a number`);
    return Array.from({ length: element.length / 2 }, (_, i) => this.values.bytes.uint16(element.at + 2 * i));
  }

  items(keyword: Keyword): readonly DataSet[] {
    return this.values.items(TAGS[keyword][0]).map((item) => new DataSet(item));
  }

  /** @param what  reads after the attribute's name: "is 7, which must be 1 or 8" */
  refuse(code: "bad-header" | "too-large" | "unsupported", keyword: Keyword, what: string): ImageFormatError {
    const at = this.values.element(TAGS[keyword][0])?.at;
    const { source } = this.values.bytes;
    const message = `is a DICOM file whose ${keyword} ${what}. Export it again.`;
    return new ImageFormatError(code, at === undefined ? { source, message } : { source, message, offset: at });
  }

  private filled(keyword: Keyword): Element | null {
    const element = this.values.element(TAGS[keyword][0]);
    return element && !element.items && !element.fragments && element.length > 0 ? element : null;
  }
}

export function withoutPadding(text: string): string {
  return text.replace(/[\0 ]+$/, "").trimStart();
}

/**
 * @param file    a whole file
 * @param source  its base name, for errors
 * @throws {ImageFormatError} as `scanDicom`
 */
export function readDicomFile(file: Uint8Array, source: string): { syntax: TransferSyntax; data: DataSet } {
  const { syntax, data } = scanDicom(file, source, SEG_ATTRIBUTES);
  return { syntax, data: new DataSet(data) };
}
