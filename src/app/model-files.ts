/** Fetches from the server what the page's workers run: the best of the shipped models, and the pretrained encoder. */
import { z } from "zod";
import { TendrilError } from "../core/index.ts";
import { MODEL_FILES, type Model, parseModel } from "../model/model-file.ts";

/** Folders of the shipped models on the server; the first that is there is used. */
const MODELS = ["general", "paper"];
const FOLDER = "/models";

class ModelMissing extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("model", message, options);
  }
}

const index = z.object({ models: z.array(z.string()), encoder: z.boolean() });

/** @returns the model, and whether the server has the pretrained encoder @throws {TendrilError} when there is no whole model */
export async function fetchModel(): Promise<{ model: Model; hasEncoder: boolean }> {
  const there = index.parse(JSON.parse(textOf(await fetchFile("index.json"))));
  const name = MODELS.find((model) => there.models.includes(model)) ?? MODELS[MODELS.length - 1];
  const [card, weights] = await Promise.all([
    fetchFile(`${name}/${MODEL_FILES.card}`),
    fetchFile(`${name}/${MODEL_FILES.weights}`),
  ]);
  return { model: parseModel(textOf(card), weights, `models/${name}`), hasEncoder: there.encoder };
}

/** The pretrained encoder's ONNX file. @throws {ModelMissing} when the server has none */
export function fetchEncoder(): Promise<Uint8Array> {
  return fetchFile("pretrained/encoder.onnx");
}

async function fetchFile(path: string): Promise<Uint8Array> {
  const response = await fetch(`${FOLDER}/${path}`).catch((cause: unknown) => {
    throw new ModelMissing("The model could not be fetched: the server does not answer.", { cause });
  });
  if (!response.ok)
    throw new ModelMissing(
      `The model's file models/${path} is missing. Brush and eraser work; for proposals, restore that folder.`,
    );
  return new Uint8Array(await response.arrayBuffer());
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
