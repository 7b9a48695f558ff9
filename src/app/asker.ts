/** The page's side of the worker: opens images and asks for candidates; of several questions only the newest is answered. */
import { type Image, TendrilError } from "../core/index.ts";
import type { ImageFeatures } from "../model/propose.ts";
import type { Level } from "./pyramid.ts";
import type { Answer, ModelFacts, OfferedCandidate, Order } from "./worker-messages.ts";

export interface Question {
  /** The annotation's data, one byte a pixel; copied. */
  readonly annotation: Uint8Array;
  readonly count: number;
  readonly seed: number;
  /** How much of what is left to add, (0, 1]. */
  readonly step: number;
}

export interface Offer {
  readonly model: ModelFacts;
  readonly seed: number;
  readonly step: number;
  /** Whether the image's features were used. */
  readonly features: boolean;
  readonly candidates: readonly OfferedCandidate[];
}

/** The worker could not open the file or propose; the message says what and what to do. */
export class WorkerError extends TendrilError {}

const OTHER_ANSWER = new WorkerError("defect", "The worker answered something else than was asked.");

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

  /** The model that proposes. @throws {WorkerError} when there is none */
  async load(): Promise<ModelFacts> {
    const answer = await this.order({ kind: "load", ticket: ++this.ticket }, []);
    if (answer.kind !== "loaded") throw OTHER_ANSWER;
    return answer.model;
  }

  /** Features of the open image for the proposals to come; null for none. */
  use(features: ImageFeatures | null): void {
    const order: Order = { kind: "features", ticket: ++this.ticket, features };
    this.worker.postMessage(order);
  }

  /** @throws {WorkerError} when the bytes are no image that can be opened */
  async open(name: string, bytes: Uint8Array): Promise<{ image: Image; levels: readonly Level[] }> {
    this.drop();
    const order: Order = { kind: "open", ticket: ++this.ticket, name, bytes };
    const answer = await this.order(order, [bytes.buffer]);
    if (answer.kind !== "opened") throw OTHER_ANSWER;
    return answer;
  }

  /**
   * @returns candidates, or null when a newer question or another image made this one stale
   * @throws {WorkerError} when there is no model or it failed
   */
  async ask({ annotation, count, seed, step }: Question): Promise<Offer | null> {
    const mine = ++this.newest;
    // One question at a time: a newer one waits for the running one and replaces those that wait.
    while (this.newest === mine) {
      const before = this.working;
      await before;
      if (before === this.working) break;
    }
    if (mine !== this.newest) return null;
    const order: Order = { kind: "propose", ticket: ++this.ticket, annotation: annotation.slice(), count, seed, step };
    const asked = this.order(order, [order.annotation.buffer]);
    this.working = asked.catch(() => undefined);
    const answer = await asked;
    if (mine !== this.newest || answer.kind !== "proposed") return null;
    const { model, features, candidates } = answer;
    return { model, seed, step, features, candidates };
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
