/** Which images of a project have changes of a label: by the journals in its folder, and in the folders in it that go by its list. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { inside, onFile, orAbsent } from "../files/index.ts";
import { labelOf } from "./annotation.ts";
import { LABELS_FOLDER } from "./image-files.ts";
import { readAnyJournal } from "./journal.ts";
import { readProjectFile } from "./project-file.ts";

/**
 * @param project  the folder of the project file
 * @param label    what changes of it name; undone ones count
 * @returns        names of the images, sorted
 * @throws {JournalError | ProjectFileError | FileError} when one cannot be read: it may be the one that has such changes
 */
export async function imagesUsing(project: string, label: number): Promise<string[]> {
  const using: string[] = [];
  for (const folder of await foldersOf(project))
    for (const journal of await journalsIn(folder)) {
      const { header, actions } = await readAnyJournal(journal);
      if (actions.some((action) => action.kind !== "undo" && action.kind !== "redo" && labelOf(action) === label))
        using.push(header.image);
    }
  return using.sort();
}

/** The project's own, and those directly in it that have no list of their own. */
async function foldersOf(project: string): Promise<string[]> {
  const entries = await onFile("read", project, () => readdir(project, { withFileTypes: true }));
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(project, name));
  const folders = [project];
  for (const folder of below) if (!(await readProjectFile(folder))) folders.push(folder);
  return folders;
}

async function journalsIn(folder: string): Promise<string[]> {
  const labels = await orAbsent(inside(folder, LABELS_FOLDER), null);
  if (labels === null) return [];
  const names = await onFile("read", labels, () => readdir(labels));
  return names.filter((name) => name.endsWith(".journal")).map((name) => join(labels, name));
}
