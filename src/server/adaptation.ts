/**
 * Letting the model go on with the annotator's own images: the one training that may run, and which model proposes.
 *
 * How it is trained is not known here (`Train`). Going back to the shipped model deletes nothing, and holds until the server ends: at the next start a
 * project's own model proposes again.
 */
import { TendrilError } from "../core/index.ts";
import type { ImageFiles } from "../project/index.ts";
import type { ImageCollection, OpenImage } from "./collection.ts";
import type { Desk } from "./desk.ts";
import { messageFor, RequestError } from "./errors.ts";

/**
 * Trains on images that have annotations, which it only reads, and resolves once the project's own model is whole on the disk.
 *
 * @param onProgress  told after each training step
 * @param signal      ends it early; what it began is then gone, and the project's model as it was
 * @throws {TendrilError} when it cannot be done; also when `signal` has ended it
 */
export type Train = (
  images: readonly ImageFiles[],
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
) => Promise<void>;

export interface AdaptationOptions {
  readonly images: ImageCollection;
  readonly desk: Desk;
  readonly train: Train;
  /** Folders of models. */
  readonly models: {
    /** The one that was named at the start, which proposes whatever else there is; null when none was. */
    readonly named: string | null;
    readonly shipped: string;
    /** The project's own; there is none yet unless `hasOwn` says so. */
    readonly own: string;
  };
  /** Whether the project has a model of its own, which then proposes. */
  readonly hasOwn: boolean;
  /** Called with an error that is a defect of ours. */
  readonly onDefect: (error: unknown) => void;
  /** Milliseconds, never backwards */
  readonly now?: () => number;
}

/** As the page is told. */
export interface AdaptationReport {
  /** Of the adaptation that was started last. */
  readonly state: "none" | "running" | "done" | "failed" | "stopped";
  /** Training steps of the running one; both 0 while the images are still read. */
  readonly done: number;
  readonly total: number;
  /** Null while nobody can say. */
  readonly secondsLeft: number | null;
  /** Annotated images: those that it is adapted to while it runs, else how many there are now. */
  readonly images: number;
  /** Whether the project has a model of its own. */
  readonly hasOwn: boolean;
  /** Whether that one proposes. */
  readonly isAdapted: boolean;
  /** Whether a model was named at the start, which no other takes the place of. */
  readonly isNamed: boolean;
  /** How often another model has come to propose since the server began: a page that knows another number has one to load. */
  readonly modelChanges: number;
  /** Why it failed. */
  readonly message?: string;
}

type Outcome = { readonly state: "none" | "done" | "stopped" } | { readonly state: "failed"; readonly message: string };

/** Training that has begun. */
interface Run {
  readonly images: number;
  readonly stop: AbortController;
  ended: Promise<void>;
  done: number;
  total: number;
  /** When the first step was done, and the last one so far; milliseconds. */
  first: { readonly done: number; readonly at: number } | null;
  lastAt: number;
}

export class Adaptation {
  private readonly options: AdaptationOptions;
  private readonly now: () => number;
  private run: Run | null = null;
  private outcome: Outcome = { state: "none" };
  private hasOwn: boolean;
  private usesOwn: boolean;
  private modelChanges = 0;

  constructor(options: AdaptationOptions) {
    this.options = options;
    this.now = options.now ?? (() => performance.now());
    this.hasOwn = options.hasOwn;
    this.usesOwn = options.hasOwn;
  }

  /** Folder of the model that proposes now. */
  model(): string {
    const { named, own, shipped } = this.options.models;
    return named ?? (this.usesOwn ? own : shipped);
  }

  async report(): Promise<AdaptationReport> {
    const isNamed = this.options.models.named !== null;
    const { hasOwn, modelChanges } = this;
    const models = { hasOwn, isAdapted: this.usesOwn && !isNamed, isNamed, modelChanges };
    if (this.run) {
      const { done, total, images } = this.run;
      return { state: "running", done, total, secondsLeft: this.secondsLeft(this.run), images, ...models };
    }
    const images = (await this.annotated()).length;
    return { ...this.outcome, done: 0, total: 0, secondsLeft: null, images, ...models };
  }

  /** @throws {RequestError} when one runs, or no image has annotations */
  async start(): Promise<void> {
    const images = await this.annotated();
    if (this.run)
      throw new RequestError(
        409,
        "adapting",
        "The model is being adapted already. Wait until it is done, or stop it first.",
      );
    if (images.length === 0)
      throw new RequestError(409, "not-annotated", "No image has annotations yet. Annotate a few to their end first.");
    const run: Run = {
      ...{ images: images.length, stop: new AbortController(), ended: Promise.resolve() },
      ...{ done: 0, total: 0, first: null, lastAt: 0 },
    };
    this.run = run;
    run.ended = this.train(
      images.map(({ files }) => files),
      run,
    );
  }

  /** Resolves when what was running has ended. */
  async stop(): Promise<void> {
    this.run?.stop.abort();
    await this.run?.ended;
  }

  /**
   * Until the server ends, the project's own model proposes, or the shipped one.
   *
   * @throws {RequestError} when there is none of its own, or a model was named
   */
  useOwn(isOwn: boolean): void {
    if (this.options.models.named !== null)
      throw new RequestError(
        409,
        "named-model",
        "The model was named at the start with --model. Start Tendril without it to choose.",
      );
    if (isOwn && !this.hasOwn)
      throw new RequestError(409, "no-own-model", "There is no adapted model yet. Adapt to these images first.");
    if (this.usesOwn !== isOwn) this.modelChanges++;
    this.usesOwn = isOwn;
  }

  private async train(images: readonly ImageFiles[], run: Run): Promise<void> {
    const onProgress = (done: number, total: number) => {
      run.done = done;
      run.total = total;
      run.lastAt = this.now();
      run.first ??= { done, at: run.lastAt };
    };
    try {
      await this.options.train(images, onProgress, run.stop.signal);
      this.hasOwn = true;
      this.usesOwn = true;
      if (this.options.models.named === null) this.modelChanges++;
      this.outcome = { state: "done" };
    } catch (error) {
      this.outcome = run.stop.signal.aborted ? { state: "stopped" } : { state: "failed", message: this.reason(error) };
    } finally {
      this.run = null;
    }
  }

  private reason(error: unknown): string {
    if (error instanceof TendrilError) return messageFor(error);
    this.options.onDefect(error);
    return "Something in Tendril broke; the terminal in which it runs says what.";
  }

  /** By the steps so far; the first one, which takes longer, is not counted. */
  private secondsLeft({ first, done, total, lastAt }: Run): number | null {
    if (!first || done === first.done) return null;
    const perStep = (lastAt - first.at) / (done - first.done);
    return Math.max(0, perStep * (total - done) - (this.now() - lastAt)) / 1000;
  }

  private async annotated(): Promise<OpenImage[]> {
    const annotated: OpenImage[] = [];
    for (const image of this.options.images.list())
      if ((await this.options.desk.actionsOf(image)) > 0) annotated.push(image);
    return annotated;
  }
}
