/**
 * Checkpoints: all that a run needs to go on exactly, in a folder that is there as a whole or not at all.
 *
 *     checkpoints/step-00000500/
 *       state.safetensors   parameters, moments, average and step counter, flat
 *       manifest.json       step, generator state, steps not yet logged, what run and model it is of, size and SHA-256 of the
 *                           state, and SHA-256 of the manifest itself without that field
 *
 * The data position is the step: the batch of step i is drawn from a generator that is derived from the seed and i.
 */
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { type RngState, TendrilError } from "../core/index.ts";
import { STATE_NAMES, type TrainingState } from "../engine/index.ts";
import { onFile, orAbsent, publishFolder, readLimited, readText } from "../files/index.ts";
import { readSafetensors, writeSafetensors } from "../model/index.ts";
import { type Metrics, metricsSchema } from "./metrics.ts";

/** How many are kept; older ones are removed. */
const KEPT = 3;
const STATE_LIMIT = 2 * 2 ** 30;
const MANIFEST_LIMIT = 2 ** 20;
const FORMAT = 1;

export interface Checkpoint {
  /** Steps done. */
  readonly step: number;
  readonly state: TrainingState;
  /** The run's root generator, from which every step derives its own. */
  readonly generator: RngState;
  /** Steps since the last line of the log. */
  readonly pending: readonly Metrics[];
}

/** What a checkpoint belongs to: it fits no other configuration, network or runtime. */
export interface Origin {
  /** Hash of the run's configuration. */
  readonly configSha256: string;
  /** Hash of the names and shapes of the model's parameters. */
  readonly modelSha256: string;
  /** What computes: another release or number of threads can change the last bit, and with it all weights to come. */
  readonly runtime: string;
}

/** A checkpoint is damaged, or of another run, model or version. */
export class CheckpointError extends TendrilError {
  constructor(
    code: "damaged" | "other-run" | "other-model" | "other-version" | "other-runtime",
    message: string,
    cause?: unknown,
  ) {
    super(code, message, { cause });
  }
}

const word = z
  .int()
  .min(-(2 ** 31))
  .lt(2 ** 32);
const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  step: z.int().positive(),
  configSha256: z.string(),
  modelSha256: z.string(),
  runtime: z.string(),
  generator: z.tuple([word, word, word, word]),
  pending: z.array(metricsSchema),
  state: z.strictObject({ bytes: z.int().positive(), sha256: z.string() }),
});

/** @param folder  the run's `checkpoints` folder */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint, origin: Origin): Promise<void> {
  const vectors = STATE_NAMES.flatMap((name) => {
    const data = checkpoint.state[name];
    return data ? [[name, { shape: [data.length], data }] as const] : [];
  });
  const state = writeSafetensors(new Map(vectors));
  const manifest: z.infer<typeof manifestSchema> = {
    format: FORMAT,
    step: checkpoint.step,
    configSha256: origin.configSha256,
    modelSha256: origin.modelSha256,
    runtime: origin.runtime,
    generator: [...checkpoint.generator],
    pending: [...checkpoint.pending],
    state: { bytes: state.length, sha256: sha256(state) },
  };
  await publishFolder(join(folder, folderOf(checkpoint.step)), {
    "state.safetensors": state,
    "manifest.json": sealed(manifest),
  });
  for (const name of (await checkpointNames(folder)).slice(0, -KEPT))
    await onFile("write", join(folder, name), () => rm(join(folder, name), { recursive: true, force: true }));
}

/**
 * The newest checkpoint, or null when there is none yet.
 *
 * @throws {CheckpointError} when it is damaged or of another origin; the message names the folder and what to do, such as going
 *                           on from the checkpoint before it
 */
export async function loadLatestCheckpoint(folder: string, origin: Origin): Promise<Checkpoint | null> {
  const names = await checkpointNames(folder);
  const name = names.at(-1);
  if (!name) return null;
  const path = join(folder, name);
  const before = names.at(-2);
  const advice = before ? `Remove that folder to go on from ${before}.` : "Start the run again in another folder.";
  const damaged = (how: string, cause?: unknown) =>
    new CheckpointError("damaged", `The checkpoint ${path} is damaged: ${how}. ${advice}`, cause);

  const text = await readText(join(path, "manifest.json"), MANIFEST_LIMIT).catch((cause: unknown) => {
    throw damaged("its manifest.json can't be read", cause);
  });
  const manifest = unsealed(text);
  if (!manifest) throw damaged("its manifest.json does not match its checksum");
  requireOrigin(manifest, origin, path);
  const { step, generator, pending, state } = manifestSchema.parse(manifest);
  if (folderOf(step) !== name) throw damaged(`its manifest.json is of step ${step}`);
  const bytes = await readLimited(join(path, "state.safetensors"), STATE_LIMIT).catch((cause: unknown) => {
    throw damaged("its state.safetensors can't be read", cause);
  });
  if (bytes.length !== state.bytes)
    throw damaged(`state.safetensors holds ${bytes.length} bytes, and should hold ${state.bytes}`);
  if (sha256(bytes) !== state.sha256) throw damaged("state.safetensors does not match its checksum");
  return { step, generator, pending, state: stateOf(bytes, `${path}/state.safetensors`) };
}

export function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Every byte of the result counts: `unsealed` takes no other text. */
function sealed(manifest: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ ...manifest, sha256: sha256(JSON.stringify(manifest)) }, null, 2)}\n`;
}

/** Null when the text is not exactly what `sealed` makes. */
function unsealed(text: string): Record<string, unknown> | null {
  try {
    const { sha256: _, ...manifest } = JSON.parse(text);
    return sealed(manifest) === text ? manifest : null;
  } catch {
    return null;
  }
}

function requireOrigin(manifest: Readonly<Record<string, unknown>>, origin: Origin, path: string): void {
  if (manifest.format !== FORMAT)
    throw new CheckpointError(
      "other-version",
      `The checkpoint ${path} was written by another version of Tendril (format ${manifest.format}; this one reads ${FORMAT}). ` +
        "Go on with that version, or start the run again in another folder.",
    );
  if (manifest.configSha256 !== origin.configSha256)
    throw new CheckpointError(
      "other-run",
      `The checkpoint ${path} is of another configuration or seed. Use those it was started with, or another output folder.`,
    );
  if (manifest.modelSha256 !== origin.modelSha256)
    throw new CheckpointError(
      "other-model",
      `The checkpoint ${path} is of another model: this version of Tendril builds other layers. ` +
        "Go on with the version that it was started with, or start the run again in another folder.",
    );
  if (manifest.runtime !== origin.runtime)
    throw new CheckpointError(
      "other-runtime",
      `The checkpoint ${path} was made by ${manifest.runtime}; this is ${origin.runtime}, which would not come to the same weights. ` +
        "Use the same, and as many --threads, or start the run again in another folder.",
    );
}

function stateOf(bytes: Uint8Array, source: string): TrainingState {
  const tensors = readSafetensors(bytes, source);
  const state = Object.fromEntries([...tensors].map(([vector, { data }]) => [vector, data]));
  return { ...state, parameters: state.parameters };
}

async function checkpointNames(folder: string): Promise<string[]> {
  const names = await orAbsent(
    onFile("read", folder, () => readdir(folder)),
    [],
  );
  return names.filter((name) => /^step-\d{8}$/.test(name)).sort();
}

function folderOf(step: number): string {
  return `step-${String(step).padStart(8, "0")}`;
}
