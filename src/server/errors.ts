/** What the server answers when something goes wrong: a status, a code and a sentence. */
import { basename } from "node:path";
import { TendrilError } from "../core/index.ts";
import { FileError } from "../files/index.ts";
import { ImageFormatError } from "../image/index.ts";
import { ActionError, ExportError, JournalError, LabelError, ProjectFileError } from "../project/index.ts";

/** A request that cannot be answered as it stands. */
export class RequestError extends TendrilError {
  readonly status: number;

  constructor(status: number, code: string, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.status = status;
  }
}

/** The port cannot be listened on. */
export class PortError extends TendrilError {
  constructor(code: "port-in-use" | "port-refused", message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** Nothing that was named can be opened; the message says why, file by file. */
export class NoImageError extends TendrilError {
  constructor(message: string) {
    super("no-image", message);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: { readonly error: { readonly code: string; readonly message: string } };
}

/** @returns null for a defect of ours, which is answered without its text */
export function answerTo(error: unknown): Answer | null {
  if (error instanceof TendrilError) return answer(statusOf(error), error.code, messageFor(error));
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (typeof status !== "number" || status < 400 || status >= 500) return null;
  const [code, message] = FRAMEWORK[status] ?? ["bad-request", "The request cannot be read."];
  return answer(status, code, message);
}

/** What the page is told. It knows files by their base names; folders may name a patient. */
export function messageFor(error: TendrilError): string {
  return error instanceof FileError ? error.message.replaceAll(error.path, basename(error.path)) : error.message;
}

export function answer(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}

/** What fastify itself refuses. */
const FRAMEWORK: Readonly<Record<number, readonly [string, string]>> = {
  413: ["too-large", "The request is larger than the server takes. Send it in smaller parts."],
  414: ["too-large", "The address is longer than the server takes."],
  415: ["media-type", "The server takes application/json here, and application/octet-stream for image files."],
};

const FILE_STATUS: Readonly<Record<string, number>> = {
  ENOENT: 404,
  outside: 403,
  "too-large": 413,
  ENOSPC: 507,
  EDQUOT: 507,
};

function statusOf(error: TendrilError): number {
  if (error instanceof RequestError) return error.status;
  if (error instanceof ImageFormatError || error instanceof ActionError || error instanceof LabelError) return 422;
  if (error instanceof JournalError) return error.code === "full" ? 507 : 409;
  if (error instanceof ProjectFileError || error instanceof ExportError) return 409;
  if (error instanceof FileError) return FILE_STATUS[error.code] ?? 500;
  return 500;
}
