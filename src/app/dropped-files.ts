/** The files of a drop, those in dropped folders included. */

/** Hidden files (".DS_Store") come with folders and are nobody's images. */
const isHidden = ({ name }: { readonly name: string }) => name.startsWith(".");

/** @returns in the order of their names; files dropped singly are kept whatever they are, so that a refusal can be told */
export async function filesOf(drop: DataTransfer): Promise<File[]> {
  // The entries must be taken before the first wait: the drop is empty afterwards.
  const entries = [...drop.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  const found = await Promise.all(entries.map((entry) => filesIn(entry)));
  return found.flat().sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (isHidden(entry)) return [];
  if (entry.isFile)
    return [await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: File[] = [];
  // A folder is read in portions, the last of which is empty.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (portion.length === 0) return files;
    files.push(...(await Promise.all(portion.map((inner) => filesIn(inner)))).flat());
  }
}
