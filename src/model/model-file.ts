/**
 * A trained model as a folder: `model.json` (what it is and where it comes from), `weights.safetensors`, and `decoder.onnx`, the
 * same decoder as an ordinary ONNX file for other tools. Only the first two are read back.
 */
import { z } from "zod";
import { parametersOf } from "../engine/index.ts";
import { describePaperLoss } from "./paper.ts";
import { type NamedTensor, readSafetensors, WeightsError } from "./safetensors.ts";

export const MODEL_FILES = { card: "model.json", weights: "weights.safetensors", decoder: "decoder.onnx" } as const;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** What a program needs to know of a model, and what a person needs to make it again. */
export const modelCard = z.strictObject({
  format: z.literal(1),
  name: z.string().min(1).max(256),
  kind: z.literal("paper"),
  parameters: z.int().positive(),
  seed: z.int().nonnegative(),
  steps: z.int().positive(),
  dataSha256: sha256,
  weightsSha256: sha256,
  config: z.record(z.string(), z.unknown()),
  runtime: z.string(),
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
  return { card, weights: checkedWeights(tensors, source) };
}

export function namedTensors(weights: ReadonlyMap<string, Float32Array>): Map<string, NamedTensor> {
  return new Map(paperParameters().map(({ name, shape }) => [name, { shape, data: weights.get(name)! }]));
}

/** The parameters of the paper's encoder and decoder, in the order of the flat vector. */
export function paperParameters() {
  return parametersOf(describePaperLoss(1, { beta0: 1, beta1: 1 }));
}

function checkedWeights(tensors: ReadonlyMap<string, NamedTensor>, source: string): Map<string, Float32Array> {
  const specs = paperParameters();
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
