/**
 * DICOM files to volumes: those of a folder, a zip archive of them, or a single one. What is refused does not keep the rest from being opened.
 *
 *   files -> instances (headers) -> stacks (series, split where it must be) -> volumes (pixels)
 *
 * `listDicom` does the first two steps, which is enough to choose a series; `decodeDicom` all three for every series.
 */
import { DECODED_LIMIT } from "./bytes.ts";
import { type Instance, readInstance } from "./dicom-instance.ts";
import { looksLikeDicom, scanDicom } from "./dicom-scan.ts";
import { type Stack, stacksOf } from "./dicom-series.ts";
import { decodeStack, volumeBytes } from "./dicom-volume.ts";
import { ImageFormatError } from "./errors.ts";
import type { Volume } from "./volume.ts";
import { isZip, readZip, type ZipEntry } from "./zip.ts";

export { looksLikeDicom } from "./dicom-scan.ts";

export interface NamedFile {
  /** A path or a base name; errors show the base name */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface DicomSeries {
  /** Series number and description: "3: CT 1.25 mm". Of the file, and so not for a log */
  readonly label: string;
  readonly sliceCount: number;
  readonly volume: Volume;
}

export interface DicomStudy {
  /** Most voxels first */
  readonly series: readonly DicomSeries[];
  /** Files and series that were not opened, and why */
  readonly refused: readonly ImageFormatError[];
}

export interface ListedSeries {
  readonly label: string;
  readonly sliceCount: number;
  /** Base name of its first file */
  readonly source: string;
  /** Names of the files that hold its images, as they were given and in that order; an archive's for all that is in it */
  readonly files: readonly [string, ...string[]];
  /** What is known from the headers of all files together, a sentence each: that the series is more than one stack, copies left out */
  readonly notes: readonly string[];
  readonly columns: number;
  readonly rows: number;
  /**
   * Decodes the pixels.
   *
   * @returns the volume, null when no image of it can be decoded; and what was left out
   * @throws {ImageFormatError} too-large
   */
  readonly read: () => Promise<{ volume: Volume | null; refused: readonly ImageFormatError[] }>;
  /** That `read` takes */
  readonly bytes: number;
}

export interface DicomListing {
  /** Most voxels first */
  readonly series: readonly ListedSeries[];
  readonly refused: readonly ImageFormatError[];
}

/** Names in archives and folders that are no files of the study. */
const NOT_FILES = /(^|\/)(__MACOSX\/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)/i;

export function isStudyFile(name: string): boolean {
  return !NOT_FILES.test(name.replaceAll("\\", "/"));
}

/** Every series in the files, by their headers alone. */
export function listDicom(files: readonly NamedFile[]): DicomListing {
  const refused: ImageFormatError[] = [];
  const attempt = <T>(work: () => T): T[] => {
    try {
      return [work()];
    } catch (error) {
      if (!(error instanceof ImageFormatError)) throw error;
      refused.push(error);
      return [];
    }
  };
  /** Each with the name of the file that was given, which may be an archive. */
  const instances = new Map<Instance, string>();
  for (const { name: given, bytes } of files) {
    const add = (name: string, file: Uint8Array) => {
      for (const instance of attempt(() => readInstance(scanDicom(plain(file), baseName(name)))))
        instances.set(instance, given);
    };
    if (!isStudyFile(given)) continue;
    if (!isZip(bytes)) add(given, bytes);
    else
      for (const entry of attempt(() => readZip(bytes, baseName(given))).flat())
        if (isStudyFile(entry.name)) for (const file of attempt(() => unpacked(entry))) add(entry.name, file);
  }
  const series = stacksOf([...instances.keys()]).map((stack) => listed(stack, instances));
  return { series: series.sort((a, b) => voxels(b) - voxels(a)), refused };
}

/**
 * Every series in the files, as volumes. A study that would take more memory than `DECODED_LIMIT` is opened as far as it fits; the rest is among
 * what is refused.
 */
export async function decodeDicom(files: readonly NamedFile[]): Promise<DicomStudy> {
  const listing = listDicom(files);
  const refused = [...listing.refused];
  const series: DicomSeries[] = [];
  let left = DECODED_LIMIT;
  for (const { label, bytes, read, source } of listing.series) {
    if (bytes > left) {
      refused.push(noRoom(source));
      continue;
    }
    try {
      const result = await read();
      refused.push(...result.refused);
      if (!result.volume) continue;
      left -= bytes;
      series.push({ label, sliceCount: result.volume.size[2], volume: result.volume });
    } catch (error) {
      if (!(error instanceof ImageFormatError)) throw error;
      refused.push(error);
    }
  }
  return { series, refused };
}

/** An archive may hold anything: what does not begin as DICOM is not unpacked. */
function unpacked(entry: ZipEntry): Uint8Array {
  const start = entry.start();
  // Refuses it, by what it is.
  if (!looksLikeDicom(start)) scanDicom(start, baseName(entry.name));
  return entry.read();
}

/** Node's Buffer is a Uint8Array whose `slice` does not copy. */
function plain({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function listed(stack: Stack, given: ReadonlyMap<Instance, string>): ListedSeries {
  const { columns, rows, source } = stack.frames[0].instance;
  const { label, frames, notes } = stack;
  const own = new Set(frames.map(({ instance }) => instance));
  const names = new Set([...given].flatMap(([instance, name]) => (own.has(instance) ? [name] : [])));
  return {
    label,
    sliceCount: frames.length,
    ...{ source, columns, rows, notes },
    files: [...names] as [string, ...string[]],
    bytes: volumeBytes(stack),
    read: () => decodeStack(stack),
  };
}

function voxels({ columns, rows, sliceCount }: ListedSeries): number {
  return columns * rows * sliceCount;
}

function noRoom(source: string): ImageFormatError {
  return new ImageFormatError("too-large", {
    source,
    message: "belongs to a series for which there is no room beside the larger ones. Open that series by itself.",
  });
}

function baseName(name: string): string {
  return name.split(/[\\/]/).at(-1) || name;
}
