/**
 * An image's journal on disk: a text file (`journal-text.ts`) to which every action is appended, and which gives the annotation back bit for bit.
 *
 * An action counts as saved only once its line has been synced. What a kill or power cut leaves after the last whole line is cut off by the next
 * append, and reported on opening.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { InternalError } from "../core/index.ts";
import { atomicWrite, onFile, readLimited, syncFolder, systemCode } from "../files/index.ts";
import { parseAction } from "./action-schema.ts";
import type { Action } from "./annotation.ts";
import { ActionError, JournalError } from "./errors.ts";
import { emptyHistory, type History, perform } from "./history.ts";
import {
  badLine,
  countNumbers,
  hasWholeLine,
  headerIn,
  type JournalContent,
  type JournalHeader,
  journalLine,
  NUMBERS_LIMIT,
  parseJournal,
  UNTOUCHED,
} from "./journal-text.ts";

/** Bytes of a first line: the longest name of an image, each character escaped, and more than what is around it. */
const FIRST_LINE = 2 ** 13;
/** Bytes; some 200,000 strokes. */
const JOURNAL_LIMIT = 512 * 2 ** 20;

/** Replays the actions on an empty annotation. @throws {ActionError} when one does not fit what those before it made */
export function replay(actions: readonly Action[], header: JournalHeader): History {
  const history = emptyHistory(header);
  actions.forEach((action, i) => {
    performChecked(history, action, `Change ${i + 1} does not fit those before it.`);
  });
  return history;
}

/** What a journal needs of an open file; tests give one whose calls fail. */
export type JournalFile = Pick<FileHandle, "write" | "sync" | "truncate" | "stat" | "close">;
export type OpenFile = (path: string, flags: string) => Promise<JournalFile>;

export interface JournalOptions {
  readonly openFile?: OpenFile;
  /** Called before the first line of a new journal is written. */
  readonly prepare?: () => Promise<void>;
  /** Most numbers that all deltas may have together. */
  readonly mostNumbers?: number;
}

/** A journal that one session reads and appends to. */
export class Journal {
  readonly path: string;
  readonly header: JournalHeader;
  /** Bytes of a torn tail that were found on opening. */
  readonly cut: number;
  private readonly saved: Action[];
  private readonly mostNumbers: number;
  /** Of the saved actions' deltas. */
  private numbers: number;
  private history: History;
  private readonly openFile: OpenFile;
  private readonly prepare: (() => Promise<void>) | undefined;
  /** Opened by the first append: looking at an image leaves no trace on disk. */
  private file: JournalFile | undefined;
  private end: number;
  /** The file's size as we left it; null after a write that failed, when nobody knows. */
  private size: number | null;
  private queue: Promise<unknown> = Promise.resolve();

  private constructor(path: string, header: JournalHeader, content: JournalContent, options: JournalOptions) {
    this.path = path;
    this.header = header;
    this.cut = content.cut;
    this.saved = [...content.actions];
    this.mostNumbers = options.mostNumbers ?? NUMBERS_LIMIT;
    this.numbers = countNumbers(this.saved);
    this.history = replayed(path, header, content.actions);
    this.openFile = options.openFile ?? open;
    this.prepare = options.prepare;
    this.end = content.end;
    this.size = content.end + content.cut;
  }

  /**
   * Reads the journal at `path`, or begins one that the first append will write.
   *
   * @throws {JournalError} when the file is not this image's journal; it is left as it is
   * @throws {FileError} when it cannot be read
   */
  static async open(path: string, header: JournalHeader, options: JournalOptions = {}): Promise<Journal> {
    return new Journal(path, header, await readJournal(path, header), options);
  }

  /** The actions on disk, oldest first. */
  get actions(): readonly Action[] {
    return this.saved;
  }

  /**
   * Appends all of `values` or none, and returns the number of actions on disk once they are synced.
   *
   * @param after  how many actions the caller believes to be on disk
   * @throws {ActionError} when a value is no action, or does not fit what is there
   * @throws {JournalError} conflict, changed-on-disk, full
   * @throws {FileError} when the disk refuses; the same call may be made again
   */
  append(after: number, values: readonly unknown[]): Promise<number> {
    const turn = this.queue.then(() => this.appendNow(after, values));
    this.queue = turn.catch(() => {});
    return turn;
  }

  async close(): Promise<void> {
    await this.queue;
    await this.file?.close();
    this.file = undefined;
  }

  private async appendNow(after: number, values: readonly unknown[]): Promise<number> {
    if (after !== this.saved.length)
      throw new JournalError(
        "conflict",
        `${this.saved.length} changes of ${this.header.image} are on disk, and this page counts ${after}. Reload the page.`,
      );
    const actions = values.map((value) => parseAction(value, this.header));
    if (actions.length === 0) return after;
    const numbers = countNumbers(actions);
    if (this.numbers + numbers > this.mostNumbers)
      throw this.full(`${(this.mostNumbers / 4).toLocaleString("en")} runs of pixels`);
    try {
      actions.forEach((action, i) => {
        const which = `Change ${after + i + 1} of ${this.header.image}`;
        performChecked(
          this.history,
          action,
          `${which} does not fit those before it and was not saved. Reload the page.`,
        );
      });
      await onFile("write", this.path, () => this.write(Buffer.concat(actions.map(journalLine))));
    } catch (cause) {
      this.history = replay(this.saved, this.header);
      throw cause;
    }
    this.saved.push(...actions);
    this.numbers += numbers;
    return this.saved.length;
  }

