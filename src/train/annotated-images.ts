/**
 * Images with masks, held in memory at working size for the data workers: an annotator's own, or those of a folder on disk.
 *
 *     DIR/<dataset>/images/<subject>__<slice>.png              gray
 *     DIR/<dataset>/masks/<structure>/<subject>__<slice>.png   black outside; no file where the structure is absent or not annotated
 *     DIR/<dataset>/labels/<name>.png                          label values, for painted images; needs no images/
 *     DIR/manifest.json                                        optional; where it is, only datasets of its split "train" are taken
 *
 * Some subjects are held back for validation (`subjects.ts`).
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { crc32, type Grid, TendrilError } from "../core/index.ts";
import { foldersIn, onFile, orAbsent, readLimited, readText } from "../files/index.ts";
import { decodeImage } from "../image/index.ts";
import { SCENES, sceneImage } from "./scene-images.ts";
import { isHeldBack, subjectOf } from "./subjects.ts";

/** Longest side, in pixels, at which images are kept: a window is at most as large and is read at 128. */
export const WORKING_SIDE = 192;
const FILE_LIMIT = 512 * 2 ** 20;

export interface StructureMask {
  readonly structure: string;
  /** Where its bytes begin in `pixels`, [H, W] of 0 and 1. */
  readonly offset: number;
}

export interface AnnotatedImage extends Grid {
  readonly dataset: string;
  /** Without ".png" */
  readonly name: string;
  readonly subject: string;
  readonly split: "train" | "validation";
  /** Where its bytes begin in `pixels`, [H, W] of intensities; for a label map, of labels. */
  readonly offset: number;
  readonly kind: "image" | "labels";
  readonly masks: readonly StructureMask[];
}

/** What the data workers are given. */
export interface ImagePixels {
  readonly items: readonly AnnotatedImage[];
  readonly pixels: Uint8Array<SharedArrayBuffer>;
}

export interface AnnotatedImages extends ImagePixels {
  /** An image as large as it is held: one on disk at full size, an annotator's own at working size. @throws {FileError} when it cannot be read any more */
  original(item: Pick<AnnotatedImage, "dataset" | "name">): Promise<Gray>;
  /** Files that were left out, and why. */
  readonly refused: readonly string[];
}

/** An image that somebody has annotated, of any range. */
export interface OwnImage {
  readonly dataset: string;
  /** No other image of the data set has it. */
  readonly name: string;
  readonly image: Gray;
  /** [H, W] of 0 and 1; empty ones are left out. */
  readonly masks: readonly { readonly structure: string; readonly inside: Uint8Array }[];
}

/** A folder holds nothing to train or evaluate on. */
export class DataError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("data", message, options);
  }
}

const manifestSchema = z.looseObject({
  datasets: z.record(z.string(), z.looseObject({ split: z.string() })),
});

export interface ImageSelection {
  /** Datasets that are not taken. */
  readonly leaveOut: readonly string[];
  /** The most images that are taken of one dataset, evenly spaced by name; null for all. */
  readonly imagesPerDataset: number | null;
  /** Scenes that are painted with textures of those that are trained on (`scene-images.ts`); none where it is left out. */
  readonly texturedScenes?: { readonly images: number } | undefined;
}

/**
 * @param folder      the data's folder
 * @param onProgress  called with images read or painted, and how many there will be
 * @throws {DataError} when there is no image with a mask
 * @throws {FileError} when the folder cannot be read
 */
