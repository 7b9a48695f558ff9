/** What tests of volume formats share: fixtures, and what a reader says to bytes that it refuses. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ImageFormatError } from "../../src/image/index.ts";

const fixtures = join(import.meta.dirname, "../fixtures");

/** @param path  below tests/fixtures */
export function fixture(path: string): Uint8Array {
  return new Uint8Array(readFileSync(join(fixtures, path)));
}

export function fixtureJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(fixtures, path), "utf8"));
}

/** @returns what `read` refuses with; any other error, or none, fails the test */
export function refusalOf(read: () => unknown): ImageFormatError {
  try {
    read();
  } catch (error) {
    if (error instanceof ImageFormatError) return error;
    throw error;
  }
  throw new Error("was not refused");
}
