/** Reading and writing a trained model's folder on disk. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { packageFolder, publishFolder, readLimited, readText } from "../files/index.ts";
import {
  candidatesOnnx,
  MODEL_FILES,
  type Model,
  type ModelCard,
  namedTensors,
  paperDecoderOnnx,
  parseModel,
  shapeOf,
  trunkOnnx,
  WeightsError,
  writeSafetensors,
} from "../model/index.ts";
import { sha256 } from "./checkpoint.ts";

const WEIGHTS_LIMIT = 512 * 2 ** 20;
const CARD_LIMIT = 2 ** 20;
/** Candidates that the exported decoder draws at once. */
const EXPORTED_BATCH = 8;

/** Models that come with the package, the first that is there is used. */
const SHIPPED = ["general", "paper"];

/** The model that comes with the package. */
export function shippedModelFolder(): string {
  const folders = SHIPPED.map((name) => join(packageFolder(), "models", name));
  return folders.find((folder) => existsSync(join(folder, MODEL_FILES.card))) ?? folders[folders.length - 1];
}

/** @throws {TendrilError} when a file is missing, damaged or of another model */
export async function readModelFolder(folder: string): Promise<Model> {
  const card = await readText(join(folder, MODEL_FILES.card), CARD_LIMIT);
  const weights = await readLimited(join(folder, MODEL_FILES.weights), WEIGHTS_LIMIT);
  const model = parseModel(card, weights, basename(folder));
  if (sha256(weights) !== model.card.weightsSha256)
    throw new WeightsError(
      "damaged",
      `${basename(folder)}/${MODEL_FILES.weights} does not match the checksum in ${MODEL_FILES.card}. Copy or train it again.`,
    );
  return model;
}

/** Makes the folder with the model's files and returns its card. @throws {FileError} when the folder exists */
export async function writeModelFolder(
  folder: string,
  weights: ReadonlyMap<string, Float32Array>,
  facts: Omit<ModelCard, "format" | "weightsSha256" | "parameters">,
): Promise<ModelCard> {
  const bytes = writeSafetensors(namedTensors(facts, weights));
  const parameters = [...weights.values()].reduce((total, { length }) => total + length, 0);
  const card: ModelCard = { format: 1, parameters, weightsSha256: sha256(bytes), ...facts };
  await publishFolder(folder, {
    [MODEL_FILES.weights]: bytes,
    ...networks(facts, weights),
    [MODEL_FILES.card]: `${JSON.stringify(card, null, 2)}\n`,
  });
  return card;
}

/** Makes a folder of the same model in 8 bits, a quarter of the size, without the networks for other tools. @throws {FileError} when it exists */
export async function writeSmallModelFolder(folder: string, { card, weights }: Model): Promise<ModelCard> {
  const bytes = writeSafetensors(namedTensors(card, weights), 8);
  const small = { ...card, name: basename(folder), weightsSha256: sha256(bytes), shrunkFrom: card.weightsSha256 };
  await publishFolder(folder, {
    [MODEL_FILES.weights]: bytes,
    [MODEL_FILES.card]: `${JSON.stringify(small, null, 2)}\n`,
  });
  return small;
}

/** The networks that propose, for other tools. */
function networks(card: Pick<ModelCard, "kind" | "config">, weights: ReadonlyMap<string, Float32Array>) {
  if (card.kind === "paper") return { "decoder.onnx": paperDecoderOnnx(weights, EXPORTED_BATCH) };
  const shape = shapeOf(card, "the model");
  return { "trunk.onnx": trunkOnnx(weights, shape), "candidates.onnx": candidatesOnnx(weights, shape, EXPORTED_BATCH) };
}
