/** Golden TIFF, JPEG and NRRD files, and what the readers say to bytes that they refuse. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Image } from "../../src/core/index.ts";
import { ImageFormatError } from "../../src/image/index.ts";
import { decodeJpeg } from "../../src/image/jpeg.ts";
import { decodeNrrd } from "../../src/image/nrrd.ts";
import { decodeTiff } from "../../src/image/tiff.ts";
import type { Volume } from "../../src/image/volume.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/flat");

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

export function fixtureJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
}

/** By the name's ending. */
export async function decode(bytes: Uint8Array, name: string): Promise<Image | Volume> {
  if (name.endsWith(".tif")) return decodeTiff(bytes, name);
  return name.endsWith(".jpg") ? decodeJpeg(bytes, name) : decodeNrrd(bytes, name).volume;
}

/** @throws what is no `ImageFormatError`, and when the bytes are not refused */
export async function refusalOf(bytes: Uint8Array, name: string): Promise<ImageFormatError> {
  try {
    await decode(bytes, name);
  } catch (error) {
    if (error instanceof ImageFormatError) return error;
    throw error;
  }
  throw new Error(`${name} was not refused`);
}
