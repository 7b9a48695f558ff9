/** A segment of a DICOM segmentation: what a label is called, what it is, and how it is shown. */
import { cielabOf } from "./dicom-seg-color.ts";
import { DicomSegError, isUid } from "./dicom-seg-source.ts";
import type { Attributes } from "./dicom-seg-write.ts";

/** A coded concept, as ("85756007", "SCT", "Tissue"). */
export interface DicomCode {
  readonly value: string;
  /** "SCT" for SNOMED CT */
  readonly scheme: string;
  readonly meaning: string;
}

export interface DicomSegment {
  /** In the label map, 1 to 65,535 */
  readonly value: number;
  readonly name: string;
  /** "#rrggbb" */
  readonly color: string;
  /** Kind of thing, as ("123037004", "SCT", "Anatomical Structure"); Tissue when absent */
  readonly category?: DicomCode;
  /** The thing itself, as ("78961009", "SCT", "Spleen"); Tissue when absent */
  readonly type?: DicomCode;
  /** To follow it over several studies; its name and a new UID when absent */
  readonly tracking?: { readonly id: string; readonly uid: string };
}

export const TISSUE: DicomCode = { value: "85756007", scheme: "SCT", meaning: "Tissue" };

/** Of an unsigned 16-bit number, and so of a segment's number too. */
export const VALUE_LIMIT = 65_535;
/** Characters of LO, of ST and of UT as written here. */
const LONG_STRING = 64;
const SHORT_TEXT = 1024;

/**
 * @param number     from 1, in the order of the segments
 * @param algorithm  what made it together with the annotator
 */
export function segmentAttributes(
  segment: DicomSegment,
  number: number,
  algorithm: string,
  trackingUid: string,
): Attributes {
  const { name, color, category = TISSUE, type = TISSUE, tracking = { id: name, uid: trackingUid } } = segment;
  const label = cleanText(name, LONG_STRING);
  return {
    // Allowed in an item (PS3.3, C.12.1.1.2), and needed: dcmjs, and so OHIF, does not pass the data set's own on to its items.
    ...(/[^ -~]/.test(name) && { SpecificCharacterSet: "ISO_IR 192" }),
    SegmentNumber: number,
    SegmentLabel: label,
    // The whole name where the label has no room for it.
    ...(label.length < cleanText(name, SHORT_TEXT).length && { SegmentDescription: cleanText(name, SHORT_TEXT) }),
    SegmentAlgorithmType: "SEMIAUTOMATIC",
    SegmentAlgorithmName: cleanText(algorithm, LONG_STRING),
    SegmentedPropertyCategoryCodeSequence: [codeAttributes(category)],
    SegmentedPropertyTypeCodeSequence: [codeAttributes(type)],
    RecommendedDisplayCIELabValue: cielabOf(color),
    TrackingID: cleanText(tracking.id, SHORT_TEXT),
    TrackingUID: tracking.uid,
  };
}

export function codeAttributes({ value, scheme, meaning }: DicomCode): Attributes {
  return {
    CodeValue: value,
    CodingSchemeDesignator: scheme,
    CodeMeaning: cleanText(meaning, LONG_STRING),
  };
}

/** @throws {DicomSegError} bad-segments */
export function requireSegments(segments: readonly DicomSegment[]): void {
  const refuse = (what: string) => new DicomSegError("bad-segments", what);
  if (segments.length === 0) throw refuse("There are no labels to write. Add a label and draw it first.");
  const seen = new Set<number>();
  for (const { value, name, color, category, type, tracking } of segments) {
    if (!Number.isInteger(value) || value < 1 || value > VALUE_LIMIT)
      throw refuse(
        `A segment has value ${value}; values are whole numbers from 1 to ${VALUE_LIMIT.toLocaleString("en")}.`,
      );
    if (seen.has(value)) throw refuse(`Two segments have value ${value}. Give each its own.`);
    if (cleanText(name, LONG_STRING) === "") throw refuse(`The segment of value ${value} has no name. Name it.`);
    if (!/^#[0-9a-f]{6}$/i.test(color))
      throw refuse(`The segment of value ${value} has color "${color}", not #rrggbb.`);
    for (const code of [category, type])
      if (code && !isCode(code))
        throw refuse(
          `The segment of value ${value} has a code whose value or scheme is empty or longer than 16 characters.`,
        );
    if (tracking && !isUid(tracking.uid))
      throw refuse(`The segment of value ${value} has a tracking UID that is no UID.`);
    seen.add(value);
  }
}

export function isCode({ value, scheme, meaning }: DicomCode): boolean {
  return [value, scheme].every((text) => /^[!-[\]-~]{1,16}$/.test(text)) && cleanText(meaning, LONG_STRING) !== "";
}

/** Without what DICOM keeps for itself: control characters, and the backslash that parts values. */
export function cleanText(text: string, length: number): string {
  const clean = text
    .replace(/\p{C}+/gu, " ")
    .replaceAll("\\", "/")
    .trim();
  // By characters, not by halves of them.
  return [...clean].slice(0, length).join("").trim();
}
