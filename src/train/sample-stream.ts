/**
 * The batches of a general training run, in step order, made by workers ahead of the engine.
 *
 * STREAMS streams of sessions take turns, each of ROUNDS rounds: while the engine trains on one, the workers turn the answers to the others into
 * corrections. STREAMS * ROUNDS steps are a cycle, after which nothing is under way: there, and only there, a run can be taken up again.
 * Each worker makes its part of every batch, and how many there are changes no sample.
 */
import { Worker } from "node:worker_threads";
import type { Rng } from "../core/index.ts";
import { PLANES } from "../model/index.ts";
import type { Answers, BatchOrder, PartMade, SharedBatch, WorkerOrder } from "./sample-worker.ts";

/** What all workers are told alike. */
export type StreamOrder = Omit<WorkerOrder, "generator" | "first" | "batches">;

/** Valid until it is answered. */
export interface SampleBatch extends SharedBatch {
  readonly names: readonly string[];
}

export const STREAMS = 4;
export const ROUNDS = 6;
export const CYCLE = STREAMS * ROUNDS;

export class SampleStream {
  private readonly count: number;
  private readonly crew: { readonly worker: Worker; readonly first: number; readonly count: number }[];
  private readonly batches: readonly SharedBatch[];
  private readonly made = new Map<number, PartMade[]>();
  private readonly asked = new Set<number>();
  private wake: () => void = () => undefined;
  private failure: Error | null = null;

  /**
   * @param rng      of the run's samples: batch i needs no history but that of its cycle
   * @param workers  threads that make samples; at most one a sample
   */
  constructor(order: StreamOrder, rng: Rng, firstStep: number, workers: number) {
    this.count = order.count;
    this.batches = Array.from({ length: STREAMS }, () => sharedBatch(order));
    this.crew = parts(order.count, workers).map(({ first, count }) => {
      const workerData: WorkerOrder = { ...order, first, count, generator: rng.state, batches: this.batches };
      const worker = new Worker(new URL("./sample-worker.js", import.meta.url), { workerData });
      worker.on("message", (part: PartMade) => {
        this.made.set(part.step, [...(this.made.get(part.step) ?? []), part]);
        this.wake();
      });
      worker.on("error", (error) => {
        this.failure = error;
        this.wake();
      });
      return { worker, first, count };
    });
    for (let step = firstStep; step < firstStep + STREAMS; step++) this.ask(step);
  }

  async batch(step: number): Promise<SampleBatch> {
    for (;;) {
      if (this.failure) throw this.failure;
      const made = this.made.get(step) ?? [];
      if (made.length === this.crew.length) {
        this.made.delete(step);
        const names = made.toSorted((a, b) => a.first - b.first).flatMap((part) => part.names);
        return { names, ...this.batches[step % STREAMS] };
      }
      await new Promise<void>((wake) => {
        this.wake = wake;
      });
    }
  }

  answered(step: number, answers: Answers): void {
    this.ask(step + STREAMS, answers);
  }

  close(): Promise<unknown> {
    return Promise.all(this.crew.map(({ worker }) => worker.terminate()));
  }

  private ask(step: number, answers?: Answers): void {
    if (this.asked.has(step)) return;
    this.asked.add(step);
    const within = step % CYCLE;
    const round = Math.floor(within / STREAMS);
    for (const { worker, first, count } of this.crew) {
      const order: BatchOrder = {
        step,
        stream: within % STREAMS,
        session: Math.floor(step / CYCLE),
        round,
        ...(round > 0 && answers ? { answers: partOf(answers, first, count, this.count) } : {}),
      };
      worker.postMessage(order);
    }
  }
}

/** `count` sessions as evenly as they go among the workers. */
function parts(count: number, workers: number): { readonly first: number; readonly count: number }[] {
  const most = Math.min(count, workers);
  const edge = (k: number) => Math.round((k * count) / most);
  return Array.from({ length: most }, (_, k) => ({ first: edge(k), count: edge(k + 1) - edge(k) }));
}

/** The answers to `count` of all `total` sessions. */
function partOf({ shown, picked }: Answers, first: number, count: number, total: number): Answers {
  const cut = (values: Float32Array) => {
    const each = values.length / total;
    return values.slice(first * each, (first + count) * each);
  };
  return { shown: cut(shown), picked: cut(picked) };
}

function sharedBatch({ count, features, tasks }: StreamOrder): SharedBatch {
  const area = tasks.size ** 2;
  const room = (each: number) => new Float32Array(new SharedArrayBuffer(Float32Array.BYTES_PER_ELEMENT * count * each));
  const channels = features?.channels ?? 0;
  return { planes: room(PLANES.length * area), features: room((channels * area) / 4), ym: room(area), ys: room(area) };
}