export async function loadAnnotatedImages(
  folder: string,
  { leaveOut, imagesPerDataset, texturedScenes }: ImageSelection,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<AnnotatedImages> {
  const datasets = (await trainingDatasets(folder)).filter((dataset) => !leaveOut.includes(dataset));
  if (texturedScenes && datasets.includes(SCENES))
    throw new DataError(`${join(folder, SCENES)} has the name of the scenes that are painted for training. Rename it.`);
  const listed = await Promise.all(datasets.map((dataset) => listDataset(folder, dataset)));
  const sources = listed.flatMap((all) => evenly(all, imagesPerDataset ?? all.length));
  const scenes = texturedScenes?.images ?? 0;
  const total = sources.length + scenes;
  const refused: string[] = [];
  const read: Read[] = [];
  for (const [done, source] of sources.entries()) {
    onProgress(done, total);
    const one = await named(refused, () => readSource(source, refused));
    if (one) read.push(one);
  }
  if (!read.some(({ masks }) => masks.length > 0)) {
    const why = refused.length > 0 ? ` ${refused.length} files were left out, the first: ${refused[0]}` : "";
    throw new DataError(
      `${folder} holds no image with a mask. It needs <dataset>/images/NAME.png and <dataset>/masks/<structure>/NAME.png.${why}`,
    );
  }
  const heldBack = read.map(isHeldBack);
  // A folder of so few subjects that chance holds all of them back is trained on without validation.
  const isAll = read.every(({ masks }, i) => masks.length === 0 || heldBack[i]);
  const isValidation = (i: number) => heldBack[i] && !isAll;
  const textures = read.filter(({ kind }, i) => kind === "image" && !isValidation(i));
  const painted: Read[] = [];
  for (let n = 0; n < scenes; n++) {
    onProgress(sources.length + n, total);
    painted.push({ ...sceneImage(n, WORKING_SIDE, textures), dataset: SCENES, kind: "image" });
  }
  if (total > 0) onProgress(total, total);
  const original: AnnotatedImages["original"] = async ({ dataset, name }) => {
    if (dataset !== SCENES) return readGray(folder, [dataset, "images", `${name}.png`]);
    const { width, height, values } = painted.find((scene) => scene.name === name)!;
    return { width, height, data: values };
  };
  return { ...packed([...read, ...painted], (i) => i < read.length && isValidation(i)), original, refused };
}

/** Intensities of these shares of an image are its darkest and brightest: a few extreme ones must not flatten the rest. */
const DARKEST = 0.005;
const BRIGHTEST = 0.995;

/**
 * Images to train on, none of them held back; one is in memory at full size at a time.
 *
 * @throws {DataError} when nothing is inside anywhere
 */
export async function loadOwnImages(own: AsyncIterable<OwnImage>): Promise<AnnotatedImages> {
  const read: Read[] = [];
  const seen = new Map<string, Gray>();
  for await (const { dataset, name, image, masks } of own) {
    const grid = workingGrid(image);
    const small = masks.map(({ structure, inside }) => ({
      structure,
      inside: maskAt(grid, { ...image, data: inside }),
    }));
    const marked = small.filter(({ inside }) => inside.includes(1));
    if (marked.length === 0) continue;
    const data = averaged(image, grid);
    seen.set(`${dataset}/${name}`, { ...grid, data });
    read.push({ ...grid, dataset, name, kind: "image", values: stretched(data), masks: marked });
  }
  if (read.length === 0)
    throw new DataError("Nothing is marked inside in these images, or too little to be seen. Annotate some first.");
  const original = async ({ dataset, name }: Pick<AnnotatedImage, "dataset" | "name">) =>
    seen.get(`${dataset}/${name}`)!;
  return { ...packed(read, () => false), original, refused: [] };
}

/** To 0..255 between the intensities of those shares. */
function stretched(values: Float32Array): Uint8Array {
  const sorted = values.toSorted();
  const [low, high] = [DARKEST, BRIGHTEST].map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const range = Math.max(high - low, 1e-6);
  return Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, (value - low) / range))));
}

/** CRC-32 of the image at working size. */
export function checksumOf({ pixels }: ImagePixels, { offset, width, height }: AnnotatedImage): number {
  return crc32(pixels.subarray(offset, offset + width * height));
}

/** The longest name of a file, without its ending, that every file system takes. */
const LONGEST_NAME = 200;

