/**
 * A DICOM data set to the bytes of a file: explicit value representations, little-endian, UTF-8, every length written out.
 *
 * dcmjs can write too. This is what it would be asked for, in fewer lines than its checks would take: it fills in what is missing, and
 * rounds decimals its own way, where a segmentation has to land on its image to the last digit.
 */
import { EXPLICIT_LITTLE, type Keyword, TAGS } from "./dicom-seg-dictionary.ts";

/** One value, several, bytes as they are, or the items of a sequence. Text values hold no backslash. */
export type Value = string | number | readonly string[] | readonly number[] | Uint8Array | readonly Attributes[];
export type Attributes = { readonly [K in Keyword]?: Value };

/** Root of this program's own UID, a UUID made for it: what wrote the file (PS3.7, D.3.3.2). */
const IMPLEMENTATION_UID = "2.25.270026917826879540844436589906170154336";
const IMPLEMENTATION_NAME = "TENDRIL";

/** Value representations with a length of four bytes. */
const LONG = new Set(["OB", "SQ", "UT"]);
/** Characters of a decimal string. */
const DECIMAL_LENGTH = 16;

/** The whole file: preamble, meta information, data set. */
export function encodeDicomFile(attributes: Attributes, sopClassUid: string, sopInstanceUid: string): Uint8Array {
  const meta = joined([
    element(0x00020001, "OB", Uint8Array.of(0, 1)),
    element(0x00020002, "UI", encoded("UI", sopClassUid)),
    element(0x00020003, "UI", encoded("UI", sopInstanceUid)),
    element(0x00020010, "UI", encoded("UI", EXPLICIT_LITTLE)),
    element(0x00020012, "UI", encoded("UI", IMPLEMENTATION_UID)),
    element(0x00020013, "SH", encoded("SH", IMPLEMENTATION_NAME)),
  ]);
  const preamble = new Uint8Array(132);
  preamble.set(new TextEncoder().encode("DICM"), 128);
  const length = element(0x00020000, "UL", numbers(4, [meta.length]));
  return joined([preamble, length, meta, ...elementsOf(attributes)]);
}

/** In the order of their tags, as the standard wants them. */
function elementsOf(attributes: Attributes): Uint8Array[] {
  const entries = Object.entries(attributes) as [Keyword, Value][];
  return entries
    .map(([keyword, value]) => ({ tag: TAGS[keyword][0], vr: TAGS[keyword][1], value }))
    .sort((a, b) => a.tag - b.tag)
    .map(({ tag, vr, value }) => element(tag, vr, encoded(vr, value)));
}

function element(tag: number, vr: string, value: Uint8Array): Uint8Array {
  const head = new Uint8Array(LONG.has(vr) ? 12 : 8);
  const view = new DataView(head.buffer);
  view.setUint16(0, tag >>> 16, true);
  view.setUint16(2, tag & 0xffff, true);
  head.set([vr.charCodeAt(0), vr.charCodeAt(1)], 4);
  if (LONG.has(vr)) view.setUint32(8, value.length, true);
  else view.setUint16(6, value.length, true);
  return joined([head, value]);
}

function encoded(vr: string, value: Value): Uint8Array {
  if (value instanceof Uint8Array) return padded(value, 0);
  const values = Array.isArray(value) ? value : [value];
  if (vr === "SQ") return joined((values as readonly Attributes[]).map(item));
  if (vr === "US") return numbers(2, values);
  if (vr === "UL") return numbers(4, values);
  // A tag is two 16-bit numbers, group and element.
  if (vr === "AT")
    return numbers(
      2,
      values.flatMap((tag: number) => [tag >>> 16, tag & 0xffff]),
    );
  const text = values.map((one) => (vr === "DS" ? decimal(one) : `${one}`)).join("\\");
  return padded(new TextEncoder().encode(text), vr === "UI" ? 0 : 0x20);
}

function item(attributes: Attributes): Uint8Array {
  const content = joined(elementsOf(attributes));
  return joined([numbers(2, [0xfffe, 0xe000]), numbers(4, [content.length]), content]);
}

/** The shortest text that reads as the same number, or as near to it as 16 characters can be. */
export function decimal(value: number): string {
  for (let digits = 17; digits > 0; digits--) {
    const text = `${digits === 17 ? value : Number(value.toPrecision(digits))}`;
    if (text.length <= DECIMAL_LENGTH) return text;
  }
  return "0";
}

function numbers(size: 2 | 4, values: readonly number[]): Uint8Array {
  const out = new Uint8Array(size * values.length);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    if (size === 2) view.setUint16(2 * i, value, true);
    else view.setUint32(4 * i, value, true);
  });
  return out;
}

function padded(value: Uint8Array, filler: number): Uint8Array {
  return value.length % 2 === 0 ? value : joined([value, Uint8Array.of(filler)]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
