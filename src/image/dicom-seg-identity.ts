/**
 * Whose images they are: the only fields that a segmentation copies from its source, beside UIDs and geometry (`docs/exports-dicom-seg.md`).
 *
 * Each is a field that the Segmentation IOD demands (PS3.3, A.51: type 1 or 2), and by which an archive files the segmentation with its
 * images. Everything else stays behind, private fields too, because nothing is copied that is not named here.
 */
import type { Keyword } from "./dicom-seg-dictionary.ts";
import { type DataSet, withoutPadding } from "./dicom-seg-elements.ts";
import { DicomSegError } from "./dicom-seg-source.ts";
import type { Attributes } from "./dicom-seg-write.ts";

/** The fields, and what a value must look like; another value is left out, as an empty one is allowed everywhere here. */
const COPIED = {
  PatientName: /^[^\\\p{Cc}]{1,324}$/u,
  PatientID: /^[^\\\p{Cc}]{1,64}$/u,
  PatientBirthDate: /^\d{8}$/,
  PatientSex: /^[MFO]$/,
  StudyDate: /^\d{8}$/,
  StudyTime: /^\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?$/,
  StudyID: /^[^\\\p{Cc}]{1,16}$/u,
  AccessionNumber: /^[^\\\p{Cc}]{1,16}$/u,
} as const satisfies { readonly [K in Keyword]?: RegExp };

export type CopiedKeyword = keyof typeof COPIED;
export const COPIED_KEYWORDS = Object.keys(COPIED) as readonly CopiedKeyword[];

export interface Identity {
  /** In UTF-8; empty where the source has no such value, or it was removed */
  readonly attributes: Attributes;
  /** Fields that have a value in the source and are empty in the segmentation */
  readonly removed: readonly CopiedKeyword[];
}

/**
 * @param remove  leave every one of them empty
 * @throws {DicomSegError}  unknown-characters
 */
export function identityOf(head: DataSet, remove: boolean): Identity {
  const attributes: { [K in Keyword]?: string } = {};
  const removed: CopiedKeyword[] = [];
  for (const keyword of COPIED_KEYWORDS) {
    const value = remove ? null : copiedValue(head, keyword);
    attributes[keyword] = value ?? "";
    if (value === null && head.raw(keyword)) removed.push(keyword);
  }
  return { attributes, removed };
}

function copiedValue(head: DataSet, keyword: CopiedKeyword): string | null {
  const value = textOf(head, keyword, head);
  if (value === undefined)
    throw new DicomSegError(
      "unknown-characters",
      `The source's ${keyword} is in characters that cannot be converted to UTF-8. Export with identifiers removed.`,
    );
  return value !== null && COPIED[keyword].test(value) ? value : null;
}

/**
 * Text in whatever characters the file says.
 *
 * @param file  has the character sets: they are given once
 * @returns     null where there is none, undefined where it cannot be converted
 */
export function textOf(data: DataSet, keyword: Keyword, file: DataSet): string | null | undefined {
  const raw = data.characters(keyword);
  if (!raw) return null;
  const text = converted(raw, file.text("SpecificCharacterSet") ?? "");
  return text && withoutPadding(text);
}

/** Character sets (PS3.3, C.12.1.1.2) by their number in ISO_IR, as TextDecoder calls them. */
const ENCODINGS: Readonly<Record<string, string>> = {
  "6": "latin1",
  "13": "shift_jis",
  "100": "latin1",
  "101": "iso-8859-2",
  "109": "iso-8859-3",
  "110": "iso-8859-4",
  "126": "iso-8859-7",
  "127": "iso-8859-6",
  "138": "iso-8859-8",
  "144": "iso-8859-5",
  "148": "windows-1254",
  "166": "windows-874",
  "192": "utf-8",
  "203": "iso-8859-15",
  // With code extensions: what they switch to, from ASCII.
  "58": "gbk",
  "87": "iso-2022-jp",
  "149": "euc-kr",
};
const ESCAPE = "\x1b";

/** As UTF-8 can hold it; undefined where the set is unknown or the bytes are not of it. */
function converted(raw: Uint8Array, characterSets: string): string | undefined {
  const sets = characterSets.split("\\").map((set) => set.trim());
  // The first set is ASCII or empty where the second extends it.
  const set = sets.length === 2 && /^(|ISO 2022 IR 6)$/.test(sets[0]) ? sets[1] : sets.length === 1 ? sets[0] : null;
  // ASCII reads the same in every set, except for an escape that switches.
  if (raw.every((byte) => byte < 0x80 && byte !== 0x1b)) return new TextDecoder("latin1").decode(raw);
  if (set === null) return undefined;
  const number = /^(?:ISO_IR |ISO 2022 IR )(\d+)$/.exec(set)?.[1];
  const encoding = number ? ENCODINGS[number] : { GB18030: "gb18030", GBK: "gbk" }[set];
  if (!encoding) return undefined;
  // Korean and Chinese are designated once, and then told from ASCII by their high bit.
  const designation = encoding === "euc-kr" ? `${ESCAPE}$)C` : encoding === "gbk" ? `${ESCAPE}$)A` : null;
  const bytes = designation ? Uint8Array.from(withoutAll(raw, designation)) : raw;
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function withoutAll(raw: Uint8Array, designation: string): number[] {
  const text = Array.from(raw, (byte) => String.fromCharCode(byte)).join("");
  return Array.from(text.replaceAll(designation, ""), (character) => character.charCodeAt(0));
}
