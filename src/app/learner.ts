/** The page's side of learning an image: its features, computed in the background and kept while the page is open. */
import type { Image } from "../core/index.ts";
import type { ImageFeatures } from "../model/propose.ts";
import { WorkerError } from "./asker.ts";
import type { Lesson } from "./worker-messages.ts";

/** Images whose features are kept, 4.5 MiB each. */
const KEPT = 16;
/** Nothing is done for an image that was only leafed past, milliseconds. */
const SETTLED = 700;

export class Learner {
  private readonly startWorker: () => Worker;
  private readonly known = new Map<string, ImageFeatures>();
  private stopRunning: () => void = () => undefined;

  /** @param startWorker  a new worker that learns one image */
  constructor(startWorker: () => Worker) {
    this.startWorker = startWorker;
  }

  /**
   * @param name     tells images apart: the SHA-256 of the file, and the slice
   * @param settled  milliseconds before anything is fetched or computed
   * @returns        the image's features, or null when `stop` or another image came first
   * @throws {WorkerError} when they could not be computed
   */
  async learn(name: string, image: Image, settled = SETTLED): Promise<ImageFeatures | null> {
    this.stop();
    const known = this.known.get(name);
    if (known) return known;
    const lesson = await new Promise<Lesson | null>((done) => {
      let worker: Worker | null = null;
      const end = (lesson: Lesson | null) => {
        clearTimeout(timer);
        worker?.terminate();
        this.stopRunning = () => undefined;
        done(lesson);
      };
      const timer = setTimeout(() => {
        worker = this.startWorker();
        worker.onmessage = ({ data }: MessageEvent<Lesson>) => end(data);
        worker.onerror = ({ message }) => end({ kind: "failed", code: "defect", message });
        worker.postMessage(image);
      }, settled);
      this.stopRunning = () => end(null);
    });
    if (lesson === null) return null;
    if (lesson.kind === "failed") throw new WorkerError(lesson.code, lesson.message);
    this.keep(name, lesson.features);
    return lesson.features;
  }

  /** Gives up what is being learned. */
  stop(): void {
    this.stopRunning();
  }

  private keep(name: string, features: ImageFeatures): void {
    this.known.set(name, features);
    if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value!);
  }
}
