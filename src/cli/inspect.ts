/** `tendril inspect FILE... [--json]` */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Command } from "commander";
import { type Image, TendrilError } from "../core/index.ts";
import {
  CT_WINDOWS,
  decodeAny,
  decodeFiles,
  ImageFormatError,
  nameFormat,
  niftiHeaderOf,
  orientationOf,
  spacingOf,
  type Volume,
  type VoxelData,
} from "../image/index.ts";
import { filesAt, type ImageFiles, readImageFiles } from "../project/index.ts";
import { ImageCollection } from "../server/index.ts";
import { aligned } from "./table.ts";

const HELP = `
Prints for each file its format, size in pixels or voxels, spacing in mm, orientation (the ends that the axes run towards: R or L, A or P,
S or I), the matrix from voxels to patient in mm (RAS), the type and range of what is stored, windows, what else was noticed, and every
field of a NIfTI header with its place in bytes. A refused file is printed with the reason and, where there is one, the place.
Of a folder the same is printed for each of its images and for each DICOM series in it, as the app would list them.

Texts of a header may hold names: how long they are is printed, and with --texts what they say. Exit code 1 when a file is refused.`;

/** Texts that say how a file is laid out, and nothing else. */
const LAYOUT_TEXTS = ["magic", "regular"];
/** Names of windows that are Tendril's own; a file's are texts of its header. */
const OWN_WINDOW = new RegExp(`^(${CT_WINDOWS.map(({ name }) => name).join("|")}|file|window( \\d+)?)$`);

export function inspectCommand(): Command {
  return new Command("inspect")
    .description("Say what a file says about itself, or why it cannot be opened.")
    .argument("<paths...>", "images and volumes, or folders of them and of DICOM series")
    .option("--texts", "print the texts of headers as well", false)
    .option("--json", 'print {"files": [...]} instead of text', false)
    .addHelpText("after", HELP)
    .action(async (paths: readonly string[], { json, texts }: { readonly json: boolean; readonly texts: boolean }) => {
      const reports = [];
      for (const path of paths) {
        for (const report of await reportsOf(path)) reports.push(texts ? report : withoutTexts(report));
      }
      if (json) console.log(JSON.stringify({ files: reports }));
      else console.log(reports.map(asText).join("\n\n"));
      if (reports.some(({ error }) => error)) process.exitCode = 1;
    });
}

interface Report {
  readonly file: string;
  readonly error?: { readonly code: string; readonly offset: number | null; readonly message: string };
  readonly found?: Found;
  /** Of a NIfTI file, also of one that is refused */
  readonly header?: readonly HeaderLine[];
}

interface HeaderLine {
  readonly name: string;
  readonly offset: number;
  /** Left out of a text that is not printed */
  readonly value?: string | readonly number[];
  /** Of that text */
  readonly characters?: number;
}

/** Smallest and largest */
type Range = readonly [number, number];

/** What the reader understood. */
interface Found {
  readonly format: string;
  /** Pixels or voxels */
  readonly size: readonly number[];
  readonly type: string;
  /** Smallest and largest stored value; null where none is finite */
  readonly stored: Range | null;
  /** Values that are not finite */
  readonly notFinite: number;
  readonly volume?: FoundVolume;
}

interface FoundVolume {
  /** mm */
  readonly spacing: readonly number[];
  readonly orientation: string;
  readonly isOblique: boolean;
  readonly tiltDegrees: number;
  /** 3 rows of 4: voxel to mm, RAS+ */
  readonly toWorld: readonly number[];
  /** intensity = slope * stored + intercept */
  readonly slope: number;
  readonly intercept: number;
  readonly intensities: Range | null;
  readonly modality: string | null;
  readonly windows: Volume["windows"];
  readonly notes: readonly string[];
}

/** Of a file, or of each image and DICOM series of a folder, as the app lists them, and of what it refuses there. */
async function reportsOf(path: string): Promise<Report[]> {
  if (!(await stat(path).catch(() => null))?.isDirectory()) return [await inspect(basename(path), filesAt(path))];
  const images = new ImageCollection();
  await images.addPath(path);
  const reports: Report[] = [];
  for (const { name, files, notes } of images.list()) reports.push(await inspect(name, files, notes));
  const refused = images.refused.map(({ name, message }) => ({
    file: name,
    error: { code: "refused", offset: null, message },
  }));
  return [...reports, ...refused];
}

/**
 * What cannot be read or opened is reported like the others.
 *
 * @param noticed  when the files were found
 */
async function inspect(file: string, files: ImageFiles, noticed: readonly string[] = []): Promise<Report> {
  let header = {};
  try {
    const read = await readImageFiles(files);
    const [{ name, bytes }] = read;
    const nifti = niftiHeaderOf(bytes, name);
    if (nifti) header = { header: nifti.list() };
    // Of a single file as much as can be read is told, where the app would refuse a series with a damaged slice.
    const isSingle = read.length === 1 && files.part === 0;
    const opened = await (isSingle ? decodeAny(bytes, name) : decodeFiles(read, files.part));
    if (opened.kind === "image") return { file, found: ofImage(opened.image, bytes) };
    const notes = [...new Set([...noticed, ...opened.volume.notes])];
    return { file, found: ofVolume({ ...opened.volume, notes }, name, bytes), ...header };
  } catch (error) {
    if (!(error instanceof TendrilError)) throw error;
    const offset = error instanceof ImageFormatError ? (error.offset ?? null) : null;
    return { file, error: { code: error.code, offset, message: error.message }, ...header };
  }
}

