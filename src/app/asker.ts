/** The page's side of the worker: opens images and asks for candidates; of several questions only the newest is answered. */
import { type Image, TendrilError } from "../core/index.ts";
import type { Candidate } from "../model/propose.ts";
import type { Level } from "./pyramid.ts";
import type { Answer, Order } from "./worker-messages.ts";

export interface Question {
  /** The annotation's data, one byte a pixel; copied. */
  readonly annotation: Uint8Array;
  readonly count: number;
  readonly seed: number;
}

export interface Offer {
  readonly model: string;
  readonly seed: number;
  readonly candidates: readonly Candidate[];
}

/** The worker could not open the file or propose; the message says what and what to do. */
export class WorkerError extends TendrilError {}

export class Asker {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { done(answer: Answer): void; failed(error: Error): void }>();
  private ticket = 0;
  private newest = 0;
  private working: Promise<unknown> = Promise.resolve();

  constructor(worker: Worker) {
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.answered(data);
    worker.onerror = (event) => this.stopped(event.message);
  }

  /** @throws {WorkerError} when the bytes are no image that can be opened */
  async open(name: string, bytes: Uint8Array): Promise<{ image: Image; levels: readonly Level[] }> {
    this.drop();
    const order: Order = { kind: "open", ticket: ++this.ticket, name, bytes };
    const answer = await this.order(order, [bytes.buffer]);
    if (answer.kind !== "opened") throw new WorkerError("defect", "The worker answered something else than was asked.");
    return answer;
  }

  /**
   * @returns candidates, or null when a newer question or another image made this one stale
   * @throws {WorkerError} when there is no model or it failed
   */
  async ask({ annotation, count, seed }: Question): Promise<Offer | null> {
    const mine = ++this.newest;
    // One question at a time: a newer one waits for the running one and replaces those that wait.
    while (this.newest === mine) {
      const before = this.working;
      await before;
      if (before === this.working) break;
    }
    if (mine !== this.newest) return null;
    const order: Order = { kind: "propose", ticket: ++this.ticket, annotation: annotation.slice(), count, seed };
    const asked = this.order(order, [order.annotation.buffer]);
    this.working = asked.catch(() => undefined);
    const answer = await asked;
    if (mine !== this.newest || answer.kind !== "proposed") return null;
    return { model: answer.model, seed, candidates: answer.candidates };
  }

  /** Nobody waits any more for what has been asked. */
  drop(): void {
    this.newest++;
  }

  private order(order: Order, transfer: Transferable[]): Promise<Answer> {
    return new Promise((done, failed) => {
      this.waiting.set(order.ticket, { done, failed });
      this.worker.postMessage(order, transfer);
    });
  }

  private answered(answer: Answer): void {
    const waiting = this.waiting.get(answer.ticket);
    this.waiting.delete(answer.ticket);
    if (answer.kind === "failed") waiting?.failed(new WorkerError(answer.code, answer.message));
    else waiting?.done(answer);
  }

  private stopped(message: string): void {
    for (const { failed } of this.waiting.values())
      failed(new WorkerError("defect", `The page's worker stopped: ${message}. Reload the page; your work is saved.`));
    this.waiting.clear();
  }
}
