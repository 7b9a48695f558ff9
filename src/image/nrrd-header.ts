/**
 * The header of an NRRD file (Teem's definition of the format, NRRD0001 to NRRD0005): lines up to an empty one, each a field "name: value", a pair
 * "key:=value" or a comment. Here also: what the fields say about type, sizes and place, each checked.
 */
import { AXIS_LIMIT, type Bytes, VOXEL_LIMIT } from "./bytes.ts";
import type { Affine } from "./volume.ts";

export interface NrrdHeader {
  readonly type: NrrdType;
  readonly size: readonly [number, number, number];
  readonly toWorld: Affine;
  readonly isLittle: boolean;
  readonly isGzip: boolean;
  /** Where the voxels begin, in bytes from the start of the file. */
  readonly dataStart: number;
  readonly notes: readonly string[];
  /** The pairs "key:=value", without their escapes. */
  readonly keys: ReadonlyMap<string, string>;
}

export type NrrdType =
  | "int8"
  | "uint8"
  | "int16"
  | "uint16"
  | "int32"
  | "uint32"
  | "int64"
  | "uint64"
  | "float"
  | "double";

/** By the words that C has for them, in any order of the words that NRRD allows. */
const TYPES: Readonly<Record<string, NrrdType>> = {
  ...named("int8", "signed char", "int8_t"),
  ...named("uint8", "uchar", "unsigned char", "uint8_t"),
  ...named("int16", "short", "short int", "signed short", "signed short int", "int16_t"),
  ...named("uint16", "ushort", "unsigned short", "unsigned short int", "uint16_t"),
  ...named("int32", "int", "signed int", "int32_t"),
  ...named("uint32", "uint", "unsigned int", "uint32_t"),
  ...named("int64", "longlong", "long long", "long long int", "signed long long", "signed long long int", "int64_t"),
  ...named("uint64", "ulonglong", "unsigned long long", "unsigned long long int", "uint64_t"),
  ...named("float"),
  ...named("double"),
};

/** Signs that turn a space's axes into right, front, head (RAS). */
const SPACES: Readonly<Record<string, readonly [number, number, number]>> = {
  "right-anterior-superior": [1, 1, 1],
  ras: [1, 1, 1],
  "left-anterior-superior": [-1, 1, 1],
  las: [-1, 1, 1],
  "left-posterior-superior": [-1, -1, 1],
  lps: [-1, -1, 1],
};

const HEADER_LIMIT = 2 ** 20;
const LINE_FEED = 10;
/** Axes that are places in space; others are colours, vectors, times. */
const PLACE_KINDS = ["domain", "space", "???", "none"];
/** What messages quote: numbers, and the words that the format's definition has for types, encodings, spaces, kinds and units. */
const NUMBER = /^(\d+(e\d+)?|e|nan|inf)$/;
const WORDS = new Set(
  `raw txt text ascii hex gz gzip bz2 bzip2 little big block signed unsigned char short int long longlong uchar ushort uint ulonglong float double
  right left anterior posterior superior inferior ras las lps rast last lpst scanner xyz 3d handed time domain space list point vector
  covariant normal stub scalar complex color rgb hsv rgba quaternion symmetric matrix masked none mm cm m um s ms microns`.split(
    /\s+/,
  ),
);
const QUOTED_LENGTH = 80;
const SAVE_AGAIN = 'Save it again as a plain volume, for instance with "Save As NRRD" in 3D Slicer.';

function named(type: NrrdType, ...others: readonly string[]): Record<string, NrrdType> {
  return Object.fromEntries([type, ...others].map((name) => [name, type]));
}