  private async write(lines: Buffer): Promise<void> {
    if (this.end + lines.length > JOURNAL_LIMIT) throw this.full(`${JOURNAL_LIMIT} bytes`);
    const file = await this.opened();
    await this.requireUnchanged(file);
    if (this.size !== this.end) await this.cutTail(file);
    this.size = null;
    for (let at = 0; at < lines.length; ) {
      const { bytesWritten } = await file.write(lines, at, lines.length - at, this.end + at);
      at += bytesWritten;
    }
    await file.sync();
    this.end += lines.length;
    this.size = this.end;
  }

  private async opened(): Promise<JournalFile> {
    if (this.end === 0) {
      const line = journalLine(this.header);
      await this.requireAbsentOrTorn();
      await this.prepare?.();
      await atomicWrite(this.path, line);
      // The folder may be new as well, and its name stands in its parent.
      await syncFolder(dirname(dirname(this.path)));
      this.end = line.length;
      this.size = line.length;
    }
    this.file ??= await this.openFile(this.path, "r+");
    return this.file;
  }

  private async requireAbsentOrTorn(): Promise<void> {
    const { end } = await readJournal(this.path, this.header);
    if (end > 0) throw this.changedOnDisk();
  }

  /** Two programs that append would write over each other, and a file that was moved away is not where anyone will look. */
  private async requireUnchanged(file: JournalFile): Promise<void> {
    const ours = await file.stat();
    const theirs = await stat(this.path).catch((cause: unknown) => {
      if (systemCode(cause) === "ENOENT") return null;
      throw cause;
    });
    const isSame = theirs !== null && theirs.ino === ours.ino && theirs.dev === ours.dev;
    if (!isSame || (this.size !== null && ours.size !== this.size)) throw this.changedOnDisk();
  }

  private full(limit: string): JournalError {
    return new JournalError(
      "full",
      `${basename(this.path)} has reached its limit of ${limit}. Export the mask, then move the journal to another folder.`,
    );
  }

  private changedOnDisk(): JournalError {
    return new JournalError(
      "changed-on-disk",
      `${basename(this.path)} was changed, moved or deleted by another program since it was opened. Close other windows of Tendril on this image and reload the page.`,
    );
  }

  private async cutTail(file: JournalFile): Promise<void> {
    if (this.size !== null) await this.keepWholeLines();
    await file.truncate(this.end);
    this.size = this.end;
  }

  /** Whole lines after a broken one were perhaps saved once: they are set aside, not thrown away. */
  private async keepWholeLines(): Promise<void> {
    const tail = (await readLimited(this.path, JOURNAL_LIMIT)).subarray(this.end);
    if (hasWholeLine(tail)) await atomicWrite(`${this.path}.cut-${this.end}`, tail);
  }
}

/** The journal on disk; empty when there is none. */
export async function readJournal(path: string, header: JournalHeader): Promise<JournalContent> {
  try {
    return parseJournal(await readLimited(path, JOURNAL_LIMIT), header, basename(path));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return { actions: [], end: 0, cut: 0 };
    throw cause;
  }
}

/**
 * A journal by itself, of whichever image.
 *
 * @throws {JournalError} when it is none, or a whole line holds no action
 * @throws {FileError} when it cannot be read
 */
export async function readAnyJournal(path: string): Promise<{ header: JournalHeader; actions: readonly Action[] }> {
  const bytes = await readLimited(path, JOURNAL_LIMIT);
  const header = headerIn(bytes);
  if (!header)
    throw new JournalError(
      "not-a-journal",
      `${basename(path)} is not a journal of this version of Tendril, or its first line is damaged. ${UNTOUCHED} Move it to another folder.`,
    );
  return { header, actions: parseJournal(bytes, header, basename(path)).actions };
}

/** What a journal was begun on, by its first line alone; null where there is no journal, or that line is not whole. */
export async function journalHeader(path: string): Promise<JournalHeader | null> {
  // Opening a named pipe would wait for its writer.
  if (!(await stat(path).catch(() => null))?.isFile()) return null;
  return onFile("read", path, async () => {
    const file = await open(path, "r");
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE), 0, FIRST_LINE, 0);
      return headerIn(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  });
}

function replayed(path: string, header: JournalHeader, actions: readonly Action[]): History {
  try {
    return replay(actions, header);
  } catch (cause) {
    throw badLine(basename(path), cause);
  }
}

function performChecked(history: History, action: Action, misfit: string): void {
  try {
    perform(history, action);
  } catch (cause) {
    if (!(cause instanceof InternalError)) throw cause;
    throw new ActionError(misfit, { cause });
  }
}
