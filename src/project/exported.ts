/**
 * Files exported beside an image, and which of them are Tendril's own: `labels/NAME.exported` has a line "SHA-256, two spaces, name" for each as it was
 * written last and the time before. A file whose line is missing was written or changed by another program.
 */
import { basename, dirname, join } from "node:path";
import { atomicWrite, orAbsent, readLimited, readText } from "../files/index.ts";
import { ExportError } from "./errors.ts";
import { IMAGE_FILE_LIMIT, sha256 } from "./image-files.ts";

/** Bytes; some hundred files. */
const RECORD_LIMIT = 2 ** 16;

export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Writes the files beside the record, each as a whole.
 *
 * @param isReplacing  whether files of other programs give way
 * @throws {ExportError} when one of them does not; nothing is written then
 */
export async function writeExported(record: string, files: readonly ExportedFile[], isReplacing: boolean) {
  const folder = dirname(record);
  const known = new Set((await orAbsent(readText(record, RECORD_LIMIT), "")).split("\n"));
  const lines = new Set(files.map(lineOf));
  for (const file of files) {
    const there = await orAbsent(readLimited(join(folder, file.name), IMAGE_FILE_LIMIT), null);
    if (!there || there.equals(file.bytes)) continue;
    const line = lineOf({ name: file.name, bytes: there });
    // Before the files: after a kill in between what is there is still known, be it the old or the new.
    if (known.has(line)) lines.add(line);
    else if (!isReplacing)
      throw new ExportError(
        `${basename(folder)}/${file.name} is there already and not known to be Tendril's: another program wrote or changed it, or an early version of Tendril wrote it. ` +
          "Nothing was written. Replace it, or move it to another folder and export again.",
      );
  }
  await atomicWrite(record, `${[...lines].join("\n")}\n`);
  for (const { name, bytes } of files) await atomicWrite(join(folder, name), bytes);
}

function lineOf({ name, bytes }: ExportedFile): string {
  return `${sha256(bytes)}  ${name}`;
}
