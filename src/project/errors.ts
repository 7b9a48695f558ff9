/** Why work on disk cannot be opened, or a change cannot be kept. */
import { TendrilError } from "../core/index.ts";

/** A journal cannot be used; the file is left as it is. */
export class JournalError extends TendrilError {
  declare readonly code: /** Another file, or its first line is damaged. */
    | "not-a-journal"
    /** It belongs to other bytes than the image's. */
    | "other-image"
    /** A whole, checked line holds something that is no change of this image. */
    | "bad-line"
    /** The page and the disk do not agree on what has been saved. */
    | "conflict"
    /** Another program has changed the file since it was opened. */
    | "changed-on-disk"
    | "full";

  constructor(code: JournalError["code"], message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}

/** A change is not one that this image can have. */
export class ActionError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("bad-action", message, options);
  }
}

/** A file in the place of an exported mask is not known to be Tendril's own; nothing was written. */
export class ExportError extends TendrilError {
  constructor(message: string) {
    super("not-ours", message);
  }
}

/** A label cannot be added or changed as it was asked. */
export class LabelError extends TendrilError {
  constructor(message: string) {
    super("bad-label", message);
  }
}

/** `tendril.json` is damaged; the file is left as it is. */
export class ProjectFileError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("bad-project-file", message, options);
  }
}
