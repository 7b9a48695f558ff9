/**
 * The errors a caller can act on. Each has a `code` and says what, where and what to do; nobody matches on message text.
 * A `TendrilError` is shown to a person as its message alone, without a stack trace; anything else is a defect of ours.
 */

/** Anything that a person or a program can put right: a bad file, a wrong option, a full disk. */
export class TendrilError extends Error {
  readonly code: string;
  /** Exit code of a command that ends with this error: 1 it failed, 2 it was used wrongly. */
  readonly exitCode: 1 | 2 = 1;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** Two arrays that must lie on the same grid do not, or a size is impossible. */
export class ShapeError extends TendrilError {
  constructor(message: string) {
    super("shape", message);
  }
}

/** The command or the library was called in a way that cannot work: exit code 2. */
export class UsageError extends TendrilError {
  override readonly exitCode = 2;

  constructor(message: string, options?: ErrorOptions) {
    super("usage", message, options);
  }
}

/** A promise inside the program is broken: a defect to report, never the user's doing. */
export class InternalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(`${message} This is a defect in Tendril; please report it.`, options);
    this.name = "InternalError";
  }
}

/** What `JSON.parse` says of a text, without the piece of it that it quotes: a file taken by mistake may name a patient there. */
export function jsonFault(cause: unknown): string {
  return (cause as Error).message.replace(/, (?:\.\.\.)?".*$/s, "");
}
