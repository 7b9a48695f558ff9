/**
 * An image's journal: a text file to which every action is appended, and which gives the annotation back bit for bit.
 *
 * A line is LENGTH SPACE CRC SPACE JSON LF: the JSON text's length in bytes (decimal), its CRC-32 (8 hex digits), the text. The
 * first line is the header, which names the image file's bytes by their SHA-256; each further line is one action. An action
 * counts as saved only once its line has been synced. What a kill or power cut leaves after the last whole line is cut
 * off by the next append, and reported on opening.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { z } from "zod";
import { crc32, InternalError } from "../core/index.ts";
import { atomicWrite, onFile, readLimited, syncFolder, systemCode } from "../files/index.ts";
import { parseAction } from "./action-schema.ts";
import { toText } from "./action-text.ts";
import type { Action } from "./annotation.ts";
import { ActionError, JournalError } from "./errors.ts";
import { emptyHistory, type History, perform } from "./history.ts";

/** Bytes of a first line: the longest name of an image, each character escaped, and more than what is around it. */
const FIRST_LINE = 2 ** 13;
/** Bytes; some 200,000 strokes. */
const JOURNAL_LIMIT = 512 * 2 ** 20;
/** Numbers of all deltas: a gigabyte of memory here and in the page, though on disk rows of runs take little. What is there is read up to twice that. */
const NUMBERS_LIMIT = 2 ** 27;
const LINE_FEED = 10;
const LINE = /^(0|[1-9]\d{0,8}) ([0-9a-f]{8}) /;
const UNTOUCHED = "The file was left as it is.";

const headerSchema = z.strictObject({
  tendril: z.literal(1),
  image: z.string().max(1024),
  width: z.int().positive(),
  height: z.int().positive(),
  /** Of a volume: how many slices lie one under the other in `height`. */
  depth: z.int().positive().optional(),
  /** Of the image file's bytes, in lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

export type JournalHeader = z.infer<typeof headerSchema>;

export interface JournalContent {
  readonly actions: readonly Action[];
  /** Bytes up to the end of the last whole line; 0 when not even the header is whole. */
  readonly end: number;
  /** Bytes after it, which are no whole line. */
  readonly cut: number;
}

/**
 * @param header  of the image that the journal should belong to
 * @param source  the journal's base name, for errors
 * @param most    numbers that its deltas may have together
 * @throws {JournalError} when it is no journal, of another image, a whole line holds no action of this image, or there is no memory for it
 */
export function parseJournal(
  bytes: Buffer,
  header: JournalHeader,
  source: string,
  most = 2 * NUMBERS_LIMIT,
): JournalContent {
  const first = lineAt(bytes, 0);
  if (!first) {
    if (!isTornHeader(bytes, header))
      throw new JournalError(
        "not-a-journal",
        `${source} is not a journal of Tendril, or its first line is damaged. ${UNTOUCHED} Move it to another folder to begin anew.`,
      );
    return { actions: [], end: 0, cut: bytes.length };
  }
  requireHeader(first.json, header, source);
  const actions: Action[] = [];
  let end = first.end;
  let numbers = 0;
  for (let line = lineAt(bytes, end); line; line = lineAt(bytes, end)) {
    const action = parseLine(line.json, header, `Line ${actions.length + 2} of ${source}`);
    numbers += numbersIn(action);
    if (numbers > most)
      throw new JournalError(
        "full",
        `${source} holds more changes than there is memory for: line ${actions.length + 2} is one too many. ${UNTOUCHED} Move it to another folder to begin anew.`,
      );
    actions.push(action);
    end = line.end;
  }
  return { actions, end, cut: bytes.length - end };
}

/** Replays the actions on an empty annotation. @throws {ActionError} when one does not fit what those before it made */
export function replay(actions: readonly Action[], header: JournalHeader): History {
  const history = emptyHistory(header);
  actions.forEach((action, i) => {
    performChecked(history, action, `Change ${i + 1} does not fit those before it.`);
  });
  return history;
}

export function journalLine(value: JournalHeader | Action): Buffer {
  const json = Buffer.from(JSON.stringify("kind" in value ? toText(value) : value));
  return Buffer.concat([Buffer.from(`${json.length} ${hex(crc32(json))} `), json, Buffer.of(LINE_FEED)]);
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
    for (let at = tail.indexOf(LINE_FEED) + 1; at > 0 && at < tail.length; at = tail.indexOf(LINE_FEED, at) + 1)
      if (lineAt(tail, at)) return atomicWrite(`${this.path}.cut-${this.end}`, tail);
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
  const line = lineAt(bytes, 0);
  const header = headerSchema.safeParse(line && jsonOf(line.json)).data;
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
      const line = lineAt(buffer.subarray(0, bytesRead), 0);
      return headerSchema.safeParse(line && jsonOf(line.json)).data ?? null;
    } finally {
      await file.close();
    }
  });
}

