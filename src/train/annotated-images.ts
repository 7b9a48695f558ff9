/**
 * Images with masks on disk, held in memory at working size for the data workers.
 *
 *     DIR/<dataset>/images/<subject>__<slice>.png              gray
 *     DIR/<dataset>/masks/<structure>/<subject>__<slice>.png   0 or 255; no file where the structure is absent or not annotated
 *     DIR/<dataset>/labels/<name>.png                          label values, for painted images; needs no images/
 *     DIR/manifest.json                                        optional; where it is, only datasets of its split "train" are taken
 *
 * Some subjects are held back for validation (`subjects.ts`).
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { type Grid, TendrilError } from "../core/index.ts";
import { onFile, orAbsent, readLimited, readText } from "../files/index.ts";
import { decodeImage } from "../image/index.ts";
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

export interface AnnotatedImages {
  readonly items: readonly AnnotatedImage[];
  readonly pixels: Uint8Array<SharedArrayBuffer>;
  /** Files that were left out, and why. */
  readonly refused: readonly string[];
}

/** A folder holds nothing to train or evaluate on. */
export class DataError extends TendrilError {
  constructor(message: string) {
    super("data", message);
  }
}

const manifestSchema = z.looseObject({
  datasets: z.record(z.string(), z.looseObject({ split: z.string() })),
});

/**
 * @param folder   the data's folder
 * @param leaveOut datasets that are not taken
 * @param onFile   called with files read and to read
 * @throws {DataError} when there is no image with a mask
 */
export async function loadAnnotatedImages(
  folder: string,
  leaveOut: readonly string[],
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<AnnotatedImages> {
  const datasets = (await trainingDatasets(folder)).filter((dataset) => !leaveOut.includes(dataset));
  const sources = (await Promise.all(datasets.map((dataset) => listDataset(folder, dataset)))).flat();
  const refused: string[] = [];
  const items: AnnotatedImage[] = [];
  const parts: Uint8Array[] = [];
  let at = 0;
  const keep = (bytes: Uint8Array) => {
    parts.push(bytes);
    at += bytes.length;
    return at - bytes.length;
  };
  for (const [done, source] of sources.entries()) {
    onProgress(done, sources.length);
    try {
      const { dataset, name, kind } = source;
      const file = await readGray(source.path);
      const grid = workingGrid(file);
      const shrink = kind === "labels" ? nearest : averaged;
      const offset = keep(Uint8Array.from(shrink(file, grid), Math.round));
      const masks: StructureMask[] = [];
      for (const { structure, path } of source.masks) {
        const mask = await readGray(path);
        if (mask.width !== file.width || mask.height !== file.height) {
          refused.push(
            `${dataset}/masks/${structure}/${name}.png is ${mask.width}x${mask.height}, but its image is ${file.width}x${file.height}.`,
          );
          continue;
        }
        const inside = averaged(mask, grid).map((value) => Number(value >= 127.5));
        if (inside.includes(1)) masks.push({ structure, offset: keep(Uint8Array.from(inside)) });
      }
      const subject = subjectOf(name);
      const split = isHeldBack(source) ? "validation" : "train";
      if (kind === "labels" || masks.length > 0)
        items.push({ ...grid, dataset, name, subject, split, offset, kind, masks });
    } catch (error) {
      if (!(error instanceof TendrilError)) throw error;
      refused.push(error.message);
    }
  }
  if (!items.some(({ masks }) => masks.length > 0)) {
    const why = refused.length > 0 ? ` ${refused.length} files were refused, the first: ${refused[0]}` : "";
    throw new DataError(
      `${folder} holds no image with a mask. It needs <dataset>/images/NAME.png and <dataset>/masks/<structure>/NAME.png.${why}`,
    );
  }
  const pixels = new Uint8Array(new SharedArrayBuffer(at));
  let filled = 0;
  for (const part of parts) {
    pixels.set(part, filled);
    filled += part.length;
  }
  return { items, pixels, refused };
}

interface Source {
  readonly dataset: string;
  readonly name: string;
  readonly path: string;
  readonly kind: "image" | "labels";
  readonly masks: readonly { readonly structure: string; readonly path: string }[];
}

async function trainingDatasets(folder: string): Promise<string[]> {
  const names = (await folderNames(folder)).sort();
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
  const structures = (await folderNames(join(root, "masks"))).sort();
  const masks = await Promise.all(
    structures.map(async (structure) => ({
      structure,
      names: new Set(await pngNames(join(root, "masks", structure))),
    })),
  );
  const images = (await pngNames(join(root, "images"))).map((name) => ({
    dataset,
    name,
    path: join(root, "images", `${name}.png`),
    kind: "image" as const,
    masks: masks
      .filter(({ names }) => names.has(name))
      .map(({ structure }) => ({ structure, path: join(root, "masks", structure, `${name}.png`) })),
  }));
  const labels = (await pngNames(join(root, "labels"))).map((name) => ({
    dataset,
    name,
    path: join(root, "labels", `${name}.png`),
    kind: "labels" as const,
    masks: [],
  }));
  return [...images, ...labels];
}

async function folderNames(path: string): Promise<string[]> {
  const entries = await orAbsent(
    onFile("read", path, () => readdir(path, { withFileTypes: true })),
    [],
  );
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
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

interface Gray extends Grid {
  readonly data: ArrayLike<number>;
}

/** Intensities 0 to 255. */
async function readGray(path: string): Promise<Gray> {
  const { width, height, data, maximum } = decodeImage(await readLimited(path, FILE_LIMIT), basename(path));
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
