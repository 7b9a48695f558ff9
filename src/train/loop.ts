/**
 * A training run: batches through the training graph, with checkpoints, a log and a trained model at the end.
 *
 *     runs/paper-1/
 *       config.json environment.json   what was run, and on what
 *       metrics.jsonl                  one line for every LOG_EVERY steps
 *       curves.svg                     the same to look at
 *       checkpoints/                   see checkpoint.ts
 *       model/                         the trained model, at the end
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Rng, ShapeError, TendrilError, UsageError } from "../core/index.ts";
import {
  initialState,
  isSound,
  joinFlat,
  type Runtime,
  splitFlat,
  stateOf,
  Trainer,
  type TrainingModel,
  type TrainingState,
} from "../engine/index.ts";
import { atomicWrite, FileError, isUnfinished, onFile, orAbsent, readText } from "../files/index.ts";
import type { Model } from "../model/index.ts";
import { type Checkpoint, loadLatestCheckpoint, type Origin, saveCheckpoint, sha256 } from "./checkpoint.ts";
import type { TrainingConfig } from "./config.ts";
import { drawCurves } from "./curves.ts";
import { disksWork } from "./disks-work.ts";
import { environment } from "./environment.ts";
import { type GeneralData, generalWork } from "./general-work.ts";
import { type Metrics, MetricsLog, metricsSchema, readMetrics } from "./metrics.ts";
import { writeModelFolder } from "./model-folder.ts";
import { paperWork } from "./paper-work.ts";
import { StoppedError } from "./stopped.ts";
import type { TrainingBatch, TrainingWork } from "./work.ts";

const CONFIG_LIMIT = 2 ** 20;

export interface RunOptions {
  readonly folder: string;
  readonly runtime: Runtime;
  /** Go on from the newest checkpoint; without one, start. */
  readonly resume: boolean;
  /** When it is aborted, the run finishes its step, saves a checkpoint and ends with `StoppedError`. */
  readonly signal?: AbortSignal;
  /** What a general run trains on; the disks are made by the run itself. */
  readonly data?: GeneralData;
  /** Threads that make a general run's samples (default 1); they change none of them. */
  readonly workers?: number;
  /** The model that the configuration's `from` names. */
  readonly from?: Model;
  /** Where the run begins: 0, or the step of the checkpoint. */
  readonly onStart?: (step: number) => void;
  /** Called after every step with that step's figures, and the milliseconds that the engine waited for its batch. */
  readonly onStep?: (metrics: Metrics, waited: number) => void;
}

/** A loss, gradient or weight stopped being a finite number, or left all bounds. The newest checkpoint is from before. */
export class DivergedError extends TendrilError {
  constructor(step: number, terms: Readonly<Record<string, number>>, batch: TrainingBatch, checkpoint: number) {
    const bad = Object.entries(terms).filter(([, value]) => !isSound(value));
    const what =
      bad.length > 0
        ? bad.map(([name, value]) => `${name} is ${value}`).join(", ")
        : "a weight is not a finite number any more";
    const from = checkpoint > 0 ? `The checkpoint of step ${checkpoint} is whole.` : "There is no checkpoint yet.";
    super(
      "diverged",
      `Training stopped at step ${step}: ${what}. The batch holds the training images ${batch.names.join(", ")}. ` +
        `${from} A smaller optimiser.learningRate or a clipNorm usually helps.`,
    );
  }
}

/** @returns the trained model's folder */
export async function train(config: TrainingConfig, options: RunOptions): Promise<string> {
  if (config.blend !== undefined && !config.from)
    throw new UsageError(
      `${config.name} asks for a blend of weights: name the model that it begins with, with --from.`,
    );
  const { folder, runtime, signal } = options;
  const rng = Rng.seeded(config.seed);
  const work = workOf(config, rng, options);
  const { model } = work;
  const origin = originOf(config, model, runtime);
  const checkpoints = join(folder, "checkpoints");
  try {
    const start = await openRun(config, origin, options);
    const log = new MetricsLog(join(folder, "metrics.jsonl"), start?.lines, start?.pending);
    let step = start?.step ?? 0;
    let saved = step;
    options.onStart?.(step);
    const trainer = await Trainer.start(runtime, model, start?.state ?? firstState(config, model, rng, options));
    const save = async () => {
      await log.write();
      if (step > saved)
        await saveCheckpoint(
          checkpoints,
          { step, state: trainer.state, generator: rng.state, pending: log.pending },
          origin,
        );
      saved = step;
    };
    try {
      while (step < config.steps) {
        if (signal?.aborted && step % work.cycle === 0) {
          await save();
          throw new StoppedError(`Stopped at step ${step} of ${config.steps}; go on with --resume.`);
        }
        const asked = performance.now();
        const batch = await work.batch(step);
        const waited = performance.now() - asked;
        const { terms, tensors, finite } = await trainer.step(batch.tensors);
        step++;
        if (!finite) throw new DivergedError(step, terms, batch, saved);
        work.answered(step - 1, tensors);
        const metrics = metricsSchema.parse({ step, ...terms });
        log.add(metrics);
        options.onStep?.(metrics, waited);
        if (step === config.steps) log.fold();
        if (step === config.steps || step % config.checkpointEvery === 0) await save();
      }
      await atomicWrite(join(folder, "curves.svg"), await drawCurves(config.name, log.lines));
      return await publish(config, work, trainer.state, options);
    } finally {
      await trainer.close();
    }
  } finally {
    await work.close();
  }
}