interface Line {
  readonly json: Buffer;
  /** Where the next line begins. */
  readonly end: number;
}

/** The line that begins at `at`; null when it is not whole. */
function lineAt(bytes: Buffer, at: number): Line | null {
  const match = LINE.exec(bytes.toString("latin1", at, at + 20));
  if (!match) return null;
  const from = at + match[0].length;
  const to = from + Number(match[1]);
  if (to >= bytes.length || bytes[to] !== LINE_FEED) return null;
  const json = bytes.subarray(from, to);
  return hex(crc32(json)) === match[2] ? { json, end: to + 1 } : null;
}

/** A kill while the header was written leaves its beginning; a power cut may leave zeros. */
function isTornHeader(bytes: Buffer, header: JournalHeader): boolean {
  return journalLine(header).subarray(0, bytes.length).equals(bytes) || bytes.every((byte) => byte === 0);
}

function requireHeader(json: Buffer, { width, height, depth, sha256, image }: JournalHeader, source: string): void {
  const parsed = headerSchema.safeParse(jsonOf(json));
  if (!parsed.success)
    throw new JournalError(
      "not-a-journal",
      `${source} was not written by this version of Tendril (it reads version 1). ${UNTOUCHED} Use the version that wrote it.`,
      { cause: parsed.error },
    );
  const found = parsed.data;
  const isSameSize = found.width === width && found.height === height && found.depth === depth;
  if (found.sha256 !== sha256 || !isSameSize)
    throw new JournalError(
      "other-image",
      `${source} belongs to another image than this ${image}: it was begun on ${found.image}, ${found.width} x ${found.height}, ` +
        `SHA-256 ${found.sha256.slice(0, 12)}..., and this one is ${width} x ${height}, ${sha256.slice(0, 12)}.... ${UNTOUCHED} ` +
        `Put the old image back, or move the journal to another folder to begin anew.`,
    );
}

/** Undefined, which no schema accepts, when the text is no JSON. */
function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

function countNumbers(actions: readonly Action[]): number {
  return actions.reduce((sum, action) => sum + numbersIn(action), 0);
}

function numbersIn(action: Action): number {
  return "delta" in action ? action.delta.length : 0;
}

function parseLine(json: Buffer, header: JournalHeader, where: string): Action {
  try {
    return parseAction(jsonOf(json), header);
  } catch (cause) {
    throw badLine(where, cause);
  }
}

function replayed(path: string, header: JournalHeader, actions: readonly Action[]): History {
  try {
    return replay(actions, header);
  } catch (cause) {
    throw badLine(basename(path), cause);
  }
}

function badLine(where: string, cause: unknown): unknown {
  if (!(cause instanceof ActionError)) return cause;
  return new JournalError(
    "bad-line",
    `${where} holds a change that this version of Tendril cannot make. ${cause.message} ${UNTOUCHED} ` +
      "Use the version that wrote it, or move the journal to another folder to begin anew.",
    { cause },
  );
}

function performChecked(history: History, action: Action, misfit: string): void {
  try {
    perform(history, action);
  } catch (cause) {
    if (!(cause instanceof InternalError)) throw cause;
    throw new ActionError(misfit, { cause });
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
