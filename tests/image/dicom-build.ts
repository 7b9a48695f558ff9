/** DICOM files built from elements, true or not: explicit little endian, with a meta header. */
import { type Mutate, pick } from "../fuzzing.ts";

export const EXPLICIT = "1.2.840.10008.1.2.1";
const ITEM = 0xfffee000;
const OPEN = 0xffffffff;
const LONG = ["OB", "OW", "SQ", "UN", "UT", "OF", "OD"];

/** One element: tag, representation, and a length that may be another than the value's. */
export function element(tag: number, vr: string, value: Uint8Array | string, length?: number): Uint8Array {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value.length % 2 ? `${value} ` : value) : value;
  const isLong = LONG.includes(vr);
  const head = new DataView(new ArrayBuffer(isLong ? 12 : 8));
  head.setUint16(0, tag / 2 ** 16, true);
  head.setUint16(2, tag % 2 ** 16, true);
  head.setUint8(4, vr.charCodeAt(0));
  head.setUint8(5, vr.charCodeAt(1));
  if (isLong) head.setUint32(8, length ?? bytes.length, true);
  else head.setUint16(6, length ?? bytes.length, true);
  return Buffer.concat([new Uint8Array(head.buffer), bytes]);
}

/** An item, a fragment or a mark: tag and length alone. */
export function mark(tag: number, length = 0): Uint8Array {
  const head = new DataView(new ArrayBuffer(8));
  head.setUint16(0, tag / 2 ** 16, true);
  head.setUint16(2, tag % 2 ** 16, true);
  head.setUint32(4, length, true);
  return new Uint8Array(head.buffer);
}

export const openItem = () => mark(ITEM, OPEN);
export const itemEnd = () => mark(0xfffee00d);
export const sequenceEnd = () => mark(0xfffee0dd);
export const openSequence = (tag: number, vr = "SQ") => element(tag, vr, new Uint8Array(0), OPEN);
export const fragment = (bytes: Uint8Array) => Buffer.concat([mark(ITEM, bytes.length), bytes]);

export function short(tag: number, value: number): Uint8Array {
  return element(tag, "US", Uint8Array.of(value & 255, value >> 8));
}

export function file(parts: readonly Uint8Array[], syntax = EXPLICIT): Uint8Array {
  const preamble = new Uint8Array(132);
  preamble.set([0x44, 0x49, 0x43, 0x4d], 128);
  return new Uint8Array(
    Buffer.concat([
      preamble,
      element(0x00020010, "UI", `${syntax}\0`.slice(0, syntax.length + (syntax.length % 2))),
      ...parts,
    ]),
  );
}

interface Claims {
  readonly rows?: number;
  readonly columns?: number;
  readonly bits?: number;
  readonly frames?: string;
}

/** What an image has before its pixels. */
export function imageHead({ rows = 4, columns = 4, bits = 16, frames }: Claims = {}): Uint8Array[] {
  return [
    element(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
    element(0x00080018, "UI", "1.2.3"),
    element(0x00100010, "PN", "CANARY^NAME"),
    element(0x0020000e, "UI", "1.2.4"),
    short(0x00280002, 1),
    element(0x00280004, "CS", "MONOCHROME2"),
    ...(frames === undefined ? [] : [element(0x00280008, "IS", frames)]),
    short(0x00280010, rows),
    short(0x00280011, columns),
    short(0x00280100, bits),
    short(0x00280101, bits),
    short(0x00280102, bits - 1),
    short(0x00280103, 0),
  ];
}

export function compressed(fragments: readonly Uint8Array[]): Uint8Array[] {
  return [openSequence(0x7fe00010, "OB"), fragment(new Uint8Array(0)), ...fragments.map(fragment), sequenceEnd()];
}

/** Elements of the top level of an explicit little-endian file, each with its bytes; compressed pixels, and all behind them, are one. */
function topLevel(bytes: Uint8Array): { at: number; valueAt: number; end: number; vr: string }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = [];
  for (let at = 132; at + 12 <= bytes.length; ) {
    const vr = String.fromCharCode(bytes[at + 4], bytes[at + 5]);
    const isLong = LONG.includes(vr);
    const length = isLong ? view.getUint32(at + 8, true) : view.getUint16(at + 6, true);
    const valueAt = at + (isLong ? 12 : 8);
    const end = length === OPEN ? bytes.length : Math.min(bytes.length, valueAt + length);
    found.push({ at, valueAt, end, vr });
    at = end;
  }
  return found;
}

