/**
 * Training of the general model's networks on the paper's data: the input partial segmentation is marked by hand, y_m is the target's,
 * y_s the truth on the whole image, and the step is the share of the open pixels that the target adds.
 */
import { Rng } from "../core/index.ts";
import { compileTraining } from "../engine/index.ts";
import {
  compare,
  describeGeneralLoss,
  imageMaps,
  marksByHand,
  PAPER_SIZE,
  PLANES,
  withLatentScale,
} from "../model/index.ts";
import { drawBatch, makeDiskSet, type PartialBatch } from "../synth/index.ts";
import { type DisksConfig, optimiserOf } from "./config.ts";
import { dataSha256 } from "./paper-work.ts";
import type { TrainingWork } from "./work.ts";

const AREA = PAPER_SIZE * PAPER_SIZE;
const GRID = { width: PAPER_SIZE, height: PAPER_SIZE };

/** @param rng  the run's root generator */
export function disksWork(config: DisksConfig, rng: Rng): TrainingWork {
  const { batch: count, data, loss, model: shape } = config;
  const set = makeDiskSet(Rng.seeded(data.seed), "train", data.images, data.disks);
  const onImage = new Uint8Array(AREA).fill(1);
  const maps = set.map(({ image }) => imageMaps(image, onImage, GRID));
  return {
    model: compileTraining("disks", describeGeneralLoss(count, shape, loss), optimiserOf(config)),
    dataSha256: dataSha256(set),
    cycle: 1,
    async batch(step) {
      const batch = drawBatch(rng.at("batches").at(step), set, count, PAPER_SIZE, data.pairs);
      const planes = new Float32Array(count * PLANES.length * AREA);
      for (const [n, index] of batch.indices.entries()) {
        const { marks, share } = questionOf(batch, n);
        compare(maps[index], marks, share, planes, n * PLANES.length * AREA);
      }
      const noise = rng.at("noise").at(step);
      const { latent } = shape;
      const { draws } = loss;
      const mask = [count, 1, PAPER_SIZE, PAPER_SIZE];
      return {
        names: batch.indices,
        tensors: {
          planes: { data: planes, shape: [count, PLANES.length, PAPER_SIZE, PAPER_SIZE] },
          ym: { data: batch.ym, shape: mask },
          ys: { data: batch.truth, shape: mask },
          noise: { data: noise.at("posterior").normals(count * latent), shape: [count, latent] },
          ...(draws > 0
            ? { draws: { data: noise.at("prior").normals(draws * count * latent), shape: [draws, count, latent] } }
            : {}),
        },
      };
    },
    answered: () => undefined,
    published: (weights) => withLatentScale(weights, config.latentScale),
    close: async () => undefined,
  };
}

/** What is marked in example n, and the share of the open pixels that its target adds. */
function questionOf({ xm, xs, ym }: PartialBatch, n: number) {
  const plane = (values: Float32Array) => Uint8Array.from(values.subarray(n * AREA, (n + 1) * AREA));
  const partialness = plane(xm);
  const given = partialness.reduce((sum, value) => sum + value, 0);
  const wanted = plane(ym).reduce((sum, value) => sum + value, 0);
  return {
    marks: marksByHand({ partialness, segmentation: plane(xs) }),
    share: (wanted - given) / (AREA - given),
  };
}
