/** Reading with limits: a size is checked before a byte is allocated, a path before it is followed. */
import { type FileHandle, open, readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";
import { FileError, onFile } from "./errors.ts";

/** @throws {FileError} when it is no file, is larger than `limit` bytes, or cannot be read */
export async function readLimited(path: string, limit: number): Promise<Buffer> {
  return onFile("read", path, async () => {
    // Asked before it is opened: opening a named pipe would wait for its writer, and a device has no end.
    const found = await stat(path);
    if (found.isDirectory()) throw new FileError("EISDIR", path, `Can't read ${path}: it is a folder. Name a file.`);
    if (!found.isFile())
      throw new FileError("not-a-file", path, `Can't read ${path}: it is a device, pipe or socket. Name a file.`);
    if (found.size > limit)
      throw new FileError(
        "too-large",
        path,
        `Can't read ${path}: it holds ${found.size} bytes, and ${limit} is the limit. Is it the right file?`,
      );
    const file = await open(path, "r");
    try {
      return await readBytes(file, found.size);
    } finally {
      await file.close();
    }
  });
}

export async function readText(path: string, limit: number): Promise<string> {
  return (await readLimited(path, limit)).toString("utf8");
}

/**
 * Names of the folders in `path`, those that a link leads to among them. A link that leads nowhere is none.
 *
 * @throws {FileError} when `path` is no folder, or cannot be read
 */
export async function foldersIn(path: string): Promise<string[]> {
  const entries = await onFile("read", path, () => readdir(path, { withFileTypes: true }));
  const leadsToFolder = async (name: string) =>
    (await stat(join(path, name)).catch(() => null))?.isDirectory() ?? false;
  const names = entries.map(async (entry) => {
    const isFolder = entry.isSymbolicLink() ? await leadsToFolder(entry.name) : entry.isDirectory();
    return isFolder ? [entry.name] : [];
  });
  return (await Promise.all(names)).flat();
}

/**
 * The real path of `path` (relative to `root`), when it lies inside `root`, or is `root`, after following links.
 *
 * @throws {FileError} code "outside" when it does not; what lies outside is not looked at unless a link leads there
 */
export async function inside(root: string, path: string): Promise<string> {
  const outside = () => new FileError("outside", path, `${path} lies outside the folder that is open.`);
  if (path.includes("\0")) throw outside();
  const realRoot = await onFile("read", root, () => realpath(root));
  const target = resolve(realRoot, path);
  // An absolute path may go through the links that lead to the root.
  if (!contains(realRoot, target) && !contains(resolve(root), target)) throw outside();
  const real = await onFile("read", path, () => realpath(target));
  if (!contains(realRoot, real)) throw outside();
  return real;
}

function contains(root: string, path: string): boolean {
  const way = relative(root, path);
  return !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}

/** The first `size` bytes, or fewer when the file has become shorter; what is added meanwhile is left. */
async function readBytes(file: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.alloc(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await file.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}
