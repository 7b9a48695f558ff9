/** The images that are open: found on disk at the start, or dropped on the page later. */
import { createHash } from "node:crypto";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { basename, join, sep } from "node:path";
import { TendrilError } from "../core/index.ts";
import { inside, onFile, readLimited } from "../files/index.ts";
import { checkAnyStart, decodeImage, isGzip, PACKED_START_BYTES, START_BYTES } from "../image/index.ts";
import { IMAGE_FILE_LIMIT } from "../project/index.ts";
import { RequestError } from "./errors.ts";

export interface OpenImage {
  /** The same for the same file at every start; says nothing about its name. */
  readonly id: string;
  /** The real path, links followed. */
  readonly path: string;
}

export interface RefusedFile {
  readonly name: string;
  readonly message: string;
}

/** A folder's files that a person would call images; those that are not read are refused by name, not passed over. */
const IMAGE_NAME = /\.(png|jpe?g|tiff?|bmp|gif|webp|dcm|dicom|nii|nii\.gz|nrrd|mha|mhd|jp2|heic|avif)$/i;
/**
 * Files are decoded as a whole at the start until this many bytes have been read, and only begun after that, so that a folder
 * of 10,000 opens at once. The rest is found when an image is chosen.
 */
const WHOLE_CHECK_BYTES = 64 * 2 ** 20;
const byNumberAndName = new Intl.Collator("en", { numeric: true }).compare;

export class ImageCollection {
  private readonly images = new Map<string, OpenImage>();
  readonly refused: RefusedFile[] = [];
  private bytesChecked = 0;

  /**
   * Adds a file, or a folder's images (not those of folders in it), sorted by name with numbers in their order. What is no
   * image is added to `refused`.
   *
   * @throws {FileError} when the path does not exist or may not be read
   */
  async addPath(path: string): Promise<void> {
    const found = await onFile("read", path, () => stat(path));
    if (!found.isDirectory()) return this.addUnlessRefused(path);
    const names = (await onFile("read", path, () => readdir(path)))
      .filter((name) => !name.startsWith(".") && IMAGE_NAME.test(name))
      .sort(byNumberAndName);
    if (names.length === 0)
      this.refused.push({
        name: basename(path),
        message: `${path} holds no images. Name the folder that has the PNG or NIfTI files directly in it; folders inside a folder are not searched.`,
      });
    // A link in a folder may lead anywhere; one named by hand is meant.
    for (const name of names) await this.addUnlessRefused(join(path, name), () => inside(path, name));
  }

  /** Adds a file that is known to be an image. */
  async add(path: string): Promise<OpenImage> {
    const real = await onFile("read", path, () => realpath(path));
    const id = createHash("sha256").update(real).digest("hex").slice(0, 16);
    const image = this.images.get(id) ?? { id, path: real };
    this.images.set(id, image);
    return image;
  }

  /** @throws {RequestError} when no image has this id */
  get(id: string): OpenImage {
    const image = this.images.get(id);
    if (!image) throw new RequestError(404, "no-image", "This image is not open here. Reload the page for the list.");
    return image;
  }

  /** In the order in which they were added, each with the shortest name that no other one has. */
  list(): readonly (OpenImage & { readonly name: string })[] {
    const images = [...this.images.values()];
    const names = shortestNames(images.map(({ path }) => path));
    return images.map((image, i) => ({ ...image, name: names[i] }));
  }

  private async addUnlessRefused(path: string, check?: () => Promise<unknown>): Promise<void> {
    try {
      await check?.();
      await this.checkImage(path);
      await this.add(path);
    } catch (cause) {
      if (!(cause instanceof TendrilError)) throw cause;
      this.refused.push({ name: basename(path), message: cause.message });
    }
  }

  private async checkImage(path: string): Promise<void> {
    const kind = checkAnyStart(await onFile("read", path, () => readStart(path)), basename(path));
    const { size } = await onFile("read", path, () => stat(path));
    // Unpacking a volume takes seconds; what is wrong with it beyond its header is found when it is chosen.
    if (kind === "volume") return;
    this.bytesChecked += size;
    if (this.bytesChecked <= WHOLE_CHECK_BYTES) decodeImage(await readLimited(path, IMAGE_FILE_LIMIT), basename(path));
  }
}

async function readStart(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const read = async (length: number) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    };
    const start = await read(START_BYTES);
    return isGzip(start) ? await read(PACKED_START_BYTES) : start;
  } finally {
    await file.close();
  }
}

/** For each path its last parts, as many as it takes to tell it from the others: scan.png, or a/scan.png and b/scan.png. */
function shortestNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.split(sep));
  const names = parts.map((own) => own.at(-1)!);
  for (let count = 2; ; count++) {
    const seen = new Map<string, number>();
    for (const name of names) seen.set(name, (seen.get(name) ?? 0) + 1);
    const isShared = names.map((name, i) => seen.get(name)! > 1 && parts[i].length >= count);
    if (!isShared.includes(true)) return names;
    isShared.forEach((shared, i) => {
      if (shared) names[i] = parts[i].slice(-count).join("/");
    });
  }
}
