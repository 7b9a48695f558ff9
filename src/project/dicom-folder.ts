/** The DICOM series in a folder: which of its files belong together, by their headers alone. */
import { open, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { FileError, onFile, readLimited } from "../files/index.ts";
import { type ImageFormatError, type ListedSeries, listDicom, type NamedFile } from "../image/index.ts";
import { IMAGE_FILE_LIMIT, type ImageFiles } from "./image-files.ts";

export interface FoundSeries extends ImageFiles {
  /** To name it by: its file's path, or the folder's where it has several files; with a number where several would have the same */
  readonly label: string;
  /** What the annotator should know and its own files do not tell, a sentence each */
  readonly notes: readonly string[];
}

/** Bytes of a file's beginning that most headers fit in. */
const HEAD = 32 * 2 ** 10;
/** Bytes of one folder's files that had to be read as a whole: compressed ones, or with longer headers. */
const WHOLE_LIMIT = 2 ** 31;
/** Series whose sizes are told. */
const TOLD = 4;

/**
 * @param names  of files in the folder that look like DICOM, in their order; or one archive of such files
 * @returns      the series, most voxels first, and why files belong to none
 * @throws {FileError} when a file cannot be read
 */
export async function findSeries(
  folder: string,
  names: readonly string[],
): Promise<{ series: FoundSeries[]; refused: readonly ImageFormatError[] }> {
  const files: NamedFile[] = [];
  let whole = 0;
  for (const name of names) {
    const path = join(folder, name);
    const head = { name, bytes: await readHead(path) };
    if (listDicom([head]).refused.length === 0 && head.bytes.length > HEAD) files.push(head);
    else {
      const bytes = await readLimited(path, IMAGE_FILE_LIMIT);
      whole += bytes.length;
      if (whole > WHOLE_LIMIT) throw tooMuch(folder);
      files.push({ name, bytes });
    }
  }
  const { series, refused } = listDicom(files);
  return { series: named(folder, series, files.length), refused };
}

/**
 * The file's first bytes, and zeros for the rest, which take no memory: of pixels that are not compressed, it is enough that they are there. Whatever else
 * comes later is refused by the reader, and then the file is read as a whole.
 */
async function readHead(path: string): Promise<Uint8Array> {
  return onFile("read", path, async () => {
    const { size } = await stat(path);
    if (size > IMAGE_FILE_LIMIT) return readLimited(path, IMAGE_FILE_LIMIT);
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(size);
      await file.read(bytes, 0, Math.min(HEAD, size), 0);
      return bytes;
    } finally {
      await file.close();
    }
  });
}

function named(folder: string, series: readonly ListedSeries[], fileCount: number): FoundSeries[] {
  const labels = series.map(({ files }) => (files.length === 1 ? join(folder, files[0]) : folder));
  const isSplit = series.length > 1 && series.some(({ files }) => files.length > 1);
  const own = isSplit ? [splitNote(series, fileCount)] : [];
  return series.map(({ files, notes }, i) => {
    const before = (all: readonly string[], value: string) => all.slice(0, i).filter((other) => other === value).length;
    const isAlone = labels.filter((label) => label === labels[i]).length === 1;
    const firsts = series.map(({ files: [first] }) => first);
    return {
      label: isAlone ? labels[i] : `${labels[i]} (${before(labels, labels[i]) + 1})`,
      paths: files.map((name) => join(folder, name)) as [string, ...string[]],
      part: before(firsts, files[0]),
      notes: [...own, ...notes],
    };
  });
}

function splitNote(series: readonly ListedSeries[], fileCount: number): string {
  const counts = series.slice(0, TOLD).map(({ sliceCount }) => sliceCount);
  const last = series.length > TOLD ? `${series.length - TOLD} more` : counts.pop();
  return `These ${fileCount} files are ${series.length} series, of ${counts.join(", ")} and ${last} images. The largest comes first; the list of images has all.`;
}

function tooMuch(folder: string): FileError {
  return new FileError(
    "too-large",
    folder,
    `${basename(folder)} holds more than ${WHOLE_LIMIT} bytes of compressed DICOM files. Put each series in a folder of its own, and open that.`,
  );
}
