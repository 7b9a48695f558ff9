/** Fetches from the server what the page's workers run: the best of the shipped models, and the pretrained segmenter. */
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

const index = z.object({ models: z.array(z.string()), segmenter: z.boolean() });

/** @returns the model, and whether the server has the pretrained segmenter @throws {TendrilError} when there is no whole model */
export async function fetchModel(): Promise<{ model: Model; hasSegmenter: boolean }> {
  const there = index.parse(JSON.parse(textOf(await fetchFile("index.json"))));
  const name = MODELS.find((model) => there.models.includes(model)) ?? MODELS[MODELS.length - 1];
  const [card, weights] = await Promise.all([
    fetchFile(`${name}/${MODEL_FILES.card}`),
    fetchFile(`${name}/${MODEL_FILES.weights}`),
  ]);
  return { model: parseModel(textOf(card), weights, `models/${name}`), hasSegmenter: there.segmenter };
}

/** An ONNX file of the pretrained segmenter. @throws {ModelMissing} when the server has none */
export function fetchPretrained(part: "encoder" | "decoder"): Promise<Uint8Array> {
  return fetchFile(`pretrained/${part}.onnx`);
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
