/** The models and data that the engine is proved and measured with; PyTorch's side of them is in torch_models.py. */
import { Rng } from "../src/core/index.ts";
import {
  type DescribeLoss,
  type Graph,
  initialValues,
  type ParameterSpec,
  parametersOf,
  type Tensors,
  type Var,
} from "../src/engine/index.ts";
import { describePaperDecoder, describePaperLoss, LATENT_SIZE, PAPER_SIZE } from "../src/model/index.ts";
import { DISKS, drawBatch, makeDiskSet, PAIRS, unionOf } from "../src/synth/index.ts";
import { describeUnet, describeUnetLoss, type UnetOptions } from "./unet.ts";

/** One model at one batch size, with data and starting weights that depend on nothing but this description. */
export interface Case {
  readonly name: string;
  /** How PyTorch's side builds the same model. */
  readonly model:
    | { readonly kind: "paper"; readonly beta0: number; readonly beta1: number }
    | ({ readonly kind: "unet" } & UnetOptions);
  readonly describeLoss: DescribeLoss;
  readonly describeInference: (graph: Graph) => Readonly<Record<string, Var>>;
  readonly parameters: readonly ParameterSpec[];
  /** Flat starting values. */
  readonly weights: Float32Array;
  /** Inputs of `describeLoss`. */
  readonly batch: Tensors;
  /** Inputs of `describeInference`. */
  readonly inputs: Tensors;
}

/** Of data and weights. */
export const SEED = 1;

const PAPER_LOSS = { beta0: 1, beta1: 0.01 };

export function paperCase(count: number): Case {
  const describeLoss = describePaperLoss(count, PAPER_LOSS);
  const { image, xm, xs, ym, ys, noise } = paperBatch(Rng.seeded(SEED), count);
  return {
    name: `paper, batch ${count}`,
    model: { kind: "paper", ...PAPER_LOSS },
    describeLoss,
    describeInference: describePaperDecoder(count),
    ...startingWeights(describeLoss),
    batch: { image, xm, xs, ym, ys, noise },
    inputs: { image, xm, xs, z: noise },
  };
}

export function unetCase(options: UnetOptions): Case {
  const describeLoss = describeUnetLoss(options);
  const { image, target } = diskBatch(Rng.seeded(SEED), options);
  return {
    name: `U-Net, batch ${options.count}`,
    model: { kind: "unet", ...options },
    describeLoss,
    describeInference: describeUnet(options),
    ...startingWeights(describeLoss),
    batch: { image, target },
    inputs: { image },
  };
}

/** Inputs of `describePaperLoss`: disks, partial segmentations of them, and noise. */
function paperBatch(rng: Rng, count: number) {
  const set = makeDiskSet(rng, "train", count, DISKS);
  const batch = drawBatch(rng.at("batch"), set, count, PAPER_SIZE, PAIRS);
  const plane = (data: Float32Array) => ({ data, shape: [count, 1, PAPER_SIZE, PAPER_SIZE] });
  return {
    image: plane(batch.image),
    xm: plane(batch.xm),
    xs: plane(batch.xs),
    ym: plane(batch.ym),
    ys: plane(batch.ys),
    noise: {
      data: rng.at("noise").normals(count * LATENT_SIZE * LATENT_SIZE),
      shape: [count, 1, LATENT_SIZE, LATENT_SIZE],
    },
  };
}

/** Images of disks and masks of all of them. */
function diskBatch(rng: Rng, { count, size }: UnetOptions) {
  const radius = [size / 6, size / 4] as const;
  const set = makeDiskSet(rng, "train", count, { ...DISKS, size, radius });
  const shape = [count, 1, size, size];
  const image = new Float32Array(count * size * size);
  const target = new Float32Array(count * size * size);
  for (const [n, disks] of set.entries()) {
    image.set(disks.image, n * size * size);
    target.set(unionOf(disks.disks, 2 ** disks.disks.length - 1), n * size * size);
  }
  return { image: { data: image, shape }, target: { data: target, shape } };
}

function startingWeights(describeLoss: DescribeLoss) {
  const parameters = parametersOf(describeLoss);
  return { parameters, weights: initialValues(parameters, Rng.seeded(SEED).at("weights")) };
}
