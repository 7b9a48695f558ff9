/**
 * The way of actions to the disk: a queue that sends what has been done and says truly whether it is saved.
 *
 * An action counts as saved only when the server has answered so. While the server is away actions wait here, are kept in the
 * browser's storage (`keep`), and are sent when it is back.
 */
import type { Action } from "../project/annotation.ts";
import { ApiError } from "./api.ts";

export type SaveStatus =
  | { readonly kind: "saved" }
  | { readonly kind: "saving" }
  /** Nothing is lost yet; `retryAt` is when it is tried again, milliseconds since 1970. */
  | { readonly kind: "not-saved"; readonly why: string; readonly retryAt: number }
  /** Another tab writes this image; what is shown here is as of the last look. */
  | { readonly kind: "read-only" }
  /** The journal went on without this page: only opening the image again helps. */
  | { readonly kind: "conflict"; readonly why: string };

/** What the queue needs of the world. */
export interface SyncPorts {
  /** @returns how many actions are on disk now; throws an ApiError */
  append(after: number, actions: readonly Action[]): Promise<number>;
  /** All actions on disk, and whether this tab writes them. */
  reopen(): Promise<{ readonly writer: boolean; readonly actions: readonly Action[] }>;
  /** Keeps actions that the server could not take, in the browser; an empty list forgets them. */
  keep(after: number, actions: readonly Action[]): void;
  report(status: SaveStatus): void;
}

/** Waits between tries, milliseconds; the last one repeats. */
const RETRIES = [500, 1000, 2000, 5000];
/** So often the server hears from a page at rest; it gives the journal to another tab after 10 s of silence. */
const HEARTBEAT = 3000;
/** Most in one request: the server limits both, and large requests are slow to repeat. */
const BATCH_ACTIONS = 1000;
const BATCH_CHARACTERS = 4_000_000;
/** Characters of a change that one request takes, with room for what is around it. */
export const CHANGE_LIMIT = 15 * 2 ** 20;

export class Sync {
  private readonly waiting: Action[] = [];
  private saved: number;
  private busy = false;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private closed = false;
  private readonly ports: SyncPorts;

  /** @param saved  how many actions are on disk */
  constructor(saved: number, ports: SyncPorts) {
    this.saved = saved;
    this.ports = ports;
    this.rest();
  }

  get unsaved(): number {
    return this.waiting.length;
  }

  push(action: Action): void {
    this.waiting.push(action);
    if (this.failures > 0) this.ports.keep(this.saved, this.waiting);
    else void this.send();
  }

  /** Tries at once instead of at the next time. */
  retry(): void {
    if (this.failures > 0 && !this.busy) void this.send();
  }

  /** Resolves when nothing is waiting; throws the reason when it cannot be saved now. */
  async settled(): Promise<void> {
    this.retry();
    while (this.busy) await pause();
    if (this.waiting.length > 0) throw new ApiError(0, "not-saved", "The last changes are not saved yet.");
  }

  /** Sends what is waiting and ends; what cannot be sent stays kept in the browser. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    while (this.busy) await pause();
    if (this.waiting.length > 0) await this.send();
  }

  private async send(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    clearTimeout(this.timer);
    if (this.waiting.length > 0 && this.failures === 0) this.ports.report({ kind: "saving" });
    try {
      do await this.sendBatch();
      while (this.waiting.length > 0);
      this.busy = false;
      this.rest();
    } catch (error) {
      this.busy = false;
      this.failed(error);
    }
  }

  private async sendBatch(): Promise<void> {
    const batch = firstBatch(this.waiting);
    this.saved = await this.ports.append(this.saved, batch);
    this.waiting.splice(0, batch.length);
    if (this.failures > 0) this.ports.keep(this.saved, []);
    this.failures = 0;
    if (this.waiting.length === 0) this.ports.report({ kind: "saved" });
  }

  private failed(error: unknown): void {
    if (error instanceof ApiError && error.status === 409) {
      void this.reconcile();
      return;
    }
    const why = error instanceof Error ? error.message : String(error);
    this.again(why);
  }

  private again(why: string): void {
    const wait = RETRIES[Math.min(this.failures, RETRIES.length - 1)];
    this.failures++;
    this.ports.keep(this.saved, this.waiting);
    this.ports.report({ kind: "not-saved", why, retryAt: Date.now() + wait });
    if (!this.closed) this.timer = setTimeout(() => void this.send(), wait);
  }

  /** The server counts other actions than we do: either it has saved ours and its answer was lost, or another page wrote. */
  private async reconcile(): Promise<void> {
    try {
      const { writer, actions } = await this.ports.reopen();
      if (!writer) {
        this.end({ kind: "read-only" });
        return;
      }
      const already = countSaved(actions, this.saved, this.waiting);
      if (already === null) {
        this.end({ kind: "conflict", why: "The journal on disk holds changes that this page has not seen." });
        return;
      }
      this.saved = actions.length;
      this.waiting.splice(0, already);
      await this.send();
    } catch (error) {
      this.again(error instanceof Error ? error.message : String(error));
    }
  }

  private end(status: SaveStatus): void {
    this.closed = true;
    clearTimeout(this.timer);
    if (this.waiting.length > 0) this.ports.keep(this.saved, this.waiting);
    this.ports.report(status);
  }

  private rest(): void {
    if (!this.closed) this.timer = setTimeout(() => void this.send(), HEARTBEAT);
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

function firstBatch(actions: readonly Action[]): Action[] {
  let characters = 0;
  const batch: Action[] = [];
  for (const action of actions) {
    characters += "delta" in action ? 6 * action.delta.length : 50;
    if (batch.length > 0 && (characters > BATCH_CHARACTERS || batch.length === BATCH_ACTIONS)) break;
    batch.push(action);
  }
  return batch;
}

/**
 * How many of the `waiting` actions are on disk already, after the first `after`: their answer was lost.
 *
 * @returns null when the disk holds fewer or other actions, so that the waiting ones don't follow
 */
export function countSaved(onDisk: readonly Action[], after: number, waiting: readonly Action[]): number | null {
  const beyond = onDisk.slice(after);
  const isOurs = beyond.every(({ kind, at }, i) => waiting[i]?.kind === kind && waiting[i].at === at);
  return onDisk.length >= after && isOurs ? beyond.length : null;
}
