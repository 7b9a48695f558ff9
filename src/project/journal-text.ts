/**
 * The text of a journal, without the disk.
 *
 * A line is LENGTH SPACE CRC SPACE JSON LF: the JSON text's length in bytes (decimal), its CRC-32 (8 hex digits), the text. The
 * first line is the header, which names the image file's bytes by their SHA-256; each further line is one action.
 */
import { z } from "zod";
import { crc32 } from "../core/index.ts";
import { parseAction } from "./action-schema.ts";
import { toText } from "./action-text.ts";
import type { Action } from "./annotation.ts";
import { ActionError, JournalError } from "./errors.ts";

/** Numbers of all deltas: a gigabyte of memory here and in the page, though on disk rows of runs take little. What is there is read up to twice that. */
export const NUMBERS_LIMIT = 2 ** 27;
const LINE_FEED = 10;
const LINE = /^(0|[1-9]\d{0,8}) ([0-9a-f]{8}) /;
export const UNTOUCHED = "The file was left as it is.";

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

export function journalLine(value: JournalHeader | Action): Buffer {
  const json = Buffer.from(JSON.stringify("kind" in value ? toText(value) : value));
  return Buffer.concat([Buffer.from(`${json.length} ${hex(crc32(json))} `), json, Buffer.of(LINE_FEED)]);
}

/** The header of whichever image's journal this is, of its first line alone; null when that is not whole, or none of ours. */
export function headerIn(bytes: Buffer): JournalHeader | null {
  const line = lineAt(bytes, 0);
  return headerSchema.safeParse(line && jsonOf(line.json)).data ?? null;
}

/** Whether a whole line begins after a line feed. */
export function hasWholeLine(tail: Buffer): boolean {
  for (let at = tail.indexOf(LINE_FEED) + 1; at > 0 && at < tail.length; at = tail.indexOf(LINE_FEED, at) + 1)
    if (lineAt(tail, at)) return true;
  return false;
}

/** Of all deltas. */
export function countNumbers(actions: readonly Action[]): number {
  return actions.reduce((sum, action) => sum + numbersIn(action), 0);
}

function numbersIn(action: Action): number {
  return "delta" in action ? action.delta.length : 0;
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

function parseLine(json: Buffer, header: JournalHeader, where: string): Action {
  try {
    return parseAction(jsonOf(json), header);
  } catch (cause) {
    throw badLine(where, cause);
  }
}

/** An action that does not fit, as an error of the journal; other errors as they are. */
export function badLine(where: string, cause: unknown): unknown {
  if (!(cause instanceof ActionError)) return cause;
  return new JournalError(
    "bad-line",
    `${where} holds a change that this version of Tendril cannot make. ${cause.message} ${UNTOUCHED} ` +
      "Use the version that wrote it, or move the journal to another folder to begin anew.",
    { cause },
  );
}

function hex(value: number): string {
  return value.toString(16).padStart(8, "0");
}
