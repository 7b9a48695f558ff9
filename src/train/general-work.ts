/** The general model's training: simulated annotations of real and painted images, streamed from worker threads. */
import { createHash } from "node:crypto";
import type { Rng } from "../core/index.ts";
import { compileTraining, type HostTensor } from "../engine/index.ts";
import { describeGeneralLoss, type NamedTensor, PLANES } from "../model/index.ts";
import type { AnnotatedImages, ImagePixels } from "./annotated-images.ts";
import { type GeneralConfig, optimiserOf } from "./config.ts";
import type { StoredFeatures } from "./feature-store.ts";
import type { FoundRegions } from "./region-cache.ts";
import { CYCLE, SampleStream } from "./sample-stream.ts";
import type { TrainingWork } from "./work.ts";

export interface GeneralData {
  readonly images: AnnotatedImages;
  /** Null for a model that uses none. */
  readonly features: StoredFeatures | null;
  /** Null for a run that asks for none. */
  readonly regions: FoundRegions | null;
  /** The fixed weights with which the features were projected (see `model/pretrained.ts`). */
  readonly projection: ReadonlyMap<string, NamedTensor>;
}

/**
 * @param rng      the run's root generator
 * @param workers  threads that make samples
 */
export function generalWork(
  config: GeneralConfig,
  rng: Rng,
  { images, features, regions, projection }: GeneralData,
  workers: number,
): TrainingWork {
  const { batch: count, model: shape, data } = config;
  const { leaveOut: _, imagesPerDataset: __, texturedScenes, ...shares } = data;
  const pixels = { items: images.items, pixels: images.pixels };
  const order = {
    images: pixels,
    features,
    regions,
    tasks: { size: shape.size, textured: texturedScenes?.share ?? 0, ...shares },
    count,
  };
  let stream: SampleStream | null = null;
  const plane = (values: Float32Array, channels: number, size = shape.size): HostTensor => ({
    data: values,
    shape: [count, channels, size, size],
  });
  return {
    model: compileTraining("general", describeGeneralLoss(count, shape, config.loss), optimiserOf(config)),
    dataSha256: hashOf(images),
    cycle: CYCLE,
    async batch(step) {
      stream ??= new SampleStream(order, rng.at("samples"), step, workers);
      const batch = await stream.batch(step);
      const noise = rng.at("noise").at(step);
      const { latent, features: channels } = shape;
      const { draws } = config.loss;
      return {
        names: batch.names,
        tensors: {
          planes: plane(batch.planes, PLANES.length),
          ym: plane(batch.ym, 1),
          ys: plane(batch.ys, 1),
          noise: { data: noise.at("posterior").normals(count * latent), shape: [count, latent] },
          ...(channels > 0 ? { features: plane(batch.features, channels, shape.size / 2) } : {}),
          ...(draws > 0
            ? { draws: { data: noise.at("prior").normals(draws * count * latent), shape: [draws, count, latent] } }
            : {}),
        },
      };
    },
    answered(step, { shown, picked = shown }) {
      stream?.answered(step, { shown: shown.data, picked: picked.data });
    },
    // The features' projection is not trained, but the model is of no use without it.
    published: (weights) => new Map([...weights, ...[...projection].map(([name, { data }]) => [name, data] as const)]),
    close: async () => {
      await stream?.close();
    },
  };
}

function hashOf({ items, pixels }: ImagePixels): string {
  const hash = createHash("sha256").update(pixels);
  for (const { dataset, name, split } of items) hash.update(`${dataset}/${name} ${split}\n`);
  return hash.digest("hex");
}