/** The name of a file in a cache. Characters that some file system refuses are replaced, and what is too long is cut; a checksum then keeps names apart. */
export function fileName({ dataset, name }: AnnotatedImage): string {
  const whole = `${dataset}__${name}`;
  if (/^[\w.-]+$/.test(whole) && whole.length <= LONGEST_NAME) return `${whole}.bin`;
  const sum = crc32(new TextEncoder().encode(whole)).toString(16).padStart(8, "0");
  return `${whole.replaceAll(/[^\w.-]/g, "_").slice(0, LONGEST_NAME - 9)}-${sum}.bin`;
}

interface Source {
  readonly folder: string;
  readonly dataset: string;
  readonly name: string;
  readonly kind: "image" | "labels";
  readonly structures: readonly string[];
}

/** At most `count` of the list, evenly spaced. */
export function evenly<T>(list: readonly T[], count: number): T[] {
  const kept = Math.min(count, list.length);
  return Array.from({ length: kept }, (_, i) => list[Math.floor((i * list.length) / kept)]);
}

/** An image at working size with its masks, [H, W] each. */
interface Read extends Grid, Pick<Source, "dataset" | "name" | "kind"> {
  readonly values: Uint8Array;
  readonly masks: readonly { readonly structure: string; readonly inside: Uint8Array }[];
}

/** Puts what the work's error says among the files that are left out. */
async function named<T>(refused: string[], work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TendrilError)) throw error;
    refused.push(error.message);
    return null;
  }
}

/** Null for an image without a mask. */
async function readSource(
  { folder, dataset, name, kind, structures }: Source,
  refused: string[],
): Promise<Read | null> {
  const file = await readGray(folder, [dataset, kind === "labels" ? "labels" : "images", `${name}.png`]);
  const grid = workingGrid(file);
  const shrink = kind === "labels" ? nearest : averaged;
  const masks: { structure: string; inside: Uint8Array }[] = [];
  for (const structure of structures) {
    const path = [dataset, "masks", structure, `${name}.png`];
    const inside = await named(refused, async () => readMask(await readGray(folder, path), file, grid, path.join("/")));
    if (inside) masks.push({ structure, inside });
  }
  if (kind === "image" && masks.length === 0) throw new DataError(`${dataset}/images/${name}.png has no mask.`);
  return { ...grid, dataset, name, kind, values: Uint8Array.from(shrink(file, grid), Math.round), masks };
}

/** @returns [H, W] at working size, 0 or 1 */
function readMask(mask: Gray, image: Grid, grid: Grid, source: string): Uint8Array {
  if (mask.width !== image.width || mask.height !== image.height)
    throw new DataError(
      `${source} is ${mask.width}x${mask.height}, but its image is ${image.width}x${image.height}. Draw it on the image's own pixels.`,
    );
  const inside = maskAt(grid, mask);
  if (!inside.includes(1)) throw new DataError(`${source} is empty, or too thin to be seen at ${WORKING_SIDE} pixels.`);
  return inside;
}

/** Inside where at least half of a pixel's area is. @returns [H, W] of the grid, 0 or 1 */
function maskAt(grid: Grid, mask: Gray): Uint8Array {
  const marked = Uint8Array.from(mask.data, (value) => (value > 0 ? 255 : 0));
  return Uint8Array.from(averaged({ ...mask, data: marked }, grid), (value) => Number(value >= 127.5));
}

/** All bytes in one piece of memory, which the data workers share. @param isValidation  of the image of that place */
function packed(read: readonly Read[], isValidation: (i: number) => boolean): ImagePixels {
  const total = read.reduce((sum, { values, masks }) => sum + values.length * (1 + masks.length), 0);
  const pixels = new Uint8Array(new SharedArrayBuffer(total));
  let end = 0;
  const keep = (bytes: Uint8Array) => {
    pixels.set(bytes, end);
    end += bytes.length;
    return end - bytes.length;
  };
  const items = read.map(({ width, height, dataset, name, kind, values, masks }, i): AnnotatedImage => {
    const offset = keep(values);
    const placed = masks.map(({ structure, inside }) => ({ structure, offset: keep(inside) }));
    const split = isValidation(i) ? "validation" : "train";
    return { width, height, dataset, name, subject: subjectOf(name), split, offset, kind, masks: placed };
  });
  return { items, pixels };
}

