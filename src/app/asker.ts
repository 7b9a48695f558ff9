/** The page's side of the worker that proposes: asks for candidates; of several questions only the newest is answered. */
import { type Image, TendrilError } from "../core/index.ts";
import type { ImageFeatures } from "../model/propose.ts";
import type { Answer, ModelFacts, OfferedCandidate, Order } from "./worker-messages.ts";

export interface Question {
  /** Sent when it is another one than the last time. */
  readonly image: Image;
  /** The annotation's data, one byte a pixel; copied. */
  readonly annotation: Uint8Array;
  /** Whether what in it is not by hand was taken by the annotator (default), and not only supposed. */
  readonly isTaken?: boolean;
  readonly count: number;
  readonly seed: number;
  /** How much of what is left to add, (0, 1]. */
  readonly step: number;
}

export interface Offer {
  /** Null where nothing is the model's. */
  readonly model: ModelFacts | null;
  /** The slice whose mask it began from. */
  readonly carriedFrom?: number;
  readonly seed: number;
  readonly step: number;
  /** Whether the image's features were used. */
  readonly features: boolean;
  readonly candidates: readonly OfferedCandidate[];
}

/** A worker could not read a file, propose or learn; the message says what and what to do. */
export class WorkerError extends TendrilError {}

const OTHER_ANSWER = new WorkerError("defect", "The worker answered something else than was asked.");

export class Asker {
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { done(answer: Answer): void; failed(error: Error): void }>();
  private ticket = 0;
  private newest = 0;
  /** What the worker has. */
  private image: Image | null = null;
  private working: Promise<unknown> = Promise.resolve();

  constructor(worker: Worker) {
    this.worker = worker;
    worker.onmessage = ({ data }: MessageEvent<Answer>) => this.answered(data);
    worker.onerror = (event) => this.stopped(event.message);
  }

  /** The model that proposes. @throws {WorkerError} when there is none */
  load(): Promise<ModelFacts> {
    return this.model("load");
  }

  /** The same where the server has another one now; questions from here on are for that one. */
  reload(): Promise<ModelFacts> {
    return this.model("reload");
  }

  private async model(kind: "load" | "reload"): Promise<ModelFacts> {
    const answer = await this.order({ kind, ticket: ++this.ticket }, []);
    if (answer.kind !== "loaded") throw OTHER_ANSWER;
    return answer.model;
  }

  /** Features of an image for the proposals on it to come; null for none. */
  use(image: Image, features: ImageFeatures | null): void {
    this.hold(image);
    const order: Order = { kind: "features", ticket: ++this.ticket, features };
    this.worker.postMessage(order);
  }

  /**
   * @returns candidates, or null when a newer question or another image made this one stale
   * @throws {WorkerError} when there is no model or it failed
   */
  async ask({ image, annotation, isTaken = true, count, seed, step }: Question): Promise<Offer | null> {
    const mine = ++this.newest;
    // One question at a time: a newer one waits for the running one and replaces those that wait.
    while (this.newest === mine) {
      const before = this.working;
      await before;
      if (before === this.working) break;
    }
    if (mine !== this.newest) return null;
    this.hold(image);
    const order: Order = {
      kind: "propose",
      ticket: ++this.ticket,
      annotation: annotation.slice(),
      isTaken,
      count,
      seed,
      step,
    };
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

  private hold(image: Image): void {
    if (image === this.image) return;
    this.image = image;
    const order: Order = { kind: "image", ticket: ++this.ticket, image };
    this.worker.postMessage(order);
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
