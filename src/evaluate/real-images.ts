/**
 * Cases of real images with masks on disk, chosen and read as the peers' harness does it (`bench/peers/run.py` of the project's shared
 * material), but for its random order.
 *
 *     DIR/<dataset>/images/<subject>__<slice>.png              gray
 *     DIR/<dataset>/masks/<structure>/<subject>__<slice>.png   black outside; each is one case
 *     DIR/manifest.json                                        optional: names each data set's split
 *
 * DIR may itself be a data set. An image is scaled so that its longer side is SIDE, or what is asked, put in the middle of a square, and stretched to 0..255.
 */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { type Grid, type Image, Rng, UsageError } from "../core/index.ts";
import { foldersIn, onFile, orAbsent, readLimited, readText } from "../files/index.ts";
import { decodeImage } from "../image/index.ts";
import { footprints } from "../model/window.ts";
import { DataError, isHeldBack } from "../train/index.ts";
import type { Task } from "./annotator.ts";

export const SIDE = 128;
/** Structures of fewer pixels at that size, and as much area at another, are left out. */
export const LEAST_PIXELS = 30;
const FILE_LIMIT = 512 * 2 ** 20;

/** One structure in one image, not read yet. */
export interface CaseFile {
  readonly dataset: string;
  readonly structure: string;
  /** Of the image, without ".png" */
  readonly name: string;
  readonly image: string;
  readonly mask: string;
  /** Pixels of the longer side that it is read at (default: SIDE). */
  readonly size?: number;
}

export interface RealCase extends Task, Pick<CaseFile, "dataset" | "structure" | "name"> {}

export interface CaseFilter {
  /** Names of data sets; all where it is empty. */
  readonly datasets: readonly string[];
  /**
   * "validation" and "train": subjects that training holds back or sees, of the data sets for training; another name: the data sets to
   * which the manifest gives it; null: all.
   */
  readonly split: string | null;
}

const manifestSchema = z.looseObject({ datasets: z.record(z.string(), z.looseObject({ split: z.string() })) });

/**
 * Every image with a mask, in the order of data set, structure and name.
 *
 * @throws {DataError | UsageError} when none is left
 */
export async function findCases(folder: string, { datasets, split }: CaseFilter): Promise<CaseFile[]> {
  const root = resolve(folder);
  const names = await foldersIn(root);
  const isDataset = names.includes("images");
  const [parent, all] = isDataset ? [dirname(root), [basename(root)]] : [root, names.toSorted()];
  const splits = split === null ? null : await readSplits(parent);
  const wanted = all.filter((name) => datasets.length === 0 || datasets.includes(name));
  const cases = (await Promise.all(wanted.map((dataset) => casesOf(parent, dataset)))).flat();
  if (cases.length === 0)
    throw new DataError(
      `${folder} holds no image with a mask${datasets.length > 0 ? ` in ${datasets.join(", ")}` : ""}. ` +
        "It needs <dataset>/images/NAME.png and <dataset>/masks/<structure>/NAME.png.",
    );
  if (split === null) return cases;
  const isOf = ofSplit(split, splits);
  const left = cases.filter(isOf);
  if (left.length === 0) {
    const known = ["validation", "train", ...(splits?.values() ?? [])];
    throw new UsageError(
      `Nothing in ${folder} belongs to the split ${split}. There are: ${[...new Set(known)].join(", ")}.`,
    );
  }
  return left;
}

/**
 * At most `limit` cases a data set (0 takes all), spread over its structures: one of each in turn. The same seed gives the same.
 */
export function chooseCases(cases: readonly CaseFile[], limit: number, seed: number): CaseFile[] {
  const most = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  return grouped(cases, ({ dataset }) => dataset).flatMap(([dataset, ofDataset]) => {
    const rng = Rng.seeded(seed).at(dataset);
    const piles = grouped(ofDataset, ({ structure }) => structure).map(([structure, pile]) =>
      rng.at(structure).shuffle([...pile]),
    );
    rng.at("order of structures").shuffle(piles);
    const chosen: CaseFile[] = [];
    for (let round = 0; chosen.length < most && piles.some((pile) => round < pile.length); round++)
      for (const pile of piles) if (round < pile.length && chosen.length < most) chosen.push(pile[round]);
    return chosen;
  });
}

/**
 * @returns null when the structure has fewer than LEAST_PIXELS pixels at SIDE
 * @throws {TendrilError} when a file cannot be read, or the mask has another size than the image
 */
