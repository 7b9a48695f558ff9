/** The work on one image: the image file, its journal, and the mask made from it, all side by side on disk. */
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { FileError, inside, onFile } from "../files/index.ts";
import {
  decodeFiles,
  encodeLabels,
  encodeNiftiLabels,
  encodeSegNrrd,
  gridOf,
  type LabelMap,
  type Opened,
  planesOf,
  type Volume,
} from "../image/index.ts";
import { type Action, type Annotation, type Change, FIRST, type ImportedMask, labelOf } from "./annotation.ts";
import { JournalError } from "./errors.ts";
import { writeExported } from "./exported.ts";
import { annotationOf, type History, valuesOf } from "./history.ts";
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
import { Journal, readJournal, replay } from "./journal.ts";
import type { JournalHeader } from "./journal-text.ts";
import { imagesUsing } from "./label-use.ts";
import { type LabelChange, type ListedLabel, labelsOf, withLabel, withoutLabel, withUsed } from "./labels.ts";
import { ensureProjectFile, projectFolderOf, readLabels, writeLabels } from "./project-file.ts";
import { strayNotes } from "./stray-journals.ts";
import { statisticsCsv, talliesOf } from "./tally.ts";

const LINE_FEED = 10;

export interface ExportedMask {
  /** From the image's folder, with forward slashes. */
  readonly path: string;
  /** Pixels or voxels inside a label. */
  readonly inside: number;
  /** A PNG of an image's mask, NIfTI of a volume's, or NRRD where the image is one. */
  readonly bytes: Uint8Array;
  /** Of a volume: area, volume and mean intensity, slice by slice, as CSV. */
  readonly statistics?: string;
}

/** Labels, and for each of those that were worked on, by their values, what was drawn and taken, and the changes in effect that did it, oldest first. */
export interface Marked {
  readonly map: LabelMap;
  readonly annotations: ReadonlyMap<number, Annotation>;
  readonly changes: ReadonlyMap<number, readonly Change[]>;
}

export class ImageWork {
  readonly journal: Journal;
  /** What the annotator should know before beginning, a sentence each: work that lies beside the image under another name */
  readonly notes: readonly string[];
  private readonly files: ImageFiles;
  private readonly stem: string;

  private constructor(files: ImageFiles, stem: string, journal: Journal, notes: readonly string[]) {
    this.files = files;
    this.stem = stem;
    this.journal = journal;
    this.notes = notes;
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
    await requireOwnLabels(folder);
    const header: JournalHeader = {
      tendril: 1,
      image: read[0].name,
      ...grid,
      sha256: sha256(...read.map(({ bytes }) => bytes)),
    };
    const prepare = () => prepareFolders(files);
    const stem = await stemOfFiles(files);
    const journal = await Journal.open(besideImage(files, stem, ".journal"), header, { prepare });
    const notes = journal.actions.length === 0 ? await strayNotes(files, header, stem) : [];
    const work = new ImageWork(files, stem, journal, notes);
    await work.labels();
    return work;
  }

  /**
   * The labels of the project, and what else this image's journal has changes of.
   *
   * @throws {ProjectFileError | FileError} when the list cannot be used
   */
  async labels(): Promise<ListedLabel[]> {
    return withUsed(await readLabels(this.files), usedIn(this.journal.actions));
  }

  /**
   * Adds a label to the project, or changes one. Calls for one project must not overlap.
   *
   * @throws {LabelError} when it cannot be
   * @throws {ProjectFileError | FileError} as `labels`; the old list stays
   */
  async changeLabel(change: LabelChange): Promise<ListedLabel[]> {
    const labels = withLabel(await this.labels(), change);
    return (await writeLabels(await projectFolderOf(this.files), labels)).labels;
  }

