/** What the operating system says about a file, as one sentence that a person can act on. */
import { TendrilError } from "../core/index.ts";

/** A file or folder could not be read or written. `code` is the system's, such as ENOENT. */
export class FileError extends TendrilError {
  readonly path: string;

  constructor(code: string, path: string, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.path = path;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist. Check the spelling and the folder.",
  EACCES: "permission denied. Change the permissions, or choose another place.",
  EPERM: "the system does not permit it. Change the permissions, or choose another place.",
  EROFS: "the disk is read-only. Choose another place.",
  ENOSPC: "the disk is full. Free some space and try again; what was there before is unchanged.",
  EDQUOT: "the disk quota is used up. Free some space and try again; what was there before is unchanged.",
  EISDIR: "it is a folder. Name a file.",
  ENOTDIR: "a part of its path is a file, not a folder. Choose another place.",
  EFBIG: "it would be larger than the system allows. Choose another place; what was there before is unchanged.",
  ENAMETOOLONG: "its name is too long. Choose a shorter one.",
  ELOOP: "its links lead in a circle. Name the file itself.",
  EBUSY: "another program holds it. Close that program and try again.",
  EMFILE: "too many files are open. Close other programs and try again.",
  EIO: "the disk reported an error. Check the disk; what was there before is unchanged.",
  EEXIST: "it exists already. Choose another name.",
  ENOTEMPTY: "it exists already. Choose another name.",
};

/** Runs `work` and turns a system error into a `FileError` that says "Can't DO PATH: why". Others pass. */
export async function onFile<T>(what: "read" | "write", path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw explained(what, path, cause);
  }
}

/** Gives `instead` where the file or folder does not exist; every other error passes. */
export async function orAbsent<T, U>(work: Promise<T>, instead: U): Promise<T | U> {
  return work.catch((error: unknown) => {
    if (error instanceof FileError && error.code === "ENOENT") return instead;
    throw error;
  });
}

export function explained(what: "read" | "write", path: string, cause: unknown): unknown {
  const code = systemCode(cause);
  if (!code) return cause;
  return new FileError(code, path, `Can't ${what} ${path}: ${REASONS[code] ?? `the system says ${code}.`}`, { cause });
}

/** ENOENT and the like; undefined for any other error. */
export function systemCode(cause: unknown): string | undefined {
  if (!(cause instanceof Error) || !("syscall" in cause) || !("code" in cause)) return undefined;
  return typeof cause.code === "string" ? cause.code : undefined;
}
