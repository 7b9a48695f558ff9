/**
 * Writing so that a kill or power cut at any moment leaves either the old or the new, never a part: write beside, sync,
 * rename, sync the folder.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError, onFile } from "./errors.ts";

/** Left behind by a kill while writing; removed by the next write in that folder. */
const UNFINISHED = /^\.tendril-[0-9a-f]{12}$/;

/** Replaces `path` as a whole, or leaves it as it was. Makes the folder when it is missing. */
export async function atomicWrite(path: string, data: Uint8Array | string): Promise<void> {
  await onFile("write", path, async () => {
    const folder = dirname(path);
    await mkdir(folder, { recursive: true });
    const beside = join(folder, unfinishedName());
    try {
      await writeSynced(beside, data);
      await rename(beside, path);
    } catch (cause) {
      await rm(beside, { force: true });
      throw cause;
    }
    await syncFolder(folder);
  });
}

/**
 * Makes the folder `path` with these files (name to content) in one step.
 *
 * @throws {FileError} EEXIST when the folder exists
 */
export async function publishFolder(path: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<void> {
  await onFile("write", path, async () => {
    const parent = dirname(path);
    await mkdir(parent, { recursive: true });
    if ((await readdir(parent)).includes(basename(path)))
      throw new FileError("EEXIST", path, `Can't write ${path}: it exists already. Choose another name.`);
    await removeUnfinished(parent);
    const beside = join(parent, unfinishedName());
    try {
      await mkdir(beside);
      for (const [name, data] of Object.entries(files)) await writeSynced(join(beside, name), data);
      await syncFolder(beside);
      await rename(beside, path);
    } catch (cause) {
      await rm(beside, { recursive: true, force: true });
      throw cause;
    }
    await syncFolder(parent);
  });
}

async function writeSynced(path: string, data: Uint8Array | string): Promise<void> {
  const file = await open(path, "wx");
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes a rename in `folder` survive a power cut. Windows has no such call and does without. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unfinishedName(): string {
  return `.tendril-${randomBytes(6).toString("hex")}`;
}

async function removeUnfinished(folder: string): Promise<void> {
  for (const name of await readdir(folder))
    if (UNFINISHED.test(name)) await rm(join(folder, name), { recursive: true, force: true });
}