async function trainingDatasets(folder: string): Promise<string[]> {
  const names = (await foldersIn(folder)).sort();
  const text = await orAbsent(readText(join(folder, "manifest.json"), FILE_LIMIT), null);
  if (text === null) return names;
  const parsed = manifestSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new DataError(
      `${join(folder, "manifest.json")} does not say which datasets are for training. It needs {"datasets": {NAME: {"split": "train"}}}; or remove it, and all are taken.`,
    );
  return names.filter((name) => parsed.data.datasets[name]?.split === "train");
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function listDataset(folder: string, dataset: string): Promise<Source[]> {
  const root = join(folder, dataset);
  const masks = await Promise.all(
    (await folderNames(join(root, "masks"))).sort().map(async (structure) => ({
      structure,
      names: new Set(await pngNames(join(root, "masks", structure))),
    })),
  );
  const images = (await pngNames(join(root, "images"))).map((name) => ({
    ...{ folder, dataset, name, kind: "image" as const },
    structures: masks.filter(({ names }) => names.has(name)).map(({ structure }) => structure),
  }));
  const labels = (await pngNames(join(root, "labels"))).map((name) => ({
    ...{ folder, dataset, name, kind: "labels" as const },
    structures: [],
  }));
  return [...images, ...labels];
}

async function folderNames(path: string): Promise<string[]> {
  return orAbsent(foldersIn(path), []);
}

async function pngNames(path: string): Promise<string[]> {
  const names = await orAbsent(
    onFile("read", path, () => readdir(path)),
    [],
  );
  return names
    .filter((name) => name.endsWith(".png"))
    .map((name) => basename(name, ".png"))
    .sort();
}

/** An image's intensities. */
export interface Gray extends Grid {
  readonly data: ArrayLike<number>;
}

/** Intensities 0 to 255. @param path  below the data's folder, for errors as well */
async function readGray(folder: string, path: readonly string[]): Promise<Gray> {
  const bytes = await readLimited(join(folder, ...path), FILE_LIMIT);
  const { width, height, data, maximum } = decodeImage(bytes, path.join("/"));
  return { width, height, data: maximum === 255 ? data : Float32Array.from(data, (value) => value / 257) };
}

function workingGrid({ width, height }: Grid): Grid {
  const by = Math.min(1, WORKING_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * by)), height: Math.max(1, Math.round(height * by)) };
}

function nearest({ data, width, height }: Gray, grid: Grid): Float32Array {
  return Float32Array.from({ length: grid.width * grid.height }, (_, i) => {
    const x = Math.floor((((i % grid.width) + 0.5) * width) / grid.width);
    const y = Math.floor(((Math.floor(i / grid.width) + 0.5) * height) / grid.height);
    return data[y * width + x];
  });
}

/** The mean over each pixel's area of the source, first across, then down. */
function averaged(source: Gray, grid: Grid): Float32Array {
  const across = new Float32Array(grid.width * source.height);
  const out = new Float32Array(grid.width * grid.height);
  average(source.data, source.width, grid.width, source.height, 1, source.width, across, 1, grid.width);
  average(across, source.height, grid.height, grid.width, grid.width, 1, out, grid.width, 1);
  return out;
}

/** Averages `lines` lines of `from` values to `to` values; steps lead along a line and from line to line. */
function average(
  data: ArrayLike<number>,
  from: number,
  to: number,
  lines: number,
  along: number,
  next: number,
  out: Float32Array,
  outAlong: number,
  outNext: number,
): void {
  const step = from / to;
  for (let i = 0; i < to; i++) {
    const [start, end] = [i * step, (i + 1) * step];
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let k = Math.floor(start); k < Math.min(from, end); k++)
        sum += data[line * next + k * along] * (Math.min(end, k + 1) - Math.max(start, k));
      out[line * outNext + i * outAlong] = sum / step;
    }
  }
}
