/**
 * The paper's experiment (section 3): a trained model on held-out images of disks with held-out partial segmentations,
 * latents from the prior.
 */
import { type PartialSegmentation, Rng, UsageError } from "../core/index.ts";
import type { Runtime, Session } from "../engine/index.ts";
import { drawFromPrior, type Model, PAPER_SIZE, paperDecoderOnnx } from "../model/index.ts";
import { drawPair, makeDiskImage, unionOf } from "../synth/index.ts";
import { parseConfig } from "../train/index.ts";
import { type Estimate, estimate } from "./bootstrap.ts";
import { COVERAGE_CANDIDATES, DISK_MEASURES, type DiskMeasure, measureDisks, type Share } from "./disk-measures.ts";

export const HELD_OUT_IMAGES = 1000;

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

/** @param options  dataSeed as in `heldOut`; onImage is called after every image with how many are done */
export async function evaluateOnDisks(
  model: Model,
  runtime: Runtime,
  {
    images = HELD_OUT_IMAGES,
    dataSeed,
    onImage,
  }: { images?: number; dataSeed?: number | undefined; onImage?: (done: number) => void } = {},
): Promise<DiskReport> {
  const shares: Record<DiskMeasure, Share>[] = [];
  for await (const { disks, input, candidates } of heldOut(model, runtime, images, dataSeed)) {
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

/**
 * Held-out images in order; the same for every model that was trained on the same data.
 *
 * @param dataSeed  draws other images than those of the model's configuration: unseen also by whoever chose that configuration
 */
export async function* heldOut(
  model: Model,
  runtime: Runtime,
  count: number,
  dataSeed?: number,
): AsyncGenerator<HeldOut> {
  const { name, kind } = model.card;
  const config = kind === "paper" ? parseConfig(JSON.stringify(model.card.config), `${name}: config`) : null;
  if (config?.kind !== "paper")
    throw new UsageError(`${name} is not the paper's model: the disks are not its experiment. Use --data.`);
  const { data } = config;
  const root = Rng.seeded(dataSeed ?? data.seed);
  const session = await runtime.load(paperDecoderOnnx(model.weights, COVERAGE_CANDIDATES));
  try {
    for (let i = 0; i < count; i++) {
      // The same derivation as the training set's (makeDiskSet), under a key of its own.
      const { image, disks } = makeDiskImage(root.at("heldout").at(i), data.disks);
      const rng = root.at("heldout partial segmentations").at(i);
      const truth = unionOf(disks, 1 + rng.below(2 ** disks.length - 1));
      const { x } = drawPair(rng, truth, PAPER_SIZE, data.pairs);
      const candidates = await draw(session, image, x, root.at("heldout latents").at(i));
      yield { image, disks, input: x, candidates };
    }
  } finally {
    await session.close();
  }
}

/** Candidates for latents from the prior, cut at THRESHOLD. */
async function draw(session: Session, image: Float32Array, x: PartialSegmentation, rng: Rng) {
  const input = { image, xm: Float32Array.from(x.partialness), xs: Float32Array.from(x.segmentation) };
  const drawn = await drawFromPrior(session, input, COVERAGE_CANDIDATES, rng);
  return drawn.map(
    ({ partialness, segmentation }): PartialSegmentation => ({
      width: PAPER_SIZE,
      height: PAPER_SIZE,
      partialness: Uint8Array.from(partialness, isAbove),
      segmentation: Uint8Array.from(segmentation, isAbove),
    }),
  );
}

/** Since s = (..) m, s is above the threshold only where m is. */
function isAbove(probability: number): number {
  return probability > THRESHOLD ? 1 : 0;
}