function withoutTexts({ found, header, ...report }: Report): Report {
  const volume = found?.volume;
  const windows = volume?.windows.map((one) => ({ ...one, name: OWN_WINDOW.test(one.name) ? one.name : "window" }));
  return {
    ...report,
    ...(found && { found: { ...found, ...(volume && windows && { volume: { ...volume, windows } }) } }),
    ...(header && { header: header.map(withoutText) }),
  };
}

function withoutText(line: HeaderLine): HeaderLine {
  const { name, offset, value } = line;
  if (typeof value !== "string" || value === "" || LAYOUT_TEXTS.includes(name)) return line;
  return { name, offset, characters: value.length };
}

function ofImage({ width, height, data }: Image, bytes: Uint8Array): Found {
  return { format: formatName(bytes), size: [width, height], ...ofStored(data) };
}

function ofVolume(volume: Volume, file: string, bytes: Uint8Array): Found {
  const { size, data, slope, intercept, toWorld, modality, windows, notes } = volume;
  const { letters, tiltDegrees, isOblique } = orientationOf(toWorld);
  const found = ofStored(data);
  const ends = (found.stored ?? []).map((value) => slope * value + intercept);
  const intensities: Range | null = found.stored && [Math.min(...ends), Math.max(...ends)];
  const placed = { spacing: spacingOf(volume), orientation: letters, isOblique, tiltDegrees, toWorld };
  return {
    format: formatOf(volume, file, bytes),
    size,
    ...found,
    volume: { ...placed, slope, intercept, intensities, modality, windows, notes },
  };
}

function formatOf({ origin }: Volume, file: string, bytes: Uint8Array): string {
  if (origin.kind !== "nifti") return origin.kind === "dicom" ? "DICOM" : formatName(bytes);
  const { layout, isLittle } = niftiHeaderOf(origin.header, file)!;
  return `NIfTI-${layout.version}, ${isLittle ? "little" : "big"}-endian${origin.isCompressed ? ", gzip" : ""}`;
}

/** "TIFF" of "a TIFF image". */
function formatName(bytes: Uint8Array): string {
  return nameFormat(bytes)?.name.split(" ")[1] ?? "PNG";
}

function ofStored(data: VoxelData): Pick<Found, "type" | "stored" | "notFinite"> {
  let [least, most, notFinite] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const value of data) {
    if (!Number.isFinite(value)) notFinite++;
    else if (value < least) least = value;
    // No "else": a single value is both.
    if (Number.isFinite(value) && value > most) most = value;
  }
  const type = data.constructor.name.replace("Array", "").toLowerCase();
  return { type, stored: least <= most ? [least, most] : null, notFinite };
}

function asText({ file, error, found, header = [] }: Report): string {
  const facts = [
    ...(error ? [["refused", error.message], ...(error.offset === null ? [] : [["at byte", `${error.offset}`]])] : []),
    ...(found ? factsOf(found) : []),
  ];
  const fields = header.map(({ name, offset, value, characters }) => [
    ...[`byte ${offset}`, name],
    value === undefined ? `(${characters} characters)` : shown(value),
  ]);
  return [
    file,
    indented(aligned(facts)),
    ...(fields.length > 0 ? ["  header", indented(indented(aligned(fields)))] : []),
  ].join("\n");
}

function factsOf({ format, size, type, stored, notFinite, volume }: Found): string[][] {
  const facts = [
    ["format", format],
    ["size", size.join(" x ")],
    ["stored", `${type}, ${between(stored)}${notFinite > 0 ? `, and ${notFinite} that are not finite` : ""}`],
  ];
  if (!volume) return facts;
  const { slope, intercept, toWorld, windows, notes, modality } = volume;
  const rows = [0, 4, 8].map((row) => toWorld.slice(row, row + 4).map(shown));
  return [
    ...facts,
    ["intensity", `${shown(slope)} * stored + ${shown(intercept)}: ${between(volume.intensities)}`],
    ["modality", modality ?? "not said"],
    ["spacing", `${volume.spacing.map(shown).join(" x ")} mm`],
    [
      "orientation",
      `${volume.orientation}${volume.isOblique ? `, oblique by ${volume.tiltDegrees.toFixed(1)} degrees` : ""}`,
    ],
    ...aligned(rows)
      .split("\n")
      .map((row, i) => [i === 0 ? "to mm" : "", row]),
    ...windows.map(({ name, center, width }) => ["window", `${name}: center ${shown(center)}, width ${shown(width)}`]),
    ...notes.map((note) => ["note", note]),
  ];
}

function between(range: Range | null): string {
  return range ? `${shown(range[0])} to ${shown(range[1])}` : "none";
}

/** Control characters of a header's text would act on the terminal. */
function shown(value: string | number | readonly number[]): string {
  if (typeof value === "string") return JSON.stringify(value).replace(/\p{Cc}/gu, "?");
  if (typeof value === "number") return `${Number(value.toPrecision(7))}`;
  return value.map(shown).join(" ");
}

function indented(text: string): string {
  return text.replace(/^/gm, "  ");
}
