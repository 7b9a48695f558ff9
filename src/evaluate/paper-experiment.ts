/**
 * The paper's experiment (section 3): a trained model on held-out images of disks with held-out partial segmentations,
 * latents from the prior. The paper's networks and the general model's (kind "disks") answer the same questions.
 */
import { type PartialSegmentation, Rng, UsageError } from "../core/index.ts";
import type { Runtime } from "../engine/index.ts";
import {
  type CellProbabilities,
  drawFromPrior,
  imageMaps,
  loadNetworks,
  type Model,
  marksByHand,
  PAPER_SIZE,
  paperDecoderOnnx,
} from "../model/index.ts";
import { drawPair, makeDiskImage, unionOf } from "../synth/index.ts";
import { parseConfig } from "../train/index.ts";
import { type Estimate, estimate } from "./bootstrap.ts";
import { COVERAGE_CANDIDATES, DISK_MEASURES, type DiskMeasure, measureDisks, type Share } from "./disk-measures.ts";

export const HELD_OUT_IMAGES = 1000;

/** How much of the open pixels the general model's networks are asked to add. */
export const DISK_STEP = 0.5;

/** Probability from which a pixel counts. */
const THRESHOLD = 0.5;

export type DiskReport = Readonly<Record<DiskMeasure, Estimate>>;

/** One held-out image, its input, and candidates for latents from the prior. */
export interface HeldOut {
  /** [32, 32], intensities in [0, 1] */
  readonly image: Float32Array;
  readonly disks: readonly Uint8Array[];
  readonly input: PartialSegmentation;
  readonly candidates: readonly PartialSegmentation[];
}

export interface HeldOutOptions {
  /** Draws other images than those of the model's configuration: unseen also by whoever chose that configuration. */
  readonly dataSeed?: number | undefined;
  /** How much of the open pixels a model that takes a step is to add, (0, 1] (default DISK_STEP); the paper's takes none. */
  readonly step?: number | undefined;
}

/** @param options  onImage is called after every image with how many are done */
export async function evaluateOnDisks(
  model: Model,
  runtime: Runtime,
  {
    images = HELD_OUT_IMAGES,
    onImage,
    ...options
  }: HeldOutOptions & { images?: number; onImage?: (done: number) => void } = {},
): Promise<DiskReport> {
  const shares: Record<DiskMeasure, Share>[] = [];
  for await (const { disks, input, candidates } of heldOut(model, runtime, images, options)) {
    shares.push(measureDisks(disks, input, candidates));
    onImage?.(shares.length);
  }
  const rng = Rng.seeded(0).at("bootstrap");
  const names = Object.keys(DISK_MEASURES) as DiskMeasure[];
  const estimates = names.map((name) => [
    name,
    estimate(
      shares.map((share) => share[name]),
      rng.at(name),
    ),
  ]);
  return Object.fromEntries(estimates) as Record<DiskMeasure, Estimate>;
}

/** Held-out images in order; the same for every model that was trained on the same data. */
export async function* heldOut(
  model: Model,
  runtime: Runtime,
  count: number,
  { dataSeed, step = DISK_STEP }: HeldOutOptions = {},
): AsyncGenerator<HeldOut> {
  const config = parseConfig(JSON.stringify(model.card.config), `${model.card.name}: config`);
  if (config.kind === "general")
    throw new UsageError(`${model.card.name} was not trained on disks: they are not its experiment. Use --data.`);
  const { data } = config;
  const root = Rng.seeded(dataSeed ?? data.seed);
  const drawer =
    config.kind === "paper" ? await paperDrawer(model, runtime) : await generalDrawer(model, runtime, step);
  try {
    for (let i = 0; i < count; i++) {
      // The same derivation as the training set's (makeDiskSet), under a key of its own.
      const { image, disks } = makeDiskImage(root.at("heldout").at(i), data.disks);
      const rng = root.at("heldout partial segmentations").at(i);
      const truth = unionOf(disks, 1 + rng.below(2 ** disks.length - 1));
      const { x } = drawPair(rng, truth, PAPER_SIZE, data.pairs);
      const candidates = await drawer.draw(image, x, root.at("heldout latents").at(i));
      yield { image, disks, input: x, candidates };
    }
  } finally {
    await drawer.close();
  }
}

/** COVERAGE_CANDIDATES candidates for latents from the prior, cut at THRESHOLD. */
interface Drawer {
  draw(image: Float32Array, x: PartialSegmentation, rng: Rng): Promise<PartialSegmentation[]>;
  close(): Promise<void>;
}

async function paperDrawer(model: Model, runtime: Runtime): Promise<Drawer> {
  const session = await runtime.load(paperDecoderOnnx(model.weights, COVERAGE_CANDIDATES));
  return {
    async draw(image, { partialness, segmentation }, rng) {
      const input = { image, xm: Float32Array.from(partialness), xs: Float32Array.from(segmentation) };
      // Since s = (..) m, s is above the threshold only where m is.
      return (await drawFromPrior(session, input, COVERAGE_CANDIDATES, rng)).map(cut);
    },
    close: () => session.close(),
  };
}

async function generalDrawer(model: Model, runtime: Runtime, step: number): Promise<Drawer> {
  const networks = await loadNetworks(model, runtime, COVERAGE_CANDIDATES);
  const onImage = new Uint8Array(PAPER_SIZE * PAPER_SIZE).fill(1);
  return {
    async draw(image, x, rng) {
      const maps = imageMaps(image, onImage, { width: PAPER_SIZE, height: PAPER_SIZE });
      const latents = rng.normals(COVERAGE_CANDIDATES * networks.shape.latent);
      const [, ...drawn] = await networks.answer({ maps, marks: marksByHand(x), step, features: null }, latents);
      return drawn.map(cut).map(insideWhereSegmented);
    },
    close: networks.close,
  };
}

function cut({ partialness, segmentation }: CellProbabilities): PartialSegmentation {
  return {
    width: PAPER_SIZE,
    height: PAPER_SIZE,
    partialness: Uint8Array.from(partialness, isAbove),
    segmentation: Uint8Array.from(segmentation, isAbove),
  };
}

/** The general model's probability inside is that of the whole image: what a candidate claims ends with its partialness. */
function insideWhereSegmented({ segmentation, ...partial }: PartialSegmentation): PartialSegmentation {
  return { ...partial, segmentation: segmentation.map((value, i) => value & partial.partialness[i]) };
}

function isAbove(probability: number): number {
  return probability > THRESHOLD ? 1 : 0;
}
