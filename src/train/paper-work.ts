/** The paper's training: batches of partial segmentations of disks. */
import { Rng } from "../core/index.ts";
import { compileTraining, type Tensors } from "../engine/index.ts";
import { describePaperLoss, LATENT_SIZE, PAPER_SIZE } from "../model/index.ts";
import { type DiskImage, drawBatch, makeDiskSet, type PartialBatch } from "../synth/index.ts";
import { sha256 } from "./checkpoint.ts";
import { optimiserOf, type PaperConfig } from "./config.ts";
import type { TrainingWork } from "./work.ts";

/** @param rng  the run's root generator */
export function paperWork(config: PaperConfig, rng: Rng): TrainingWork {
  const set = makeDiskSet(Rng.seeded(config.data.seed), "train", config.data.images, config.data.disks);
  return {
    model: compileTraining("paper", describePaperLoss(config.batch, config.loss), optimiserOf(config)),
    dataSha256: dataSha256(set),
    cycle: 1,
    async batch(step) {
      const batch = drawBatch(rng.at("batches").at(step), set, config.batch, PAPER_SIZE, config.data.pairs);
      return { tensors: batchTensors(batch, rng.at("noise").at(step)), names: batch.indices };
    },
    answered: () => undefined,
    published: (weights) => weights,
    close: async () => undefined,
  };
}

/** The batch as the training graph's inputs; `noise` turns the posterior into draws. */
export function batchTensors(batch: PartialBatch, noise: Rng): Tensors {
  const count = batch.indices.length;
  const shape = [count, 1, PAPER_SIZE, PAPER_SIZE];
  const { image, xm, xs, ym, ys } = batch;
  const planes = Object.entries({ image, xm, xs, ym, ys }).map(([name, data]) => [name, { data, shape }] as const);
  const latent = [count, 1, LATENT_SIZE, LATENT_SIZE];
  return {
    ...Object.fromEntries(planes),
    noise: { data: noise.normals(count * LATENT_SIZE * LATENT_SIZE), shape: latent },
  };
}

/** SHA-256 over the images and masks of a set, in order. */
export function dataSha256(set: readonly DiskImage[]): string {
  const parts = set.flatMap(({ image, disks }) => [
    Buffer.from(image.buffer, image.byteOffset, image.byteLength),
    ...disks.map((disk) => Buffer.from(disk)),
  ]);
  return sha256(Buffer.concat(parts));
}
