/**
 * The batches of a general training run, in step order, made by a worker ahead of the engine.
 *
 * Two streams of sessions alternate, each of ROUNDS rounds: while the engine trains on one, the worker turns the answers to the other into
 * corrections. 2 * ROUNDS steps are a cycle, after which nothing is under way: there, and only there, a run can be taken up again.
 */
import { Worker } from "node:worker_threads";
import type { Rng } from "../core/index.ts";
import type { Answers, BatchOrder, SampleBatch, WorkerOrder } from "./sample-worker.ts";

export const STREAMS = 2;
export const ROUNDS = 4;
export const CYCLE = STREAMS * ROUNDS;

export class SampleStream {
  private readonly worker: Worker;
  private readonly ready = new Map<number, SampleBatch>();
  private readonly asked = new Set<number>();
  private wake: () => void = () => undefined;
  private failure: Error | null = null;

  /** @param rng  of the run's samples: batch i needs no history but that of its cycle */
  constructor(order: Omit<WorkerOrder, "generator">, rng: Rng, firstStep: number) {
    const workerData: WorkerOrder = { ...order, generator: rng.state };
    this.worker = new Worker(new URL("./sample-worker.js", import.meta.url), { workerData });
    this.worker.on("message", (batch: SampleBatch) => {
      this.ready.set(batch.step, batch);
      this.wake();
    });
    this.worker.on("error", (error) => {
      this.failure = error;
      this.wake();
    });
    for (let step = firstStep; step < firstStep + STREAMS; step++) this.ask(step);
  }

  async batch(step: number): Promise<SampleBatch> {
    for (;;) {
      if (this.failure) throw this.failure;
      const batch = this.ready.get(step);
      if (batch) {
        this.ready.delete(step);
        return batch;
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
    return this.worker.terminate();
  }

  private ask(step: number, answers?: Answers): void {
    if (this.asked.has(step)) return;
    this.asked.add(step);
    const within = step % CYCLE;
    const round = Math.floor(within / STREAMS);
    const order: BatchOrder = {
      step,
      stream: within % STREAMS,
      session: Math.floor(step / CYCLE),
      round,
      ...(round > 0 && answers ? { answers } : {}),
    };
    this.worker.postMessage(order);
  }
}
