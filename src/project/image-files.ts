/** Which files are one image, and where its journal and mask lie: beside the first of them, under its name. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { FileError, readLimited } from "../files/index.ts";
import type { NamedFile } from "../image/index.ts";
import { journalHeader } from "./journal.ts";

/** Bytes of an image's files together. */
export const IMAGE_FILE_LIMIT = 2 ** 30;
export const LABELS_FOLDER = "labels";

export interface ImageFiles {
  /** Of one folder, and always in the same order; one file, or those of a DICOM series */
  readonly paths: readonly [string, ...string[]];
  /** Which of the images that begin in the first file, from 0. Only DICOM has more than one: archives, films of several series. */
  readonly part: number;
  /** The folder that was opened and has the image's own folder in it; missing where that is the same. A study's series share its labels. */
  readonly study?: string | undefined;
}

export function filesAt(path: string): ImageFiles {
  return { paths: [path], part: 0 };
}

/** @throws {FileError} when one cannot be read, or they are larger than `IMAGE_FILE_LIMIT` together */
export async function readImageFiles({ paths }: ImageFiles): Promise<NamedFile[]> {
  const files: NamedFile[] = [];
  let total = 0;
  for (const path of paths) {
    const bytes = await readLimited(path, IMAGE_FILE_LIMIT);
    total += bytes.length;
    if (total > IMAGE_FILE_LIMIT)
      throw new FileError(
        "too-large",
        path,
        `Can't read the ${paths.length} files of this series: they hold more than ${IMAGE_FILE_LIMIT} bytes, which is the limit. Convert it to NIfTI with fewer slices.`,
      );
    files.push({ name: basename(path), bytes });
  }
  return files;
}

/** SHA-256 of all bytes, one file after the other: of one file it is that file's. */
export function sha256(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

export function folderOf({ paths: [first] }: ImageFiles): string {
  return dirname(first);
}

/**
 * What the image's journal and mask are called before their endings. The first file's name, and not the folder's: folders are renamed, and two series of
 * one folder begin with two files. Where another file has that name already (a.png was begun on, and this is a.jpg), the ending belongs to it.
 */
export async function stemOfFiles({ paths: [first], part }: ImageFiles): Promise<string> {
  const name = basename(first);
  const end = part === 0 ? "" : `-part${part + 1}`;
  const [short, long] = [`${stemOf(name)}${end}`, `${name}${end}`];
  const owner = async (stem: string) =>
    (await journalHeader(join(dirname(first), LABELS_FOLDER, `${stem}.journal`)))?.image ?? null;
  if ((await owner(long)) === name) return long;
  const other = await owner(short);
  // A journal whose image is gone is that of a renamed one, or of one that this took the place of: who opens it can tell.
  const isTaken = other !== null && other !== name && existsSync(join(dirname(first), basename(other)));
  return isTaken ? long : short;
}

/** @param stem  as `stemOfFiles` gives it */
export function besideImage(files: ImageFiles, stem: string, ending: string): string {
  return join(folderOf(files), LABELS_FOLDER, `${stem}${ending}`);
}

/** A file's name without its ending, of which a packed volume has two. What scanners name by UIDs has dots and no ending. */
export function stemOf(name: string): string {
  const unpacked = name.replace(/\.gz$/i, "");
  const ending = extname(unpacked);
  return /^\.\d*$/.test(ending) ? name : basename(unpacked, ending);
}