  /**
   * Takes a label that no image of the project uses out of its list. Calls for one project must not overlap.
   *
   * @throws {LabelError} when one does, or it is the first
   * @throws {JournalError} when another image's journal cannot be read
   * @throws {ProjectFileError | FileError} as `labels`; the old list stays
   */
  async removeLabel(value: number): Promise<ListedLabel[]> {
    const folder = await projectFolderOf(this.files);
    const labels = withoutLabel(await this.labels(), value, await imagesUsing(folder, value));
    return (await writeLabels(folder, labels)).labels;
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
   * Makes a label of an existing mask the start of the work on one of the project's, or adds it to it; writes nothing when there is nothing to
   * add.
   *
   * @param map    on this image
   * @param label  what the change names
   * @throws {ActionError | JournalError | FileError} as `append`
   */
  async import(map: LabelMap, mask: ImportedMask, label = FIRST): Promise<Imported> {
    const imported = importMask(annotationOf(await this.history(), label), map, mask, label);
    if (imported.gained > 0) await this.append(this.journal.actions.length, [{ ...imported.change, at: Date.now() }]);
    return imported;
  }

  /** What is inside which label by the journal on disk. */
  async labelMap(): Promise<LabelMap> {
    return (await this.marked()).map;
  }

  /** The same, and the marks that it is made from. */
  async marked(): Promise<Marked> {
    const { width, height, depth = 1 } = this.journal.header;
    const labels = labelsOf(await this.labels());
    const history = await this.history();
    const data = valuesOf(history, labels[0].value);
    const named = (label: number) => (label === FIRST ? labels[0].value : label);
    const names = [...history.annotations.keys()];
    return {
      map: { size: [width, height / depth, depth], data, labels: labels.toSorted((a, b) => a.value - b.value) },
      annotations: new Map(names.map((label) => [named(label), history.annotations.get(label)!])),
      changes: new Map(
        names.map((label) => [named(label), history.done.filter((change) => labelOf(change) === label)]),
      ),
    };
  }

  private async history(): Promise<History> {
    const { path, header } = this.journal;
    return replay((await readJournal(path, header)).actions, header);
  }

  /** The same as a file, without writing it. */
  async mask(): Promise<ExportedMask> {
    const map = await this.labelMap();
    const name = `${LABELS_FOLDER}/${this.stem}`;
    const opened = this.journal.header.depth === undefined ? null : await this.read();
    if (opened?.kind === "volume") return volumeMask(name, map, opened.volume);
    let inside = 0;
    for (const value of map.data) if (value > 0) inside++;
    return { path: `${name}_seg.png`, inside, bytes: encodeLabels(map.data, this.journal.header) };
  }

  /**
   * Writes the mask as a whole, or leaves the old one; beside a volume's its statistics.
   *
   * @param isReplacing  whether what another program wrote in their place gives way
   * @throws {ExportError} when it does not
   */
  async export(isReplacing = false): Promise<ExportedMask> {
    const mask = await this.mask();
    await prepareFolders(this.files);
    const files = [{ name: basename(mask.path), bytes: mask.bytes }];
    if (mask.statistics !== undefined)
      files.push({ name: `${this.stem}_stats.csv`, bytes: Buffer.from(mask.statistics) });
    await writeExported(besideImage(this.files, this.stem, ".exported"), files, isReplacing);
    return mask;
  }

  close(): Promise<void> {
    return this.journal.close();
  }
}

function volumeMask(name: string, map: LabelMap, volume: Volume): ExportedMask {
  const tallies = talliesOf(map, volume);
  const inside = tallies.reduce((total, { tally }) => total + tally.inside, 0);
  const made = { inside, statistics: statisticsCsv(tallies, planesOf(volume).axial) };
  if (volume.origin.kind === "nrrd")
    return { ...made, path: `${name}.seg.nrrd`, bytes: encodeSegNrrd(map, volume.toWorld) };
  const { bytes, extension } = encodeNiftiLabels(map.data, volume);
  return { ...made, path: `${name}_seg${extension}`, bytes };
}

/** What the changes of a journal name, undone ones too. */
function usedIn(actions: readonly Action[]): Set<number> {
  return new Set(
    actions.flatMap((action) => (action.kind === "undo" || action.kind === "redo" ? [] : labelOf(action))),
  );
}

async function prepareFolders(files: ImageFiles): Promise<void> {
  const folder = folderOf(files);
  const labels = join(folder, LABELS_FOLDER);
  await onFile("write", labels, () => mkdir(labels, { recursive: true }));
  await requireOwnLabels(folder);
  await ensureProjectFile(await projectFolderOf(files));
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
