/** The page's side of reading files, in a worker that a file may kill: the page goes on, and says which file it was. */

import type { MaskTarget } from "../image/index.ts";
import { WorkerError } from "./asker.ts";
import type { FileToRead, Reading } from "./worker-messages.ts";

/** A file that takes longer than this is given up, milliseconds. The largest take some ten seconds. */
const PATIENCE = 120_000;

export type ReadFile = Extract<Reading, { kind: "image" | "volume" }>;
export type ReadMask = Extract<Reading, { kind: "mask" }>;

export class Reader {
  private readonly startWorker: () => Worker;
  /** One that has read an image and may read the next. */
  private idle: Worker | null = null;
  private giveUp: () => void = () => undefined;

  /** @param startWorker  a new worker that reads files */
  constructor(startWorker: () => Worker) {
    this.startWorker = startWorker;
  }

  /**
   * @param order  its bytes are moved to the worker, not copied
   * @returns      what the files hold, or null when another file was asked for before it was read
   * @throws {WorkerError} naming the file, when it is refused or ended the worker
   */
  read(order: FileToRead): Promise<ReadFile | null> {
    return this.carryOut(order) as Promise<ReadFile | null>;
  }

  /** As `read`, of a mask. */
  readMask(name: string, bytes: Uint8Array, target: MaskTarget): Promise<ReadMask | null> {
    const files = [{ name, size: bytes.length }];
    return this.carryOut({ name, files, part: 0, bytes, target }) as Promise<ReadMask | null>;
  }

  private async carryOut(order: FileToRead): Promise<Exclude<Reading, { kind: "failed" }> | null> {
    this.giveUp();
    const worker = this.idle ?? this.startWorker();
    this.idle = null;
    const reading = await this.answerOf(worker, order);
    // After a volume or its mask the worker's memory is given back in no other way than by ending it.
    if (reading?.kind === "image") this.idle = worker;
    else worker.terminate();
    if (reading?.kind === "failed") throw new WorkerError(reading.code, reading.message);
    return reading;
  }

  private answerOf(worker: Worker, order: FileToRead): Promise<Reading | null> {
    return new Promise((done) => {
      const end = (reading: Reading | null) => {
        clearTimeout(timer);
        this.giveUp = () => undefined;
        done(reading);
      };
      const died = (why: string) => {
        const message = `${order.name} could not be read: ${why}. Your work and the other files are not touched; choose another one, or save this one anew.`;
        end({ kind: "failed", code: "reader-stopped", message });
      };
      const timer = setTimeout(() => died(`it took more than ${PATIENCE / 1000} seconds`), PATIENCE);
      worker.onmessage = ({ data }: MessageEvent<Reading>) => end(data);
      worker.onerror = (event) => {
        event.preventDefault();
        died(`it stopped the reader of files${event.message ? ` (${event.message})` : ""}`);
      };
      worker.onmessageerror = () => died("what was read could not be handed over, perhaps for want of memory");
      this.giveUp = () => end(null);
      worker.postMessage(order, [order.bytes.buffer]);
    });
  }
}