export async function readCase({
  dataset,
  structure,
  name,
  image,
  mask,
  size = SIDE,
}: CaseFile): Promise<RealCase | null> {
  const file = await readGray(image, `${dataset}/images/${name}.png`);
  const marked = await readGray(mask, `${dataset}/masks/${structure}/${name}.png`);
  if (marked.width !== file.width || marked.height !== file.height)
    throw new DataError(
      `${dataset}/masks/${structure}/${name}.png is ${marked.width}x${marked.height}, but its image is ${file.width}x${file.height}. Draw it on the image's own pixels.`,
    );
  const inside = { ...marked, data: Uint8Array.from(marked.data, (value) => (value > 0 ? 255 : 0)) };
  const { values, valid } = fitted(file, size);
  const truth = Uint8Array.from(fitted(inside, size).values, (value) => Number(value >= 127.5));
  if (truth.reduce((sum, value) => sum + value, 0) < LEAST_PIXELS * (size / SIDE) ** 2) return null;
  return { dataset, structure, name, truth, valid, image: stretched(values, valid, size) };
}

/** What every method can do without looking: the image, gray all over. */
export function blanked({ image, valid }: Pick<Task, "image" | "valid">): Image {
  return { ...image, data: valid.map((value) => 128 * value) };
}

/** By key, keys in order. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function ofSplit(split: string, splits: ReadonlyMap<string, string> | null): (file: CaseFile) => boolean {
  // Without a manifest all data are for training.
  if (split !== "validation" && split !== "train") return ({ dataset }) => splits?.get(dataset) === split;
  return (file) =>
    (splits === null || splits.get(file.dataset) === "train") && isHeldBack(file) === (split === "validation");
}

async function readSplits(folder: string): Promise<ReadonlyMap<string, string> | null> {
  const path = join(folder, "manifest.json");
  const text = await orAbsent(readText(path, FILE_LIMIT), null);
  if (text === null) return null;
  try {
    const { datasets } = manifestSchema.parse(JSON.parse(text));
    return new Map(Object.entries(datasets).map(([name, { split }]) => [name, split]));
  } catch (cause) {
    throw new DataError(
      `${path} does not name the splits as {"datasets": {NAME: {"split": "train"}}}. Put it right, or remove it.`,
      { cause },
    );
  }
}

async function casesOf(parent: string, dataset: string): Promise<CaseFile[]> {
  const root = join(parent, dataset);
  const images = new Set(await pngsIn(join(root, "images")));
  const structures = (await orAbsent(foldersIn(join(root, "masks")), [])).sort();
  const each = structures.map(async (structure) => {
    const names = (await pngsIn(join(root, "masks", structure))).filter((name) => images.has(name));
    return names.sort().map(
      (name): CaseFile => ({
        dataset,
        structure,
        name,
        image: join(root, "images", `${name}.png`),
        mask: join(root, "masks", structure, `${name}.png`),
      }),
    );
  });
  return (await Promise.all(each)).flat();
}

/** Names without ".png"; none where there is no such folder. */
async function pngsIn(path: string): Promise<string[]> {
  const names = await orAbsent(
    onFile("read", path, () => readdir(path)),
    [],
  );
  return names.filter((name) => name.endsWith(".png")).map((name) => basename(name, ".png"));
}

/** @param source  its path below the data's folder, for errors */
async function readGray(path: string, source: string) {
  return decodeImage(await readLimited(path, FILE_LIMIT), source);
}

/** Scaled to fit a square of `size`, in its middle, 0 beside it. */
function fitted({ width, height, data }: Grid & { readonly data: ArrayLike<number> }, size: number) {
  const scale = size / Math.max(width, height);
  const scaled = [width, height].map((side) => Math.max(1, roundedToEven(side * scale)));
  const [left, top] = scaled.map((side) => Math.floor((size - side) / 2));
  const columns = footprints(0, width / scaled[0], scaled[0], width);
  const rows = footprints(0, height / scaled[1], scaled[1], height);
  const values = new Float64Array(size * size);
  const valid = new Uint8Array(size * size);
  for (const [r, row] of rows.entries()) {
    const line = new Float64Array(width);
    for (const [k, y] of row.pixels.entries())
      for (let x = 0; x < width; x++) line[x] += row.weights[k] * data[y * width + x];
    for (const [c, { pixels, weights }] of columns.entries()) {
      const at = (top + r) * size + left + c;
      valid[at] = 1;
      for (const [k, x] of pixels.entries()) values[at] += weights[k] * line[x];
    }
  }
  return { values, valid };
}

/** As Python rounds, so that an image has the same size here as in the harness. */
function roundedToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

function stretched(values: Float64Array, valid: Uint8Array, size: number): Image {
  const onImage = values.filter((_, i) => valid[i] === 1);
  const low = onImage.reduce((a, b) => Math.min(a, b));
  const high = onImage.reduce((a, b) => Math.max(a, b));
  const data = Uint8Array.from(values, (value, i) =>
    valid[i] ? Math.round(((value - low) * 255) / Math.max(high - low, 1)) : 0,
  );
  return { width: size, height: size, data, maximum: 255 };
}
