/**
 * Checkpoints: all that a run needs to go on exactly, in a folder that is there as a whole or not at all.
 *
 *     checkpoints/step-000500/
 *       state.safetensors   parameters, moments, average and step counter, flat
 *       manifest.json       step, seed, generator state, hash of the configuration, size and SHA-256 of the state
 *
 * The data position is the step: the batch of step i is drawn from a generator that is derived from the seed and i.
 */
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type RngState, TendrilError } from "../core/index.ts";
import { STATE_NAMES, type TrainingState } from "../engine/index.ts";
import { onFile, publishFolder, readLimited, readText } from "../files/index.ts";
import { readSafetensors, writeSafetensors } from "../model/index.ts";

/** How many are kept; older ones are removed. */
const KEPT = 3;
const STATE_LIMIT = 2 * 2 ** 30;
const MANIFEST_LIMIT = 2 ** 20;

export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  readonly state: TrainingState;
  /** The run's root generator, from which every step derives its own. */
  readonly generator: RngState;
  readonly configSha256: string;
}

/** A checkpoint is damaged, or of another run or model. */
export class CheckpointError extends TendrilError {}

const word = z
  .int()
  .min(-(2 ** 31))
  .lt(2 ** 32);
const manifestSchema = z.strictObject({
  format: z.literal(1),
  step: z.int().positive(),
  generator: z.tuple([word, word, word, word]),
  configSha256: z.string(),
  state: z.strictObject({ bytes: z.int().positive(), sha256: z.string() }),
});

/** @param folder  the run's `checkpoints` folder */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const vectors = STATE_NAMES.flatMap((name) => {
    const data = checkpoint.state[name];
    return data ? [[name, { shape: [data.length], data }] as const] : [];
  });
  const state = writeSafetensors(new Map(vectors));
  const manifest: z.infer<typeof manifestSchema> = {
    format: 1,
    step: checkpoint.step,
    generator: [...checkpoint.generator],
    configSha256: checkpoint.configSha256,
    state: { bytes: state.length, sha256: sha256(state) },
  };
  await publishFolder(join(folder, folderOf(checkpoint.step)), {
    "state.safetensors": state,
    "manifest.json": `${JSON.stringify(manifest, null, 2)}\n`,
  });
  for (const name of (await checkpointNames(folder)).slice(0, -KEPT))
    await rm(join(folder, name), { recursive: true, force: true });
}

/**
 * The newest checkpoint, or null when there is none yet.
 *
 * @throws {CheckpointError} when it is damaged or of another configuration; the message names the one before it
 */
export async function loadLatestCheckpoint(folder: string, configSha256: string): Promise<Checkpoint | null> {
  const names = await checkpointNames(folder);
  const name = names.at(-1);
  if (!name) return null;
  const path = join(folder, name);
  const before = names.at(-2);
  const advice = before ? `Remove that folder to go on from ${before}.` : "Start the run again in another folder.";
  const damaged = (how: string, cause?: unknown) =>
    new CheckpointError("damaged", `The checkpoint ${path} is damaged: ${how}. ${advice}`, { cause });

  const manifest = await readManifest(path).catch((cause: unknown) => {
    throw damaged("its manifest.json cannot be read", cause);
  });
  if (manifest.configSha256 !== configSha256)
    throw new CheckpointError(
      "other-run",
      `The checkpoint ${path} is of another model or configuration. Use the configuration it was started with, or another output folder.`,
    );
  const bytes = await readLimited(join(path, "state.safetensors"), STATE_LIMIT).catch((cause: unknown) => {
    throw damaged("its state.safetensors cannot be read", cause);
  });
  if (bytes.length !== manifest.state.bytes)
    throw damaged(`state.safetensors holds ${bytes.length} bytes, not ${manifest.state.bytes}`);
  if (sha256(bytes) !== manifest.state.sha256) throw damaged("state.safetensors does not match its checksum");
  const tensors = readSafetensors(bytes, `${name}/state.safetensors`);
  const state = Object.fromEntries([...tensors].map(([vector, { data }]) => [vector, data]));
  const { parameters } = state;
  if (!parameters) throw damaged("it holds no parameters");
  return { step: manifest.step, state: { ...state, parameters }, generator: manifest.generator, configSha256 };
}

export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

async function readManifest(path: string) {
  return manifestSchema.parse(JSON.parse(await readText(join(path, "manifest.json"), MANIFEST_LIMIT)));
}

async function checkpointNames(folder: string): Promise<string[]> {
  const names = await onFile("read", folder, () => readdir(folder)).catch((error: unknown) => {
    if (error instanceof TendrilError && error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => /^step-\d+$/.test(name)).sort();
}

function folderOf(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}