/** @throws {ImageFormatError} when it is no NRRD file or holds something else than one attached volume */
export function readNrrdHeader(bytes: Bytes): NrrdHeader {
  if (!/^NRRD000[1-5]\r?\n/.test(latin1(bytes.data.subarray(0, 10))))
    throw bytes.refuse("bad-header", 0, "does not begin as an NRRD file of version 1 to 5. Is it the right file?");
  const { fields, keys, end } = readLines(bytes);
  const value = (name: string) => fields.get(name)?.toLowerCase();
  const bad = (name: string, needed: string) =>
    bytes.refuse("bad-header", 0, `has ${name}: ${quoted(fields.get(name))}; ${needed}. Export the volume again.`);
  const unsupported = (what: string) =>
    bytes.refuse("unsupported", 0, `${what}, which this version does not read. ${SAVE_AGAIN}`);

  const type = TYPES[value("type")?.replace(/\s+/g, " ") ?? ""];
  if (!type)
    throw value("type") === "block" ? unsupported("has voxels of type block") : bad("type", "an NRRD type is needed");
  const encoding = value("encoding");
  const isGzip = encoding === "gzip" || encoding === "gz";
  if (!isGzip && encoding !== "raw") throw unsupported(`is encoded as ${quoted(fields.get("encoding"))}`);
  if (fields.has("data file")) throw unsupported("names another file for its voxels");
  if (Number(value("line skip") ?? 0) !== 0 || Number(value("byte skip") ?? 0) !== 0)
    throw unsupported("leaves out bytes before its voxels");
  const endian = value("endian");
  const isOneByte = type === "int8" || type === "uint8";
  if (!isOneByte && endian !== "little" && endian !== "big") throw bad("endian", "little or big is needed");

  const dimension = Number(value("dimension"));
  const sizes = numbers(value("sizes"));
  if (dimension !== sizes.length || !sizes.every((size) => Number.isInteger(size) && size > 0))
    throw bad("sizes", `${quoted(value("dimension"))} whole numbers from 1 are needed`);
  if (dimension !== 2 && dimension !== 3) throw unsupported(`has ${dimension} axes (${sizes.join(" x ")})`);
  const kinds = (value("kinds") ?? "").split(/\s+/).filter(Boolean);
  if (!kinds.every((kind) => PLACE_KINDS.includes(kind)))
    throw unsupported(`has axes of the kinds ${kinds.map(quoted).join(", ")}`);
  const size = [sizes[0], sizes[1], sizes[2] ?? 1] as const;
  if (Math.max(...size) > AXIS_LIMIT || size[0] * size[1] * size[2] > VOXEL_LIMIT)
    throw bytes.refuse(
      "too-large",
      0,
      `claims ${size.join(" x ")} voxels; up to ${AXIS_LIMIT} along an axis and ${VOXEL_LIMIT} in all are read. Crop it.`,
    );
  const units = value("space units");
  if (units !== undefined && !/^("mm"\s*|""\s*)*$/.test(units))
    throw unsupported(`has space units ${quoted(units)} instead of mm`);
  return {
    type,
    size,
    isLittle: isOneByte || endian === "little",
    isGzip,
    dataStart: end,
    keys,
    ...placeOf(fields, dimension, bytes),
  };
}

function readLines(bytes: Bytes) {
  const fields = new Map<string, string>();
  const keys = new Map<string, string>();
  const utf8 = new TextDecoder();
  for (let at = bytes.data.indexOf(LINE_FEED) + 1; ; ) {
    const lineEnd = bytes.data.indexOf(LINE_FEED, at);
    if (lineEnd < 0) throw bytes.refuse("cut-short", bytes.length, "ends within its header. Copy or export it again.");
    if (lineEnd > HEADER_LIMIT)
      throw bytes.refuse("too-large", at, `has a header of more than ${HEADER_LIMIT} bytes, which no volume needs.`);
    const line = utf8.decode(bytes.data.subarray(at, lineEnd)).replace(/\r$/, "");
    at = lineEnd + 1;
    if (line === "") return { fields, keys, end: at };
    if (line.startsWith("#")) continue;
    const pair = /^([^:]*):=(.*)$/s.exec(line);
    const field = /^([^:]*): *(.*)$/s.exec(line);
    if (pair)
      keys.set(
        pair[1],
        pair[2].replace(/\\([\\n])/g, (_, escaped) => (escaped === "n" ? "\n" : "\\")),
      );
    else if (field) fields.set(fieldName(field[1]), field[2].trim());
    else throw bytes.refuse("bad-header", at, "has a header line without a colon. Export the volume again.");
  }
}

