/**
 * A DICOM data set: the attributes that were kept, and their values, read when they are asked for (PS3.5, section 6.2). An attribute that is
 * absent and one that is empty are the same. No error quotes a text of the file: it could be about the patient.
 */
import type { Bytes } from "./bytes.ts";
import type { Tag } from "./dicom-tags.ts";

/** Longer values of text or numbers are refused. */
const VALUE_LIMIT = 2 ** 20;
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

export interface Element {
  /** Where the value begins, and its bytes; those of a sequence or of compressed pixels are in `items` and `fragments` */
  readonly at: number;
  readonly length: number;
  /** Whether the file says that these are words (OW): in a big-endian one, bytes are swapped in pairs */
  readonly isWords?: boolean;
  readonly items?: readonly DataSet[];
  readonly fragments?: readonly Uint8Array[];
}

/** What Specific Character Set (PS3.3, section C.12.1.1.2) is called by TextDecoder. The first of several is taken. */
const CHARACTER_SETS: Readonly<Record<string, string>> = {
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "iso-8859-9",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 166": "windows-874",
  "ISO_IR 192": "utf-8",
  "ISO 2022 IR 87": "iso-2022-jp",
  "ISO 2022 IR 149": "euc-kr",
  GB18030: "gb18030",
  GBK: "gbk",
};

export class DataSet {
  readonly bytes: Bytes;
  private readonly elements: ReadonlyMap<number, Element>;

  constructor(bytes: Bytes, elements: ReadonlyMap<number, Element>) {
    this.bytes = bytes;
    this.elements = elements;
  }

  element(tag: number): Element | null {
    return this.elements.get(tag) ?? null;
  }

  items(tag: number): readonly DataSet[] {
    return this.elements.get(tag)?.items ?? [];
  }

  /** Codes and UIDs: characters of the default set, without padding. */
  text(tag: number): string | null {
    const raw = this.raw(tag);
    return raw === null ? null : new TextDecoder("latin1").decode(raw).replace(/\0/g, " ").trim() || null;
  }

  /** Text for people, in the file's character set, without control characters. */
  prose(tag: Tag, characterSet: string | null): string | null {
    const raw = this.raw(tag);
    if (raw === null) return null;
    const text = new TextDecoder(CHARACTER_SETS[characterSet ?? ""] ?? "latin1").decode(raw);
    return text.replace(/\p{C}+/gu, " ").trim() || null;
  }

  /**
   * Numbers written as text (DS, IS).
   *
   * @throws {ImageFormatError} bad-header, when there is a value that is not `count` finite numbers
   */
  decimals(tag: number, count: number): number[] | null {
    const values = this.anyDecimals(tag);
    if (values && (values.length !== count || values.some(Number.isNaN)))
      throw this.refuse(tag, `holds no ${count === 1 ? "number" : `${count} numbers`}`);
    return values;
  }

  /** As many as there are; NaN for each that is no number. */
  anyDecimals(tag: number): number[] | null {
    const parts = this.text(tag)?.split("\\");
    return parts?.map((part) => toNumber(part.trim())) ?? null;
  }

  decimal(tag: Tag): number | null {
    return this.decimals(tag, 1)?.[0] ?? null;
  }

  /** For an order or a label, where nothing depends on it being right. */
  looseNumber(tag: Tag): number | null {
    const value = this.anyDecimals(tag)?.[0] ?? Number.NaN;
    return Number.isNaN(value) ? null : value;
  }

  /** One unsigned 16-bit number (US). */
  short(tag: Tag): number | null {
    return this.shorts(tag, 1)?.[0] ?? null;
  }

  shorts(tag: Tag, count: number): number[] | null {
    const element = this.filled(tag);
    if (!element) return null;
    if (element.length < 2 * count) throw this.refuse(tag, `takes ${element.length} bytes, which must be ${2 * count}`);
    return Array.from({ length: count }, (_, i) => this.bytes.uint16(element.at + 2 * i));
  }

  /** One 32-bit number (UL). */
  long(tag: Tag): number | null {
    const element = this.filled(tag);
    return element && element.length >= 4 ? this.bytes.uint32(element.at) : null;
  }

  /** One number of double precision (FD). */
  double(tag: Tag): number | null {
    const element = this.filled(tag);
    return element && element.length >= 8 ? this.bytes.float64(element.at) : null;
  }

  /** The value as it is, a view of the file. */
  raw(tag: number): Uint8Array | null {
    const element = this.filled(tag);
    if (!element) return null;
    if (element.length > VALUE_LIMIT) throw this.refuse(tag, `takes ${element.length} bytes, more than ${VALUE_LIMIT}`);
    return this.bytes.slice(element.at, element.length);
  }

  /** @param what  reads after the attribute's name, and quotes no text of the file */
  refuse(tag: number, what: string) {
    const at = this.elements.get(tag)?.at ?? 0;
    return this.bytes.refuse("bad-header", at, `is a DICOM file whose ${tagName(tag)} ${what}. Export it again.`);
  }

  private filled(tag: number): Element | null {
    const element = this.elements.get(tag);
    return element && !element.items && !element.fragments && element.length > 0 ? element : null;
  }
}

/** "(0028,0010)", as the standard writes it. */
export function tagName(tag: number): string {
  const digits = tag.toString(16).padStart(8, "0");
  return `(${digits.slice(0, 4)},${digits.slice(4)})`;
}

function toNumber(text: string): number {
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  return Number.isFinite(value) ? value : Number.NaN;
}