function workOf(config: TrainingConfig, rng: Rng, options: RunOptions): TrainingWork {
  if (config.kind === "paper") return paperWork(config, rng);
  if (config.kind === "disks") return disksWork(config, rng);
  return generalWork(config, rng, requireData(options), options.workers ?? 1);
}

function firstState(config: TrainingConfig, model: TrainingModel, rng: Rng, { from }: RunOptions): TrainingState {
  if (!config.from) return initialState(model, rng.at("weights"));
  if (from?.card.weightsSha256 !== config.from.weightsSha256)
    throw new UsageError(`The run begins with the weights of ${config.from.model}: name its folder with --from.`);
  try {
    return stateOf(model, joinFlat(model.parameters, from.weights));
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new UsageError(
      `A run of ${config.name} cannot begin with the weights of ${config.from.model}, which is another network: ${cause.message}`,
      { cause },
    );
  }
}

function requireData({ data }: RunOptions): GeneralData {
  if (!data) throw new UsageError("A general run needs a folder of images with masks: name it with --data.");
  return data;
}

function configText(config: TrainingConfig): string {
  return `${JSON.stringify(config, null, 2)}\n`;
}

function originOf(config: TrainingConfig, { parameters }: TrainingModel, runtime: Runtime): Origin {
  const layers = parameters.map(({ name, shape }) => `${name} [${shape}]`);
  return {
    configSha256: sha256(configText(config)),
    modelSha256: sha256(layers.join("\n")),
    runtime: runtime.name,
  };
}

/** Claims the folder and finds where to go on; null at the start. Nothing is written when either is refused. */
async function openRun(config: TrainingConfig, origin: Origin, { folder, resume, runtime }: RunOptions) {
  const found = resume ? await loadLatestCheckpoint(join(folder, "checkpoints"), origin) : null;
  await claimFolder(folder, configText(config), found, resume);
  if (found) return { ...found, lines: await readMetrics(join(folder, "metrics.jsonl"), found.step) };
  await atomicWrite(join(folder, "environment.json"), `${JSON.stringify(environment(runtime.name), null, 2)}\n`);
  return null;
}

/**
 * A run refuses to write over another, or among other files: it makes its folder, or finds one with the same configuration to resume.
 *
 * @param found  a checkpoint of this configuration; where there is one, a lost config.json is made again
 */
async function claimFolder(folder: string, text: string, found: Checkpoint | null, resume: boolean): Promise<void> {
  const path = join(folder, "config.json");
  const existing = await orAbsent(readText(path, CONFIG_LIMIT), null);
  if (existing === null) {
    const names = await orAbsent(
      onFile("read", folder, () => readdir(folder)),
      [],
    );
    if (!found && !names.every(isUnfinished))
      throw new UsageError(`${folder} is not empty and holds no run. Name another folder with -o.`);
    return atomicWrite(path, text);
  }
  if (!resume)
    throw new UsageError(
      `${folder} holds a run already. Add --resume to go on with it, or name another folder with -o.`,
    );
  if (existing !== text)
    throw new UsageError(
      `${folder} holds a run with another configuration or seed. Use those it was started with, or name another folder with -o.`,
    );
}

async function publish(
  config: TrainingConfig,
  { model, dataSha256, published }: TrainingWork,
  state: TrainingState,
  { folder, runtime, from }: RunOptions,
): Promise<string> {
  const path = join(folder, "model");
  const trained = splitFlat(model.parameters, state.average ?? state.parameters);
  const weights = published(config.blend === undefined ? trained : blended(from!.weights, trained, config.blend));
  await writeModelFolder(path, weights, {
    name: config.name,
    kind: config.kind,
    seed: config.seed,
    steps: config.steps,
    dataSha256,
    config,
    runtime: runtime.name,
  }).catch((error: unknown) => {
    // A run that is resumed after its end has nothing left to do.
    if (!(error instanceof FileError && error.code === "EEXIST")) throw error;
  });
  return path;
}

/**
 * Between the two, `share` of the way: what a network has learned last is nearly all there, and what it knew before is kept better than at the end
 * of the way (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
 */
function blended(
  first: ReadonlyMap<string, Float32Array>,
  last: ReadonlyMap<string, Float32Array>,
  share: number,
): Map<string, Float32Array> {
  return new Map(
    [...last].map(([name, values]) => {
      const before = first.get(name)!;
      return [name, values.map((value, i) => before[i] + share * (value - before[i]))];
    }),
  );
}
