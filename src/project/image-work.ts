/** The work on one image: the image file, its journal, and the mask made from it, all side by side on disk. */
import { createHash } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type { Mask } from "../core/index.ts";
import { atomicWrite, FileError, inside, onFile, readLimited } from "../files/index.ts";
import {
  decodeAny,
  encodeMaskPng,
  encodeNiftiLabels,
  gridOf,
  type LabelMap,
  type Opened,
  planesOf,
  type Volume,
} from "../image/index.ts";
import { type Annotation, type ImportedMask, INSIDE } from "./annotation.ts";
import { JournalError } from "./errors.ts";
import { type Imported, importMask } from "./import.ts";
import { Journal, type JournalHeader, readJournal, replay } from "./journal.ts";
import { ensureProjectFile, readProjectFile } from "./project-file.ts";
import { statisticsCsv, Tally } from "./tally.ts";

/** Bytes of an image file. */
export const IMAGE_FILE_LIMIT = 2 ** 30;
const LABELS_FOLDER = "labels";
const LINE_FEED = 10;

export interface ExportedMask {
  /** From the image's folder, with forward slashes. */
  readonly path: string;
  /** Pixels or voxels with value 1. */
  readonly inside: number;
  /** A PNG of an image's mask, NIfTI of a volume's. */
  readonly bytes: Uint8Array;
  /** Of a volume: area, volume and mean intensity, slice by slice, as CSV. */
  readonly statistics?: string;
}

export class ImageWork {
  readonly journal: Journal;
  private readonly imagePath: string;

  private constructor(imagePath: string, journal: Journal) {
    this.imagePath = imagePath;
    this.journal = journal;
  }

  /**
   * Reads the image and its journal; writes nothing.
   *
   * @throws {ImageFormatError} when the file is no image
   * @throws {JournalError | ProjectFileError | FileError} when what lies beside it cannot be used
   */
  static async open(imagePath: string): Promise<ImageWork> {
    const bytes = await readLimited(imagePath, IMAGE_FILE_LIMIT);
    const name = basename(imagePath);
    const grid = await gridOf(bytes, name);
    await readProjectFile(dirname(imagePath));
    await requireOwnLabels(dirname(imagePath));
    const header: JournalHeader = { tendril: 1, image: name, ...grid, sha256: sha256(bytes) };
    const prepare = () => prepareFolder(dirname(imagePath));
    return new ImageWork(imagePath, await Journal.open(besideImage(imagePath, ".journal"), header, { prepare }));
  }

  /** As `Journal.append`; the first one makes the folder and the project file. */
  append(after: number, values: readonly unknown[]): Promise<number> {
    return this.journal.append(after, values);
  }

  /** The image or volume, which is not kept. @throws {JournalError} other-image when its file is not the one that was opened */
  async read(): Promise<Opened> {
    const { header } = this.journal;
    const bytes = await readLimited(this.imagePath, IMAGE_FILE_LIMIT);
    if (sha256(bytes) === header.sha256) return decodeAny(bytes, header.image);
    throw new JournalError(
      "other-image",
      `${header.image} was changed by another program since it was opened. Put the old file back, and try again.`,
    );
  }

  /**
   * Makes a label of an existing mask the start of the work, or adds it to it; writes nothing when there is nothing to add.
   *
   * @param map  on this image
   * @throws {ActionError | JournalError | FileError} as `append`
   */
  async import(map: LabelMap, mask: ImportedMask): Promise<Imported> {
    const imported = importMask(await this.annotation(), map, mask);
    if (imported.gained > 0) await this.append(this.journal.actions.length, [{ ...imported.change, at: Date.now() }]);
    return imported;
  }

  /** What is inside by the journal on disk. */
  async inside(): Promise<Mask> {
    const annotation = await this.annotation();
    return { width: annotation.width, height: annotation.height, data: insideOf(annotation) };
  }

  private async annotation(): Promise<Annotation> {
    const { path, header } = this.journal;
    return replay((await readJournal(path, header)).actions, header).annotation;
  }

  /** The same as a file, without writing it. */
  async mask(): Promise<ExportedMask> {
    const mask = await this.inside();
    const name = `${LABELS_FOLDER}/${stem(this.imagePath)}_seg`;
    const opened = this.journal.header.depth === undefined ? null : await this.read();
    if (opened?.kind === "volume") return volumeMask(name, mask, opened.volume);
    const inside = mask.data.reduce((total, value) => total + value, 0);
    return { path: `${name}.png`, inside, bytes: encodeMaskPng(mask) };
  }

  /** Writes the mask as a whole, or leaves the old one; beside a volume's its statistics. */
  async export(): Promise<ExportedMask> {
    const mask = await this.mask();
    const folder = dirname(this.imagePath);
    await prepareFolder(folder);
    await atomicWrite(join(folder, mask.path), mask.bytes);
    if (mask.statistics !== undefined) await atomicWrite(besideImage(this.imagePath, "_stats.csv"), mask.statistics);
    return mask;
  }

  close(): Promise<void> {
    return this.journal.close();
  }
}

function volumeMask(name: string, mask: Mask, volume: Volume): ExportedMask {
  const tally = new Tally(volume);
  tally.count(mask.data);
  const { bytes, extension } = encodeNiftiLabels(mask.data, volume);
  const statistics = statisticsCsv(tally, planesOf(volume).axial);
  return { path: `${name}${extension}`, inside: tally.inside, bytes, statistics };
}

/** [H, W], 1 where inside: in place, since a volume's annotation is large and nobody else has it. */
function insideOf({ data }: Annotation): Uint8Array {
  for (let i = 0; i < data.length; i++) data[i] = data[i] & INSIDE ? 1 : 0;
  return data;
}

async function prepareFolder(folder: string): Promise<void> {
  const labels = join(folder, LABELS_FOLDER);
  await onFile("write", labels, () => mkdir(labels, { recursive: true }));
  await requireOwnLabels(folder);
  await ensureProjectFile(folder);
}

/** @throws {FileError} code "outside" when `labels` is a link to a place outside the image's folder */
async function requireOwnLabels(folder: string): Promise<void> {
  try {
    await inside(folder, LABELS_FOLDER);
  } catch (cause) {
    if (!(cause instanceof FileError && cause.code === "ENOENT")) throw cause;
  }
}

/** How many actions the image's journal holds, by its lines alone; 0 when there is none or it cannot be read. */
export async function countActions(imagePath: string): Promise<number> {
  const bytes = await readFile(besideImage(imagePath, ".journal")).catch(() => Buffer.alloc(0));
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return Math.max(0, lines - 1);
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function besideImage(imagePath: string, ending: string): string {
  return join(dirname(imagePath), LABELS_FOLDER, `${stem(imagePath)}${ending}`);
}

function stem(imagePath: string): string {
  return stemOf(basename(imagePath));
}

/** A file's name without its ending, of which a packed volume has two. */
export function stemOf(name: string): string {
  const unpacked = name.replace(/\.gz$/i, "");
  return basename(unpacked, extname(unpacked));
}
