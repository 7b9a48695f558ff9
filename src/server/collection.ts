/** The images that are open: found on disk at the start, or dropped on the page later. */
import { createHash } from "node:crypto";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { TendrilError } from "../core/index.ts";
import { inside, onFile, readLimited } from "../files/index.ts";
import {
  checkAnyStart,
  decodeAny,
  type FileKind,
  isGzip,
  looksLikeDicom,
  PACKED_START_BYTES,
  START_BYTES,
} from "../image/index.ts";
import { filesAt, findSeries, IMAGE_FILE_LIMIT, type ImageFiles, LABELS_FOLDER } from "../project/index.ts";
import { messageFor, RequestError } from "./errors.ts";

export interface OpenImage {
  /** The same for the same files at every start; says nothing about their names. */
  readonly id: string;
  /** With real paths, links followed. */
  readonly files: ImageFiles;
  /** A path, or what is like one, whose last parts name it. */
  readonly label: string;
  /** What was noticed when the image was found, for the annotator. */
  readonly notes: readonly string[];
}

export interface RefusedFile {
  readonly name: string;
  readonly message: string;
}

/** A folder's files that a person would call images; those that are not read are refused by name, not passed over. Others are looked into for DICOM. */
const IMAGE_NAME =
  /\.(png|jpe?g|tiff?|bmp|gif|webp|dcm|dicom|nii|nii\.gz|nrrd|nhdr|hdr|mg[hz]|mnc|mha|mhd|jp2|heic|avif)$/i;
const ARCHIVE_NAME = /\.zip$/i;
/** The directory of a disc, which lists its files and is none of them. */
const DISC_DIRECTORY = /^dicomdir$/i;
/**
 * Files are decoded as a whole at the start until this many bytes have been read, and only begun after that, so that a folder
 * of 10,000 opens at once. The rest is found when an image is chosen.
 */
const WHOLE_CHECK_BYTES = 64 * 2 ** 20;
const byNumberAndName = new Intl.Collator("en", { numeric: true }).compare;

export class ImageCollection {
  private readonly images = new Map<string, OpenImage>();
  readonly refused: RefusedFile[] = [];
  private bytesChecked = 0;

  /**
   * Adds a file, or a folder's images, sorted by name with numbers in their order, then its DICOM series, and those of the folders in it (what else those
   * hold is not looked for). What is no image is added to `refused`.
   *
   * @throws {FileError} when the path does not exist or may not be read
   */
  async addPath(path: string): Promise<void> {
    const found = await onFile("read", path, () => stat(path));
    if (!found.isDirectory()) return this.attempt(basename(path), async () => void (await this.addFile(path)));
    const { names, folders } = await entriesOf(path);
    const before = this.images.size + this.refused.length;
    const dicom: string[] = [];
    for (const name of names)
      await this.attempt(name, async () => {
        const kind = await kindIn(path, name);
        if (kind === "dicom") dicom.push(name);
        else if (kind !== null) await this.addImage(join(path, name), kind);
      });
    await this.addSeries(path, dicom);
    for (const folder of folders) await this.attempt(folder, () => this.addFolderIn(path, folder));
    if (this.images.size + this.refused.length === before)
      this.refused.push({
        name: basename(path),
        message: `${basename(path)} holds no images. Name the folder that has the images directly in it; of folders inside a folder only DICOM series are opened.`,
      });
  }

  /** Adds a file that is named by hand or was dropped, and so is refused when it holds no image. @returns what it holds, the largest first */
  async addFile(path: string): Promise<OpenImage[]> {
    const kind = checkAnyStart(await readStart(path), basename(path));
    if (kind !== "dicom") return [await this.addImage(path, kind)];
    const { series, refused } = await findSeries(dirname(path), [basename(path)]);
    if (series.length === 0) await decodeAny(await readLimited(path, IMAGE_FILE_LIMIT), basename(path));
    for (const { source, message } of refused) this.refused.push({ name: source, message });
    return Promise.all(series.map(({ label, notes, ...files }) => this.add(files, label, notes)));
  }

  /** @throws {RequestError} when no image has this id */
  get(id: string): OpenImage {
    const image = this.images.get(id);
    if (!image) throw new RequestError(404, "no-image", "This image is not open here. Reload the page for the list.");
    return image;
  }

  /** How many images begin in the image's first file. */
  partsOf({ files }: OpenImage): number {
    return [...this.images.values()].filter((image) => image.files.paths[0] === files.paths[0]).length;
  }

  /** In the order in which they were added, each with the shortest name that no other one has. */
  list(): readonly (OpenImage & { readonly name: string })[] {
    const images = [...this.images.values()];
    const names = shortestNames(images.map(({ label }) => label));
    return images.map((image, i) => ({ ...image, name: names[i] }));
  }