const HOSTILE = [0, 1, 2, 7, 8, 9, 12, 16, 17, 32, 255, 32_767, 32_768, 65_534, 65_535];
const LENGTHS = [0, 1, 2, 3, 7, 8, 255, 65_535, 2 ** 20, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, OPEN];
const TEXTS = [
  "",
  "0",
  "-1",
  "1e308",
  "-1e-308",
  "NaN",
  "1\\2",
  "1\\0\\0\\0\\1\\0",
  "0\\0\\0\\0\\0\\0",
  "\\\\\\\\",
  "99999999999",
  "0.1\\0.1",
  "MONOCHROME1",
  "RGB",
  "YBR_FULL_422",
  "PALETTE COLOR",
];

/** Changes that keep the structure of a file, mostly, so that they get further in than flipped bytes do. */
export const MUTATIONS: readonly Mutate[] = [
  // A number or a text of an element.
  (rng, bytes) => {
    const copy = bytes.slice();
    const { valueAt, end, vr } = pick(rng, topLevel(copy));
    if (vr === "US" && end - valueAt >= 2) new DataView(copy.buffer).setUint16(valueAt, pick(rng, HOSTILE), true);
    else copy.set(new TextEncoder().encode(pick(rng, TEXTS)).subarray(0, Math.max(0, end - valueAt)), valueAt);
    return copy;
  },
  // Its text, with the length that it needs.
  (rng, bytes) => {
    const { at, end } = pick(
      rng,
      topLevel(bytes).filter(({ vr }) => ["DS", "IS", "CS", "UI"].includes(vr)),
    );
    const tag =
      new DataView(bytes.buffer, bytes.byteOffset).getUint16(at, true) * 2 ** 16 + bytes[at + 2] + 256 * bytes[at + 3];
    const vr = String.fromCharCode(bytes[at + 4], bytes[at + 5]);
    return joined(bytes.subarray(0, at), element(tag, vr, pick(rng, TEXTS)), bytes.subarray(end));
  },
  // Its length, its representation, its tag.
  (rng, bytes) => {
    const copy = bytes.slice();
    const { at, vr } = pick(rng, topLevel(copy));
    const view = new DataView(copy.buffer);
    if (LONG.includes(vr)) view.setUint32(at + 8, pick(rng, LENGTHS), true);
    else view.setUint16(at + 6, pick(rng, LENGTHS) & 0xffff, true);
    return copy;
  },
  (rng, bytes) => {
    const copy = bytes.slice();
    const { at } = pick(rng, topLevel(copy));
    copy.set(
      new TextEncoder().encode(pick(rng, ["SQ", "UN", "OB", "OW", "US", "UI", "DS", "FD", "ZZ", "\0\0"])),
      at + 4,
    );
    return copy;
  },
  (rng, bytes) => {
    const copy = bytes.slice();
    const [one, other] = [pick(rng, topLevel(copy)), pick(rng, topLevel(copy))];
    copy.copyWithin(one.at, other.at, other.at + 4);
    return copy;
  },
  // Left out, twice, elsewhere.
  (rng, bytes) => {
    const { at, end } = pick(rng, topLevel(bytes));
    return joined(bytes.subarray(0, at), bytes.subarray(end));
  },
  (rng, bytes) => {
    const { at, end } = pick(rng, topLevel(bytes));
    const place = pick(rng, topLevel(bytes)).at;
    return joined(bytes.subarray(0, place), bytes.subarray(at, end), bytes.subarray(place));
  },
  // In a sequence of its own.
  (rng, bytes) => {
    const { at, end } = pick(rng, topLevel(bytes));
    const tag = pick(rng, [0x52009229, 0x52009230, 0x00189999, 0x00283000]);
    const inside = [openSequence(tag), openItem(), bytes.subarray(at, end), itemEnd(), sequenceEnd()];
    return joined(bytes.subarray(0, at), ...inside, bytes.subarray(at));
  },
  // Anywhere.
  (rng, bytes) => {
    const copy = bytes.slice();
    copy[132 + rng.below(copy.length - 132)] ^= 1 << rng.below(8);
    return copy;
  },
  // In the pixels, where compressed ones have headers of their own.
  (rng, bytes) => {
    const copy = bytes.slice();
    const { valueAt, end } = topLevel(copy).at(-1)!;
    for (let i = 0; i < 3; i++) copy[valueAt + rng.below(end - valueAt)] = rng.below(256);
    return copy;
  },
  (rng, bytes) => bytes.slice(0, 132 + rng.below(bytes.length - 132)),
];

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
