/**
 * A trained model as a folder: `model.json` (what it is and where it comes from), `weights.safetensors`, and the networks that propose
 * as ordinary ONNX files for other tools (`decoder.onnx` of the paper's model, `trunk.onnx` and `candidates.onnx` of a general one).
 * Only the first two are read back.
 */
import { z } from "zod";
import { parametersOf } from "../engine/index.ts";
import { describeGeneralLoss } from "./general.ts";
import { describePaperLoss } from "./paper.ts";
import { projectionShapes } from "./pretrained.ts";
import { type NamedTensor, readSafetensors, WeightsError } from "./safetensors.ts";
import type { GeneralShape } from "./trunk.ts";

export const MODEL_FILES = { card: "model.json", weights: "weights.safetensors" } as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const channels = z.int().min(1).max(1024);

/** `GeneralShape`, checked. */
export const generalShape = z.strictObject({
  size: z.int().min(32).max(512).multipleOf(16),
  widths: z.tuple([channels, channels, channels, channels, channels]),
  features: z.int().min(0).max(256),
  latent: z.int().min(1).max(64),
});

/**
 * What a program needs to know of a model, and what a person needs to make it again. Of kind "disks" are the general model's networks trained on the
 * paper's data; a program uses them like those of a general model.
 */
export const modelCard = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1).max(256),
  kind: z.enum(["paper", "disks", "general"]),
  parameters: z.int().positive(),
  seed: z.int().nonnegative(),
  steps: z.int().positive(),
  dataSha256: sha256,
  weightsSha256: sha256,
  config: z.record(z.string(), z.unknown()),
  runtime: z.string(),
  /** Checksum of the weights that these are the 8-bit copy of. */
  shrunkFrom: sha256.optional(),
});

export type ModelCard = z.infer<typeof modelCard>;

export interface Model {
  readonly card: ModelCard;
  /** Parameter values by name, encoder and decoder. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/**
 * @param source  name of the model's folder, for errors
 * @throws {WeightsError} when either file is damaged or the weights belong to another network
 */
export function parseModel(cardText: string, weightsBytes: Uint8Array, source: string): Model {
  let card: ModelCard;
  try {
    card = modelCard.parse(JSON.parse(cardText));
  } catch (cause) {
    throw new WeightsError(
      "bad-header",
      `${source}/${MODEL_FILES.card} does not describe a model that this version of Tendril can read (it reads format 1). Train it again, or copy it again.`,
      { cause },
    );
  }
  const tensors = readSafetensors(weightsBytes, `${source}/${MODEL_FILES.weights}`);
  return { card, weights: checkedWeights(tensors, tensorsOf(card, source), source) };
}

export function namedTensors(
  card: Pick<ModelCard, "kind" | "config">,
  weights: ReadonlyMap<string, Float32Array>,
): Map<string, NamedTensor> {
  return new Map(tensorsOf(card, "the model").map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]));
}

/** The parameters of the paper's encoder and decoder, in the order of the flat vector. */
export function paperParameters() {
  return parametersOf(describePaperLoss(1, { beta0: 1, beta1: 1 }));
}

/** The shape of a general model. @throws {WeightsError} when its card does not give one */
export function shapeOf({ config }: Pick<ModelCard, "config">, source: string): GeneralShape {
  const parsed = generalShape.safeParse(config.model);
  if (parsed.success) return parsed.data;
  throw new WeightsError("bad-header", `${source}/${MODEL_FILES.card} does not give the shape of its network.`);
}

/** All tensors of a model's file: the trained parameters, and what belongs to them. */
function tensorsOf(card: Pick<ModelCard, "kind" | "config">, source: string) {
  if (card.kind === "paper") return paperParameters();
  const shape = shapeOf(card, source);
  const loss = { beta0: 1, betaKl: 1, betaMean: 1, betaBest: 1, draws: 0 };
  const trained = parametersOf(describeGeneralLoss(1, shape, loss));
  return shape.features > 0 ? [...trained, ...projectionShapes(shape.features)] : trained;
}

function checkedWeights(
  tensors: ReadonlyMap<string, NamedTensor>,
  specs: readonly { readonly name: string; readonly shape: readonly number[] }[],
  source: string,
): Map<string, Float32Array> {
  for (const { name, shape } of specs) {
    const found = tensors.get(name)?.shape;
    if (found?.join() !== shape.join())
      throw new WeightsError(
        "wrong-model",
        `${source} holds another model: ${name} is ${found ? `[${found}]` : "missing"} and should be [${shape}].`,
      );
  }
  if (tensors.size !== specs.length)
    throw new WeightsError(
      "wrong-model",
      `${source} holds another model: ${tensors.size} tensors, not ${specs.length}.`,
    );
  for (const [name, { data }] of tensors)
    if (!data.every(Number.isFinite))
      throw new WeightsError("wrong-model", `${source}: ${name} holds a value that is not a finite number.`);
  return new Map([...tensors].map(([name, { data }]) => [name, data]));
}
