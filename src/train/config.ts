/** A training run as one JSON file: complete, no hidden defaults, unknown keys refused. `configs/` holds an example of each kind. */
import { z } from "zod";
import { jsonFault, UsageError } from "../core/index.ts";
import type { OptimiserOptions } from "../engine/index.ts";
import { generalShape, PAPER_SIZE } from "../model/index.ts";
import { CYCLE } from "./sample-stream.ts";

const range = (least: number, most: number) =>
  z
    .tuple([z.number().min(least).max(most), z.number().min(least).max(most)])
    .refine(([low, high]) => low <= high, "the first must not be larger than the second");

const wholeRange = (least: number, most: number) =>
  range(least, most).refine((pair) => pair.every(Number.isInteger), "whole numbers are needed");

const rate = z.number().min(0).lt(1);
const weight = z.number().min(0).max(1e6);

const optimiser = z.strictObject({
  learningRate: z.number().positive().max(1),
  schedule: z.enum(["constant", "cosine"]),
  warmup: z.int().nonnegative(),
  floor: z.number().min(0).max(1),
  beta1: rate,
  beta2: rate,
  epsilon: z.number().min(1e-12).max(1),
  weightDecay: z.number().min(0).lt(1),
  clipNorm: z.number().positive().nullable(),
  average: rate.nullable(),
});

const run = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "use small letters, digits and hyphens"),
  seed: z.int().nonnegative(),
  steps: z.int().min(1).max(10_000_000),
  batch: z.int().min(1).max(4096),
  checkpointEvery: z.int().min(1),
  optimiser,
  /** The trained model whose weights the run begins with, instead of random ones; `tendril train --from` writes it. */
  from: z.strictObject({ model: z.string(), weightsSha256: z.string() }).optional(),
  /** The trained model's weights lie this far on the way from those that the run begins with to those that it ends with; 1 where it is left out. */
  blend: z.number().gt(0).lt(1).optional(),
};

const diskData = z.strictObject({
  images: z.int().min(1).max(1_000_000),
  seed: z.int().nonnegative(),
  disks: z
    .strictObject({
      size: z.literal(32),
      disks: z.int().min(1).max(8),
      radius: range(1, 16),
      background: range(0, 1),
      intensity: range(0, 1),
      contrast: z.number().min(0).max(0.3),
      noise: z.number().min(0).max(1),
    })
    .refine(({ disks, intensity, contrast }) => 2 * disks * contrast < intensity[1] - intensity[0], {
      message: "intensity must be wider than 2 x disks x contrast, or no further disk may fit",
    }),
  pairs: z
    .strictObject({ labels: z.int().min(2).max(256), given: wholeRange(1, 255), added: wholeRange(1, 255) })
    .refine(({ labels, given, added }) => given[1] + added[1] <= labels, {
      message: "given and added together must not exceed labels",
    }),
});

const paper = z.strictObject({
  ...run,
  kind: z.literal("paper"),
  data: diskData,
  loss: z.strictObject({ beta0: weight, beta1: weight }),
});

const share = z.number().min(0).max(1);

const generalLoss = z.strictObject({
  beta0: weight,
  betaKl: weight,
  betaMean: weight,
  betaBest: weight,
  draws: z.int().min(0).max(16),
});

/** The general model's networks on the paper's data. */
const disks = z.strictObject({
  ...run,
  kind: z.literal("disks"),
  data: diskData,
  model: generalShape.refine(({ size, features }) => size === PAPER_SIZE && features === 0, {
    message: `size must be ${PAPER_SIZE} and features 0: the disks are images of that size, and no encoder sees them`,
  }),
  loss: generalLoss,
  /** How much wider than in training the published decoder spreads its latents (`withLatentScale`); 1 leaves them. */
  latentScale: z.number().min(0.1).max(10),
});

const general = z.strictObject({
  ...run,
  kind: z.literal("general"),
  data: z
    .strictObject({
      /** Data sets that are held back as a whole, for choices that must tell of transfer. */
      leaveOut: z.array(z.string()),
      imagesPerDataset: z.int().min(1).nullable(),
      painted: share,
      random: share,
      scenes: share,
      /** How many scenes are painted with textures of these images (`scene-images.ts`), and the share of tasks on them; none where it is left out. */
      texturedScenes: z.strictObject({ images: z.int().min(1).max(100_000), share }).optional(),
      regions: share,
      found: share,
      withoutFeatures: share,
      appearance: share,
    })
    .refine(
      ({ painted, random, scenes, texturedScenes, regions, found }) =>
        painted + random + scenes + (texturedScenes?.share ?? 0) + regions + found <= 1,
      {
        message:
          "painted, random, scenes, texturedScenes.share, regions and found are shares of one whole and must not exceed 1 together",
      },
    ),
  model: generalShape,
  loss: generalLoss,
});

const schema = z
  .discriminatedUnion("kind", [paper, disks, general])
  .refine(({ optimiser, steps }) => optimiser.warmup < steps, "optimiser.warmup must be smaller than steps")
  .refine(
    ({ kind, steps, checkpointEvery }) => kind !== "general" || (steps % CYCLE === 0 && checkpointEvery % CYCLE === 0),
    `steps and checkpointEvery of a general run must be multiples of ${CYCLE}: a run can only be taken up between two cycles`,
  );

export type PaperConfig = z.infer<typeof paper>;
export type DisksConfig = z.infer<typeof disks>;
export type GeneralConfig = z.infer<typeof general>;
export type TrainingConfig = z.infer<typeof schema>;

/**
 * @param source  name of the file, for errors
 * @throws {UsageError} naming every wrong key and value
 */
export function parseConfig(text: string, source: string): TrainingConfig {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${source} is not JSON: ${jsonFault(cause)}. Compare it with configs/paper.json.`, { cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".") || "the file"}: ${message}`);
  throw new UsageError(`${source}: ${faults.join("; ")}. Compare it with configs/paper.json.`);
}

export function optimiserOf({ optimiser, steps }: Pick<TrainingConfig, "optimiser" | "steps">): OptimiserOptions {
  const { schedule, warmup, floor, ...rest } = optimiser;
  return {
    ...rest,
    schedule: schedule === "constant" ? { kind: "constant", warmup } : { kind: "cosine", warmup, steps, floor },
  };
}
