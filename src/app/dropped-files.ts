/** The files of a drop, those in dropped folders included, as they are sent to the server: the DICOM files of each folder as one archive. */
import { Zip, ZipPassThrough } from "fflate";
import { looksLikeDicom, START_BYTES } from "../image/index.ts";

export interface DroppedFile {
  readonly file: File;
  /** The folder it lies in, with those around it; empty for a file that was dropped by itself. */
  readonly folder: string;
}

/** Hidden files (".DS_Store") come with folders and are nobody's images. */
const isHidden = ({ name }: { readonly name: string }) => name.startsWith(".");
/** The directory of a disc lists files and is none of them. */
const isDirectoryOfDisc = ({ name }: { readonly name: string }) => /^dicomdir$/i.test(name);
/** In an archive, so that the same files make the same bytes. */
const NO_TIME = new Date(1980, 0, 1);

/** @returns in the order of their names; files dropped singly are kept whatever they are, so that a refusal can be told */
export async function filesOf(drop: DataTransfer): Promise<DroppedFile[]> {
  // Everything must be taken before the first wait: the drop is empty afterwards. What comes from another program may be a file
  // without a place in a folder.
  const taken = [...drop.items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const found = await Promise.all(
    taken.map(({ entry, file }) => (entry ? filesIn(entry, "") : Promise.resolve(file ? [{ file, folder: "" }] : []))),
  );
  return found.flat().sort((a, b) => a.file.name.localeCompare(b.file.name, "en", { numeric: true }));
}

async function filesIn(entry: FileSystemEntry, folder: string): Promise<DroppedFile[]> {
  if (isHidden(entry)) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    return [{ file, folder }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: DroppedFile[] = [];
  // A folder is read in portions, the last of which is empty.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (portion.length === 0) return files;
    files.push(...(await Promise.all(portion.map((inner) => filesIn(inner, `${folder}/${entry.name}`)))).flat());
  }
}

/** What is uploaded, one after the other, so that no more than one archive is in memory. */
export async function* uploadsOf(dropped: readonly DroppedFile[]): AsyncGenerator<File> {
  const groups = new Map<string, File[]>();
  for (const { file, folder } of dropped) {
    if (isDirectoryOfDisc(file)) continue;
    if (!looksLikeDicom(new Uint8Array(await file.slice(0, START_BYTES).arrayBuffer()))) yield file;
    else groups.set(folder, [...(groups.get(folder) ?? []), file]);
  }
  for (const [folder, files] of groups) yield files.length === 1 ? files[0] : await archiveOf(folder, files);
}

/** Nothing is packed: that takes long and gives little. Named by the folder, or by the first file. */
async function archiveOf(folder: string, files: readonly File[]): Promise<File> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    parts.push(chunk as Uint8Array<ArrayBuffer>);
  });
  for (const file of files) {
    const entry = new ZipPassThrough(file.name);
    entry.mtime = NO_TIME;
    zip.add(entry);
    entry.push(new Uint8Array(await file.arrayBuffer()), true);
  }
  zip.end();
  const name = folder.split("/").at(-1) || files[0].name.replace(/\.dcm$/i, "");
  return new File(parts, `${name}.zip`);
}
