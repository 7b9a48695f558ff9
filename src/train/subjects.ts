/** Subjects of a data set, and which of them are held back for validation: by a checksum of the name, so that it is the same in every run. */
import { crc32 } from "../core/index.ts";

const VALIDATION_OF = 8;

/** Whom an image shows: the part of its name before "__". */
export function subjectOf(name: string): string {
  return name.split("__")[0];
}

/** Whether an image is never trained on: one in VALIDATION_OF subjects is not. */
export function isHeldBack({ dataset, name }: { readonly dataset: string; readonly name: string }): boolean {
  return crc32(new TextEncoder().encode(`${dataset}/${subjectOf(name)}`)) % VALIDATION_OF === 0;
}
