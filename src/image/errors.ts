/** Why bytes are not an image that this version opens. */
import { TendrilError } from "../core/index.ts";

export type ImageFormatCode =
  /** No bytes at all. */
  | "empty"
  /** Another format, or none we know. */
  | "not-png"
  /** A field of the header that cannot be. */
  | "bad-header"
  /** More pixels than the limit. */
  | "too-large"
  /** The bytes end before the image does. */
  | "cut-short"
  /** A checksum, an order or the compressed data are wrong. */
  | "damaged"
  /** Right as it stands, but not read by this version. */
  | "unsupported"
  /** A mask that does not lie on the image it is loaded for. */
  | "other-grid";

export interface ImageFormatDetails {
  /** Base name of the file, for the screen only; never a folder. */
  readonly source: string;
  /** Where in the file, in bytes from its start. */
  readonly offset?: number;
  /** What is wrong and what to do, without the file's name, which is put in front. */
  readonly message: string;
  readonly cause?: unknown;
}

/** The bytes are refused; the message names the file, what it is and what to do. */
export class ImageFormatError extends TendrilError {
  declare readonly code: ImageFormatCode;
  readonly source: string;
  readonly offset: number | undefined;

  constructor(code: ImageFormatCode, { source, offset, message, cause }: ImageFormatDetails) {
    super(code, `${source} ${message}`, { cause });
    this.source = source;
    this.offset = offset;
  }
}
