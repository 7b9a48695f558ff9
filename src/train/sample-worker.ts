/** A data worker of the general model's training: makes its part of each batch of simulated annotations while the engine computes. */
import { parentPort, workerData } from "node:worker_threads";
import { Rng, type RngState } from "../core/index.ts";
import type { ImagePixels } from "./annotated-images.ts";
import { FeatureStore, type StoredFeatures } from "./feature-store.ts";
import type { FoundRegions } from "./region-cache.ts";
import { Session } from "./session.ts";
import { type TaskOptions, TaskSource } from "./task.ts";

export interface WorkerOrder {
  readonly images: ImagePixels;
  readonly features: StoredFeatures | null;
  readonly regions: FoundRegions | null;
  readonly tasks: TaskOptions;
  /** The sessions of a batch that it makes: `count` from `first` on. What a session is depends on its number alone. */
  readonly first: number;
  readonly count: number;
  readonly generator: RngState;
  /** One for each stream; it is filled again once its batch has been answered. */
  readonly batches: readonly SharedBatch[];
}

/** A batch is the `round`-th of its session; from the second on `answers` is what the model answered to the one before. */
export interface BatchOrder {
  readonly step: number;
  readonly stream: number;
  readonly session: number;
  readonly round: number;
  readonly answers?: Answers;
}

/** What the model answered to the sessions asked for, [N, 1, S, S] each: `shown` for z = 0, `picked` the best of its draws. */
export interface Answers {
  readonly shown: Float32Array;
  readonly picked: Float32Array;
}

/** A batch of N sessions in memory that all workers share. */
export interface SharedBatch {
  /** [N, P, S, S] */
  readonly planes: Float32Array<SharedArrayBuffer>;
  /** [N, F, S/2, S/2], zeros where a session has none */
  readonly features: Float32Array<SharedArrayBuffer>;
  /** [N, 1, S, S] each */
  readonly ym: Float32Array<SharedArrayBuffer>;
  readonly ys: Float32Array<SharedArrayBuffer>;
}

/** Says that the worker's part of a batch is made. */
export interface PartMade {
  readonly step: number;
  /** Number of its first session. */
  readonly first: number;
  readonly names: readonly string[];
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
  const sessions = sessionsOf(asked);
  const { planes, features, ym, ys } = order.batches[asked.stream];
  const each = ((order.features?.channels ?? 0) * area) / 4;
  for (const [k, session] of sessions.entries()) {
    const n = order.first + k;
    session.write(planes, ym, ys, n);
    if (session.task.features) features.set(session.task.features, n * each);
    else features.fill(0, n * each, (n + 1) * each);
  }
  const made: PartMade = { step: asked.step, first: order.first, names: sessions.map(({ task }) => task.name) };
  parentPort!.postMessage(made);
});

function sessionsOf({ stream, session, round, answers }: BatchOrder): Session[] {
  const own = rng.at(stream).at(session);
  if (round === 0) {
    const begun = Array.from({ length: order.count }, (_, n) => {
      const mine = own.at(order.first + n);
      return new Session(mine.at("session"), source.draw(mine.at("task"), order.tasks), size);
    });
    running.set(stream, begun);
    return begun;
  }
  const sessions = running.get(stream)!;
  for (const [n, one] of sessions.entries())
    one.correct(own.at(order.first + n).at(`round ${round}`), part(answers!.shown, n), part(answers!.picked, n));
  return sessions;
}

function part(values: Float32Array, n: number): Float32Array {
  return values.subarray(n * area, (n + 1) * area);
}
