/** The page's worker: holds the open image and the model, decodes files and proposes candidates, so that drawing never waits. */

import type { Image } from "../core/index.ts";
import { InternalError, Rng, TendrilError } from "../core/index.ts";
import { webRuntime } from "../engine/runtime-web.ts";
import { decodeImage } from "../image/index.ts";
import { parseModel } from "../model/model-file.ts";
import { createProposer, type Proposer } from "../model/propose.ts";
import { partialOf } from "../project/annotation.ts";
import { buildPyramid } from "./pyramid.ts";
import type { Answer, Order } from "./worker-messages.ts";

/** Folder of the shipped model on the server. */
const MODEL = "/models/paper";
/** More threads than this made the small network slower. */
const MOST_THREADS = 4;

class ModelMissing extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("model", message, options);
  }
}

let image: Image | null = null;
// Asked for at the first proposal and kept; a failure is tried again at the next.
let proposer: Promise<Proposer> | null = null;

self.onmessage = async ({ data: order }: MessageEvent<Order>) => {
  try {
    if (order.kind === "open") open(order);
    else await propose(order);
  } catch (error) {
    const known = error instanceof TendrilError;
    const message = error instanceof Error ? error.message : String(error);
    answer({ kind: "failed", ticket: order.ticket, code: known ? error.code : "defect", message });
  }
};

loadModel();

function open({ ticket, name, bytes }: Extract<Order, { kind: "open" }>): void {
  image = null;
  image = decodeImage(bytes, name);
  const levels = buildPyramid({ ...image, data: image.data.slice() });
  // The pyramid's first level is the page's copy of the image.
  const copy: Image = { ...image, data: levels[0].data };
  answer(
    { kind: "opened", ticket, image: copy, levels },
    levels.map(({ data }) => data.buffer),
  );
}

async function propose({ ticket, annotation, count, seed }: Extract<Order, { kind: "propose" }>): Promise<void> {
  if (!image) throw new InternalError("The worker was asked for candidates before it had an image.");
  const model = await loadModel();
  const partial = partialOf({ width: image.width, height: image.height, data: annotation });
  const candidates = await model.propose(image, partial, { count, rng: Rng.seeded(seed) });
  const buffers = candidates.flatMap(({ partial }) => [partial.partialness.buffer, partial.segmentation.buffer]);
  answer({ kind: "proposed", ticket, model: model.name, candidates }, buffers);
}

function loadModel(): Promise<Proposer> {
  proposer ??= fetchModel().catch((error: unknown) => {
    proposer = null;
    throw error;
  });
  // Whoever asks is told of a failure; the loading at the start has nobody to tell.
  proposer.catch(() => undefined);
  return proposer;
}

async function fetchModel(): Promise<Proposer> {
  const [card, weights] = await Promise.all([fetchFile("model.json"), fetchFile("weights.safetensors")]);
  const model = parseModel(new TextDecoder().decode(card), weights, "models/paper");
  const runtime = webRuntime({
    threads: Math.min(MOST_THREADS, navigator.hardwareConcurrency),
    wasmPaths: {
      mjs: new URL("/assets/ort-wasm-simd-threaded.mjs", self.location.href).href,
      wasm: new URL("/assets/ort-wasm-simd-threaded.wasm", self.location.href).href,
    },
  });
  return createProposer(model, runtime);
}

async function fetchFile(name: string): Promise<Uint8Array> {
  const response = await fetch(`${MODEL}/${name}`).catch((cause: unknown) => {
    throw new ModelMissing("The model could not be fetched: the server does not answer.", { cause });
  });
  if (!response.ok)
    throw new ModelMissing(
      `The model's file models/paper/${name} is missing. Brush and eraser work; for proposals, restore that folder.`,
    );
  return new Uint8Array(await response.arrayBuffer());
}

function answer(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
