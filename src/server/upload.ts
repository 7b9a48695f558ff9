/** Files dropped on the page: kept in the project folder, under names of ours. */
import { createHash, randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { onFile, readLimited, syncFolder } from "../files/index.ts";
import { endingOf, gridOf } from "../image/index.ts";
import { IMAGE_FILE_LIMIT, sha256, stemOf } from "../project/index.ts";
import { RequestError } from "./errors.ts";

const NAME_BYTES = 100;
/** Of an image's name; what UIDs name has dots and no ending. */
const ENDING = /(\.nii)?\.[a-z]{1,5}$/i;
/** Names that Windows keeps for devices, whatever their extension. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** The folder of dropped files; names are given out one at a time. */
export class DropFolder {
  readonly path: string;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.path = path;
  }

  /**
   * Writes the body to the folder as a whole, or leaves nothing of it, and returns the file's path. The same bytes under the
   * same name are kept once; other bytes get a name with a number.
   *
   * @throws {ImageFormatError} when it is no image
   * @throws {RequestError} when it is larger than `IMAGE_FILE_LIMIT`
   */
  async keep(body: Readable, name: string): Promise<string> {
    const stem = cleanStem(name);
    // The name that atomic writing uses as well, so that what a kill leaves is recognised and removed.
    const received = join(this.path, `.tendril-${randomBytes(6).toString("hex")}`);
    try {
      await onFile("write", this.path, () => mkdir(this.path, { recursive: true }));
      const digest = await onFile("write", received, () => receive(body, received));
      const ending = await checkedEnding(await readLimited(received, IMAGE_FILE_LIMIT), name);
      const turn = this.queue.then(() => this.publish(received, digest, stem, ending));
      this.queue = turn.catch(() => {});
      return await turn;
    } finally {
      await rm(received, { force: true });
    }
  }

  private async publish(received: string, digest: string, stem: string, ending: string): Promise<string> {
    const taken = await readdir(this.path);
    for (let number = 1; ; number++) {
      const own = number === 1 ? stem : `${stem}-${number}`;
      // The journal and the mask go by the name without its extension, and some disks do not tell a from A.
      const other = taken.find((name) => stemOf(name).toLowerCase() === own.toLowerCase());
      const path = join(this.path, other ?? `${own}${ending}`);
      if (!other) {
        await onFile("write", path, () => claimAndRename(received, path, this.path));
        return path;
      }
      if (other.toLowerCase().endsWith(ending) && sha256(await readLimited(path, IMAGE_FILE_LIMIT)) === digest)
        return path;
    }
  }
}

/** The name without its folder and extension, as any system can store it. */
export function cleanStem(name: string): string {
  const last = name.normalize("NFC").split(/[\\/]/).at(-1)!;
  const safe = last.replace(ENDING, "").replace(/[\p{Cc}<>:"|?*]/gu, "_");
  // Cut between bytes, the last character may be a part of one, which decodes to the replacement character.
  const short = Buffer.from(safe).subarray(0, NAME_BYTES).toString("utf8").replaceAll("\ufffd", "");
  const trimmed = short.replace(/^[\s.]+|[\s.]+$/g, "");
  if (trimmed === "") return "image";
  return DEVICE.test(trimmed.split(".")[0]) ? `_${trimmed}` : trimmed;
}

/** What a kept file is called at its end: by what it holds, not by its old name. @throws {ImageFormatError} when it is no image */
async function checkedEnding(bytes: Uint8Array, name: string): Promise<string> {
  const source = `${cleanStem(name)}${ENDING.exec(name)?.[0] ?? ""}`;
  await gridOf([{ name: source, bytes }]);
  return endingOf(bytes, source);
}

/** Streams to the disk and returns the SHA-256. */
async function receive(body: Readable, path: string): Promise<string> {
  const hash = createHash("sha256");
  let size = 0;
  await pipeline(
    body,
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        size += chunk.length;
        if (size > IMAGE_FILE_LIMIT)
          throw new RequestError(
            413,
            "too-large",
            `The file is larger than ${IMAGE_FILE_LIMIT} bytes, which is the limit.`,
          );
        hash.update(chunk);
        yield chunk;
      }
    },
    createWriteStream(path, { flags: "wx", flush: true }),
  );
  return hash.digest("hex");
}

/** Makes an empty file first, which fails where one exists, and puts the received one in its place. */
async function claimAndRename(received: string, path: string, folder: string): Promise<void> {
  await (await open(path, "wx")).close();
  await rename(received, path);
  await syncFolder(folder);
}
