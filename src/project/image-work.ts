/** The work on one image: the image file, its journal, and the mask made from it, all side by side on disk. */
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Mask } from "../core/index.ts";
import { FileError, inside, onFile } from "../files/index.ts";
import {
  colorOf,
  decodeFiles,
  encodeMaskPng,
  encodeNiftiLabels,
  encodeSegNrrd,
  gridOf,
  type LabelMap,
  type Opened,
  planesOf,
  type Volume,
} from "../image/index.ts";
import { type Annotation, type ImportedMask, INSIDE } from "./annotation.ts";
import { JournalError } from "./errors.ts";
import { writeExported } from "./exported.ts";
import {
  besideImage,
  filesAt,
  folderOf,
  type ImageFiles,
  LABELS_FOLDER,
  readImageFiles,
  sha256,
  stemOfFiles,
} from "./image-files.ts";
import { type Imported, importMask } from "./import.ts";
import { Journal, type JournalHeader, readJournal, replay } from "./journal.ts";
import { ensureProjectFile, NEW_PROJECT, readProjectFile } from "./project-file.ts";
import { statisticsCsv, Tally } from "./tally.ts";

const LINE_FEED = 10;

export interface ExportedMask {
  /** From the image's folder, with forward slashes. */
  readonly path: string;
  /** Pixels or voxels with value 1. */
  readonly inside: number;
  /** A PNG of an image's mask, NIfTI of a volume's, or NRRD where the image is one. */
  readonly bytes: Uint8Array;
  /** Of a volume: area, volume and mean intensity, slice by slice, as CSV. */
  readonly statistics?: string;
}

export class ImageWork {
  readonly journal: Journal;
  private readonly files: ImageFiles;
  private readonly stem: string;

  private constructor(files: ImageFiles, stem: string, journal: Journal) {
    this.files = files;
    this.stem = stem;
    this.journal = journal;
  }

  /**
   * Reads the image and its journal; writes nothing.
   *
   * @param image  its path, or its files
   * @throws {ImageFormatError} when the files are no image
   * @throws {JournalError | ProjectFileError | FileError} when what lies beside it cannot be used
   */
  static async open(image: string | ImageFiles): Promise<ImageWork> {
    const files = typeof image === "string" ? filesAt(image) : image;
    const read = await readImageFiles(files);
    const grid = await gridOf(read, files.part);
    const folder = folderOf(files);
    await readProjectFile(folder);
    await requireOwnLabels(folder);
    const header: JournalHeader = {
      tendril: 1,
      image: read[0].name,
      ...grid,
      sha256: sha256(...read.map(({ bytes }) => bytes)),
    };
    const prepare = () => prepareFolder(folder);
    const stem = await stemOfFiles(files);
    return new ImageWork(files, stem, await Journal.open(besideImage(files, stem, ".journal"), header, { prepare }));
  }

  /** As `Journal.append`; the first one makes the folder and the project file. */
  append(after: number, values: readonly unknown[]): Promise<number> {
    return this.journal.append(after, values);
  }

  /** The image or volume, which is not kept. @throws {JournalError} other-image when its files are not those that were opened */
  async read(): Promise<Opened> {
    const { header } = this.journal;
    const files = await readImageFiles(this.files);
    if (sha256(...files.map(({ bytes }) => bytes)) === header.sha256) return decodeFiles(files, this.files.part);
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
    const name = `${LABELS_FOLDER}/${this.stem}`;
    const opened = this.journal.header.depth === undefined ? null : await this.read();
    if (opened?.kind === "volume") return volumeMask(name, mask, opened.volume, await this.labelName());
    const inside = mask.data.reduce((total, value) => total + value, 0);
    return { path: `${name}_seg.png`, inside, bytes: encodeMaskPng(mask) };
  }

  /**
   * Writes the mask as a whole, or leaves the old one; beside a volume's its statistics.
   *
   * @param isReplacing  whether what another program wrote in their place gives way
   * @throws {ExportError} when it does not
   */
  async export(isReplacing = false): Promise<ExportedMask> {
    const mask = await this.mask();
    await prepareFolder(folderOf(this.files));
    const files = [{ name: basename(mask.path), bytes: mask.bytes }];
    if (mask.statistics !== undefined)
      files.push({ name: `${this.stem}_stats.csv`, bytes: Buffer.from(mask.statistics) });
    await writeExported(besideImage(this.files, this.stem, ".exported"), files, isReplacing);
    return mask;
  }

  /** An annotation has one label so far: the project's first. */
  private async labelName(): Promise<string> {
    return ((await readProjectFile(folderOf(this.files))) ?? NEW_PROJECT).labels[0].name;
  }

  close(): Promise<void> {
    return this.journal.close();
  }
}

function volumeMask(name: string, mask: Mask, volume: Volume, label: string): ExportedMask {
  const tally = new Tally(volume);
  tally.count(mask.data);
  const made = { inside: tally.inside, statistics: statisticsCsv(tally, planesOf(volume).axial) };
  if (volume.origin.kind === "nrrd") {
    const labels = [{ value: 1, name: label, color: colorOf(1) }];
    const bytes = encodeSegNrrd({ size: volume.size, data: mask.data, labels }, volume.toWorld);
    return { ...made, path: `${name}.seg.nrrd`, bytes };
  }
  const { bytes, extension } = encodeNiftiLabels(mask.data, volume);
  return { ...made, path: `${name}_seg${extension}`, bytes };
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
export async function countActions(image: string | ImageFiles): Promise<number> {
  const files = typeof image === "string" ? filesAt(image) : image;
  const journal = besideImage(files, await stemOfFiles(files), ".journal");
  const bytes = await readFile(journal).catch(() => Buffer.alloc(0));
  let lines = 0;
  for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, at + 1)) lines++;
  return Math.max(0, lines - 1);
}
