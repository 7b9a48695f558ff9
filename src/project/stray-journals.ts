/** Work beside an image that its name does not lead to: it was begun when the image, or the first file of its series, was called something else. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { folderOf, type ImageFiles, LABELS_FOLDER, stemOf } from "./image-files.ts";
import { journalHeader } from "./journal.ts";
import type { JournalHeader } from "./journal-text.ts";

const ENDING = ".journal";

/**
 * @param own   what a journal of this image begins with
 * @param stem  what its journal is called before the ending; there is none yet
 * @returns     a sentence for each journal that may be meant, for the annotator
 */
export async function strayNotes(files: ImageFiles, own: JournalHeader, stem: string): Promise<string[]> {
  const folder = folderOf(files);
  const journals = (await namesIn(join(folder, LABELS_FOLDER))).filter((name) => name.endsWith(ENDING));
  if (journals.length === 0) return [];
  const names = new Set(files.paths.map((path) => basename(path)));
  // Journals of images that are there need not be looked into, but for those of the series' other files.
  const taken = new Set((await namesIn(folder)).filter((name) => !names.has(name)).flatMap((n) => [n, stemOf(n)]));
  const notes: string[] = [];
  for (const name of journals) {
    if (taken.has(name.slice(0, -ENDING.length))) continue;
    const header = await journalHeader(join(folder, LABELS_FOLDER, name)).catch(() => null);
    if (!header || header.image === own.image) continue;
    const isGone = !existsSync(join(folder, basename(header.image)));
    if (isGone && header.sha256 === own.sha256)
      notes.push(
        `${name} holds work on this image from when it was called ${header.image}. It is not shown: call the journal ${stem}${ENDING} to go on with it.`,
      );
    else if (names.size > 1 && (isGone || names.has(header.image)) && isAlike(header, own))
      notes.push(
        `${name} holds work on a series that began with ${header.image}, and this one begins with ${own.image}. It is not shown: if it is of this series, put the series' files back as they were.`,
      );
  }
  return notes;
}

/** Of one size but for the number of slices. */
function isAlike(a: JournalHeader, b: JournalHeader): boolean {
  return a.width === b.width && a.height / (a.depth ?? 1) === b.height / (b.depth ?? 1);
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
