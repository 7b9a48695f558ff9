/** The page's worker: holds the image that is worked on and the model, and proposes candidates, so that drawing never waits. */
import type { Image } from "../core/index.ts";
import { InternalError, Rng, TendrilError } from "../core/index.ts";
import { webRuntime } from "../engine/runtime-web.ts";
import { createProposer, type ImageFeatures, type Proposer } from "../model/propose.ts";
import { type Annotation, byHandOf, changeOfInside, partialOf } from "../project/annotation.ts";
import { fetchModel, fetchPretrained } from "./model-files.ts";
import type { Answer, ModelFacts, Order } from "./worker-messages.ts";

/** More threads than this made the small network slower. */
const MOST_THREADS = 4;

interface Loaded {
  readonly proposer: Proposer;
  readonly facts: ModelFacts;
}

let image: Image | null = null;
let features: ImageFeatures | null = null;
// Asked for at the start and kept; a failure is tried again by whoever asks next.
let loaded: Promise<Loaded> | null = null;

self.onmessage = async ({ data: order }: MessageEvent<Order>) => {
  try {
    if (order.kind === "image") {
      image = order.image;
      features = null;
    } else if (order.kind === "features") {
      features = order.features;
      prepareForFeatures();
    } else if (order.kind === "propose") await propose(order);
    else {
      if (order.kind === "reload") forget();
      answer({ kind: "loaded", ticket: order.ticket, model: (await load()).facts });
    }
  } catch (error) {
    const known = error instanceof TendrilError;
    const message = error instanceof Error ? error.message : String(error);
    answer({ kind: "failed", ticket: order.ticket, code: known ? error.code : "defect", message });
  }
};

async function propose(order: Extract<Order, { kind: "propose" }>): Promise<void> {
  // Taken now: while the model is loaded another image may come.
  const [shown, used] = [image, features];
  if (!shown) throw new InternalError("The worker was asked for candidates before it had an image.");
  const { ticket, count, seed, step } = order;
  const annotation: Annotation = { width: shown.width, height: shown.height, data: order.annotation };
  const { proposer, facts } = await load();
  const proposed = await proposer.propose(shown, partialOf(annotation), {
    count,
    rng: Rng.seeded(seed),
    step,
    byHand: byHandOf(annotation),
    isTaken: order.isTaken,
    ...(used ? { features: used } : {}),
  });
  const candidates = proposed.map((candidate) => ({ ...candidate, change: changeOfInside(annotation, candidate) }));
  const buffers = candidates.flatMap(({ partial }) => [partial.partialness.buffer, partial.segmentation.buffer]);
  answer({ kind: "proposed", ticket, model: facts, features: used !== null, candidates }, buffers);
}

/** Whoever asks for candidates next is told of a failure. */
function prepareForFeatures(): void {
  if (features)
    load()
      .then(({ proposer }) => proposer.prepareForFeatures())
      .catch(() => undefined);
}

/** The model is let go; what was asked of it before is still answered by it. */
function forget(): void {
  loaded?.then(({ proposer }) => proposer.close()).catch(() => undefined);
  loaded = null;
  prepareForFeatures();
}

function load(): Promise<Loaded> {
  loaded ??= fetchAndLoad().catch((error: unknown) => {
    loaded = null;
    throw error;
  });
  return loaded;
}

async function fetchAndLoad(): Promise<Loaded> {
  const { model, hasSegmenter } = await fetchModel();
  const runtime = webRuntime({ threads: Math.min(MOST_THREADS, navigator.hardwareConcurrency) });
  const proposer = await createProposer(model, runtime, hasSegmenter ? () => fetchPretrained("decoder") : null);
  const { name, answers, usesFeatures } = proposer;
  return { proposer, facts: { name, kind: model.card.kind, answers, canLearn: usesFeatures && hasSegmenter } };
}

function answer(message: Answer, transfer: Transferable[] = []): void {
  self.postMessage(message, { transfer });
}