  /** What is refused is told; a defect of ours is not hidden. */
  private async attempt(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      if (!(cause instanceof TendrilError)) throw cause;
      this.refused.push({ name, message: messageFor(cause) });
    }
  }

  private async addFolderIn(path: string, folder: string): Promise<void> {
    await inside(path, folder);
    const place = join(path, folder);
    const dicom: string[] = [];
    for (const name of (await entriesOf(place)).names)
      if ((await kindOrNull(() => kindIn(place, name))) === "dicom") dicom.push(name);
    await this.addSeries(place, dicom, path);
  }

  /** Adds the series that a folder's DICOM files make, and those in each of its archives. @param study  the folder that it is in, when that was opened */
  private async addSeries(folder: string, names: readonly string[], study?: string): Promise<void> {
    const archives = names.filter((name) => ARCHIVE_NAME.test(name));
    const loose = names.filter((name) => !ARCHIVE_NAME.test(name));
    for (const group of [loose, ...archives.map((name) => [name])]) {
      const isArchive = group !== loose;
      if (group.length === 0) continue;
      await this.attempt(group[0], async () => {
        const { series, refused } = await findSeries(folder, group);
        for (const { label, notes, ...files } of series) await this.add({ ...files, study }, label, notes);
        // An archive that is no study is somebody else's.
        if (isArchive && series.length === 0) return;
        for (const { source, message } of refused) this.refused.push({ name: source, message });
      });
    }
  }

  private async addImage(path: string, kind: FileKind): Promise<OpenImage> {
    const { size } = await onFile("read", path, () => stat(path));
    // Unpacking a volume takes seconds; what is wrong with it beyond its header is found when it is chosen.
    if (kind === "image") {
      this.bytesChecked += size;
      if (this.bytesChecked <= WHOLE_CHECK_BYTES)
        await decodeAny(await readLimited(path, IMAGE_FILE_LIMIT), basename(path));
    }
    return this.add(filesAt(path));
  }

  private async add(files: ImageFiles, label?: string, notes: readonly string[] = []): Promise<OpenImage> {
    const paths: string[] = [];
    for (const path of files.paths) paths.push(await onFile("read", path, () => realpath(path)));
    const { part, study } = files;
    const real: ImageFiles = {
      paths: paths as [string, ...string[]],
      part,
      study: study && (await onFile("read", study, () => realpath(study))),
    };
    const identity = [...paths, ...(files.part > 0 ? [`part ${files.part}`] : [])].join("\0");
    const id = createHash("sha256").update(identity).digest("hex").slice(0, 16);
    const image = this.images.get(id) ?? { id, files: real, label: label ?? paths[0], notes };
    this.images.set(id, image);
    return image;
  }
}

/** Names of a folder's files and folders that are not hidden, in their order. Ours is left out. */
async function entriesOf(path: string): Promise<{ names: string[]; folders: string[] }> {
  const entries = (await onFile("read", path, () => readdir(path, { withFileTypes: true }))).filter(
    ({ name }) => !name.startsWith("."),
  );
  const sorted = (isWanted: (entry: (typeof entries)[number]) => boolean) =>
    entries
      .filter(isWanted)
      .map(({ name }) => name)
      .sort(byNumberAndName);
  return {
    names: sorted((entry) => entry.isFile() || entry.isSymbolicLink()),
    folders: sorted((entry) => entry.isDirectory() && entry.name !== LABELS_FOLDER),
  };
}

/**
 * What a folder's file may be; null for what nobody would call an image. A link in a folder may lead anywhere; one named by hand is meant.
 *
 * @throws {TendrilError} when its name is an image's and it is none that is read
 */
async function kindIn(folder: string, name: string): Promise<FileKind | null> {
  const start = async () => {
    await inside(folder, name);
    return readStart(join(folder, name));
  };
  if (DISC_DIRECTORY.test(name)) return null;
  if (IMAGE_NAME.test(name)) return checkAnyStart(await start(), name);
  return kindOrNull(async () => (looksLikeDicom(await start()) || ARCHIVE_NAME.test(name) ? "dicom" : null));
}

/** Null for what is refused: in a folder's folders nothing but DICOM is looked for. */
async function kindOrNull(work: () => Promise<FileKind | null>): Promise<FileKind | null> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof TendrilError) return null;
    throw cause;
  }
}

async function readStart(path: string): Promise<Uint8Array> {
  return onFile("read", path, async () => {
    // Opening a named pipe would wait for its writer.
    if (!(await stat(path)).isFile()) return new Uint8Array(0);
    const file = await open(path, "r");
    try {
      const read = async (length: number) => {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
        return buffer.subarray(0, bytesRead);
      };
      const start = await read(START_BYTES);
      return isGzip(start) ? await read(PACKED_START_BYTES) : start;
    } finally {
      await file.close();
    }
  });
}

/** For each path its last parts, as many as it takes to tell it from the others: scan.png, or a/scan.png and b/scan.png. */
function shortestNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split(sep));
  const names = parts.map((own) => own.at(-1)!);
  for (let count = 2; ; count++) {
    const seen = new Map<string, number>();
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
    const isShared = names.map((name, i) => seen.get(name)! > 1 && parts[i].length >= count);
    if (!isShared.includes(true)) return names;
    isShared.forEach((shared, i) => {
      if (shared) names[i] = parts[i].slice(-count).join("/");
    });
  }
}
