/** Fetches from the server what the page's workers run: the model, and the pretrained segmenter. */
import { z } from "zod";
import { TendrilError } from "../core/index.ts";
import { MODEL_FILES, type Model, parseModel } from "../model/model-file.ts";

const FOLDER = "/models";

class ModelMissing extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("model", message, options);
  }
}

const index = z.object({ hasModel: z.boolean(), segmenter: z.boolean() });

/** @returns the model, and whether the server has the pretrained segmenter @throws {TendrilError} when there is no whole model */
export async function fetchModel(): Promise<{ model: Model; hasSegmenter: boolean }> {
  const there = index.parse(JSON.parse(textOf(await fetchFile("index.json"))));
  if (!there.hasModel) throw new ModelMissing(MISSING);
  const [card, weights] = await Promise.all([fetchFile(MODEL_FILES.card), fetchFile(MODEL_FILES.weights)]);
  return { model: parseModel(textOf(card), weights, "the model's folder"), hasSegmenter: there.segmenter };
}

const MISSING =
  "Tendril's model is missing. Brush and eraser work; for proposals, restore the folder models/general, or name another model with --model.";

/** An ONNX file of the pretrained segmenter. @throws {ModelMissing} when the server has none */
export function fetchPretrained(part: "encoder" | "decoder"): Promise<Uint8Array> {
  return fetchFile(`pretrained/${part}.onnx`);
}

async function fetchFile(path: string): Promise<Uint8Array> {
  const response = await fetch(`${FOLDER}/${path}`).catch((cause: unknown) => {
    throw new ModelMissing("The model could not be fetched: the server does not answer.", { cause });
  });
  if (!response.ok)
    throw new ModelMissing(`The model's file ${path} is missing. Brush and eraser work; for proposals, restore it.`);
  return new Uint8Array(await response.arrayBuffer());
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
