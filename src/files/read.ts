/** Reading with limits: a size is checked before a byte is allocated, a path before it is followed. */
import { readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";
import { FileError, onFile } from "./errors.ts";

/** @throws {FileError} when the file is larger than `limit` bytes, or cannot be read */
export async function readLimited(path: string, limit: number): Promise<Buffer> {
  return onFile("read", path, async () => {
    const { size } = await stat(path);
    if (size > limit)
      throw new FileError("too-large", path, `Can't read ${path}: it holds ${size} bytes, and ${limit} is the limit.`);
    return readFile(path);
  });
}

export async function readText(path: string, limit: number): Promise<string> {
  return (await readLimited(path, limit)).toString("utf8");
}

/**
 * The real path of `path` (relative to `root`), when it lies inside `root` after following links.
 *
 * @throws {FileError} code "outside" when it does not
 */
export async function inside(root: string, path: string): Promise<string> {
  const outside = () => new FileError("outside", path, `${path} lies outside the folder that is open.`);
  if (path.includes("\0")) throw outside();
  const realRoot = await onFile("read", root, () => realpath(root));
  const real = await onFile("read", path, () => realpath(resolve(realRoot, path)));
  const way = relative(realRoot, real);
  if (way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way)) throw outside();
  return real;
}