/** Three names of fields are written in two ways. */
function fieldName(name: string): string {
  const lower = name.trim().toLowerCase();
  return { datafile: "data file", lineskip: "line skip", byteskip: "byte skip" }[lower] ?? lower;
}

/** By space and directions, else by spacings with the axes left, back, head, as ITK and Slicer take them. */
function placeOf(
  fields: ReadonlyMap<string, string>,
  dimension: number,
  bytes: Bytes,
): Pick<NrrdHeader, "toWorld" | "notes"> {
  const bad = (name: string, needed: string) =>
    bytes.refuse("bad-header", 0, `has ${name}: ${quoted(fields.get(name))}; ${needed}. Export the volume again.`);
  const directions = fields.get("space directions");
  const notes: string[] = [];
  const space = fields.get("space")?.toLowerCase();
  const signs = SPACES[space ?? ""] ?? SPACES.lps;
  if (space !== undefined && !(space in SPACES))
    notes.push(
      `The file's space is ${quoted(space)}, not one of the patient: left, back and head are taken for its axes.`,
    );
  if (directions === undefined) {
    const spacings = numbers(fields.get("spacings")?.toLowerCase());
    const step = (axis: number) => (spacings[axis] > 0 && Number.isFinite(spacings[axis]) ? spacings[axis] : 1);
    notes.push("The file does not say how it lies in the patient: left, back and head are taken for its axes.");
    if (!fields.has("spacings")) notes.push("The file does not say how large its voxels are: 1 mm is taken.");
    return { toWorld: [-step(0), 0, 0, 0, 0, -step(1), 0, 0, 0, 0, step(2), 0], notes };
  }
  if (dimension !== 3)
    throw bytes.refuse("unsupported", 0, `has ${dimension} axes in space; volumes of 3 are read. ${SAVE_AGAIN}`);
  const steps = vectors(directions);
  if (steps.length !== 3) throw bad("space directions", "three vectors of three numbers are needed");
  const origin = fields.has("space origin") ? vectors(fields.get("space origin")!) : [[0, 0, 0]];
  if (origin.length !== 1) throw bad("space origin", "one vector of three numbers is needed");
  const [i, j, k] = steps;
  const volume =
    i[0] * (j[1] * k[2] - j[2] * k[1]) - j[0] * (i[1] * k[2] - i[2] * k[1]) + k[0] * (i[1] * j[2] - i[2] * j[1]);
  if (!(Math.abs(volume) > 0 && Number.isFinite(volume)))
    throw bad("space directions", "three that span a space are needed");
  const row = (r: 0 | 1 | 2) =>
    [...steps, origin[0]].map((vector) => signs[r] * vector[r]) as [number, number, number, number];
  return { toWorld: [...row(0), ...row(1), ...row(2)], notes };
}

/** A field's value for a message: numbers and the format's own words as they stand. Any other text might hold a name. */
function quoted(value: string | undefined): string {
  if (value === undefined) return "(missing)";
  const words = value
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
  const isKnown = value.length <= QUOTED_LENGTH && words.every((word) => NUMBER.test(word) || WORDS.has(word));
  return isKnown ? value : `a text of ${value.length} characters`;
}

/** Vectors of three finite numbers, written (x,y,z); empty when any part is something else, also "none". */
function vectors(text: string): number[][] {
  const parts = text.match(/\([^()]*\)|[^\s()]+/g) ?? [];
  const parsed = parts.map((part) => (part.startsWith("(") ? part.slice(1, -1).split(",").map(toNumber) : []));
  return parsed.every((vector) => vector.length === 3 && vector.every(Number.isFinite)) ? parsed : [];
}

function numbers(text: string | undefined): number[] {
  return (text ?? "").split(/\s+/).filter(Boolean).map(toNumber);
}

function toNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
