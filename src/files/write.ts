/**
 * Writing so that a kill or power cut at any moment leaves either the old or the new, never a part: write beside, sync,
 * rename, sync the folder.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { FileError, onFile, systemCode } from "./errors.ts";

/** What is being written, with the number of the process that writes it. After a kill the next write in that folder removes it. */
const UNFINISHED = /^\.tendril-(\d+)-[0-9a-f]{12}$/;

/** Names that this process is writing now. */
const writing = new Set<string>();

/** Replaces `path` as a whole, or leaves it as it was. Makes the folder when it is missing. A link is replaced, not followed. */
export async function atomicWrite(path: string, data: Uint8Array | string): Promise<void> {
  await onFile("write", path, () => writeBeside(path, (beside) => writeSynced(beside, data)));
}

/** Files by their names from a folder on; a name may lead through folders, with slashes. Many or large ones come one after the other. */
export type Files =
  | Readonly<Record<string, Uint8Array | string>>
  | AsyncIterable<readonly [name: string, data: Uint8Array | string]>;

/**
 * Makes the folder `path` with these files in one step.
 *
 * @throws {FileError} EEXIST when the folder exists, before the first file is asked for
 */
export async function publishFolder(path: string, files: Files): Promise<void> {
  await onFile("write", path, () =>
    writeBeside(path, async (beside) => {
      // A rename would replace an empty folder without a word.
      if ((await readdir(dirname(path))).includes(basename(path)))
        throw new FileError("EEXIST", path, `Can't write ${path}: it exists already. Choose another name.`);
      await mkdir(beside);
      const folders = new Set([beside]);
      for await (const [name, data] of entriesOf(files)) {
        const file = join(beside, name);
        // Each folder on the way is new as well, and synced with the others below.
        for (let folder = dirname(file); !folders.has(folder); folder = dirname(folder)) folders.add(folder);
        await mkdir(dirname(file), { recursive: true });
        await writeSynced(file, data);
      }
      for (const folder of folders) await syncFolder(folder);
    }),
  );
}

/** Writes these files into the folder `path`, each as a whole in the place of an older one of its name. What else is there stays. */
export async function fillFolder(path: string, files: Files): Promise<void> {
  for await (const [name, data] of entriesOf(files)) await atomicWrite(join(path, name), data);
}

function entriesOf(files: Files) {
  return Symbol.asyncIterator in files
    ? (files as AsyncIterable<readonly [string, Uint8Array | string]>)
    : Object.entries(files as Readonly<Record<string, Uint8Array | string>>);
}

/** Whether `name` is something that a write has left, or is making, rather than a file of the user's. */
export function isUnfinished(name: string): boolean {
  return UNFINISHED.test(name);
}

async function writeBeside(path: string, write: (beside: string) => Promise<void>): Promise<void> {
  const folder = dirname(path);
  await makeFolder(folder);
  await removeAbandoned(folder);
  const name = `.tendril-${process.pid}-${randomBytes(6).toString("hex")}`;
  const beside = join(folder, name);
  writing.add(name);
  try {
    await write(beside);
    await rename(beside, path);
  } catch (cause) {
    await remove(beside);
    throw cause;
  } finally {
    writing.delete(name);
  }
  await syncFolder(folder);
}

/** Also the folders above it. */
async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    // So the system names a file that stands where the folder should be; one that stands further up is ENOTDIR.
    throw systemCode(cause) === "EEXIST" ? Object.assign(cause as Error, { code: "ENOTDIR" }) : cause;
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

/** Removes what killed processes have left; what another is writing at this moment stays. */
async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = Number(UNFINISHED.exec(name)?.[1] ?? Number.NaN);
    if (Number.isNaN(pid) || writing.has(name) || (pid !== process.pid && isRunning(pid))) continue;
    await remove(join(folder, name));
  }
}

/** Signal 0 only asks. A process that we may not ask about is running, too. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (cause) {
    return systemCode(cause) !== "ESRCH";
  }
}

/** Tidying must not hide why a write failed, nor make one fail: what stays is removed another time. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch(() => {});
}
