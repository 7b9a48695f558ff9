/** The data worker of the general model's training: makes batches of simulated annotations while the engine computes. */
import { parentPort, workerData } from "node:worker_threads";
import { Rng, type RngState } from "../core/index.ts";
import { PLANES } from "../model/index.ts";
import type { AnnotatedImages } from "./annotated-images.ts";
import { FeatureStore, type StoredFeatures } from "./feature-store.ts";
import type { FoundRegions } from "./region-cache.ts";
import { Session } from "./session.ts";
import { type TaskOptions, TaskSource } from "./task.ts";

export interface WorkerOrder {
  readonly images: AnnotatedImages;
  readonly features: StoredFeatures | null;
  readonly regions: FoundRegions | null;
  readonly tasks: TaskOptions;
  readonly count: number;
  readonly generator: RngState;
}

/** A batch is the `round`-th of its session; from the second on `answers` is what the model answered to the one before. */
export interface BatchOrder {
  readonly step: number;
  readonly stream: number;
  readonly session: number;
  readonly round: number;
  readonly answers?: Answers;
}

/** What the model answered to a batch, [N, 1, S, S] each: `shown` for z = 0, `picked` the best of its draws. */
export interface Answers {
  readonly shown: Float32Array;
  readonly picked: Float32Array;
}

export interface SampleBatch {
  readonly step: number;
  readonly names: readonly string[];
  readonly planes: Float32Array<ArrayBuffer>;
  readonly features: Float32Array<ArrayBuffer>;
  readonly ym: Float32Array<ArrayBuffer>;
  readonly ys: Float32Array<ArrayBuffer>;
  /** Milliseconds that making it took. */
  readonly took: number;
}

const order: WorkerOrder = workerData;
const { size } = order.tasks;
const area = size * size;
const rng = Rng.from(order.generator);
const source = new TaskSource(
  order.images,
  { features: order.features && new FeatureStore(order.features), regions: order.regions },
  "train",
);
const running = new Map<number, Session[]>();

parentPort!.on("message", (asked: BatchOrder) => {
  const started = performance.now();
  const sessions = sessionsOf(asked);
  const channels = order.features?.channels ?? 0;
  const batch = {
    planes: new Float32Array(order.count * PLANES.length * area),
    features: new Float32Array((order.count * channels * area) / 4),
    ym: new Float32Array(order.count * area),
    ys: new Float32Array(order.count * area),
  };
  for (const [n, session] of sessions.entries()) {
    session.write(batch.planes, batch.ym, batch.ys, n);
    if (session.task.features) batch.features.set(session.task.features, (n * channels * area) / 4);
  }
  const made: SampleBatch = {
    step: asked.step,
    names: sessions.map(({ task }) => task.name),
    ...batch,
    took: performance.now() - started,
  };
  parentPort!.postMessage(made, [batch.planes.buffer, batch.features.buffer, batch.ym.buffer, batch.ys.buffer]);
});

function sessionsOf({ stream, session, round, answers }: BatchOrder): Session[] {
  const own = rng.at(stream).at(session);
  if (round === 0) {
    const begun = Array.from({ length: order.count }, (_, n) => {
      const mine = own.at(n);
      return new Session(mine.at("session"), source.draw(mine.at("task"), order.tasks), size);
    });
    running.set(stream, begun);
    return begun;
  }
  const sessions = running.get(stream)!;
  for (const [n, one] of sessions.entries())
    one.correct(own.at(n).at(`round ${round}`), part(answers!.shown, n), part(answers!.picked, n));
  return sessions;
}

function part(values: Float32Array, n: number): Float32Array {
  return values.subarray(n * area, (n + 1) * area);
}
