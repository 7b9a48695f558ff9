/**
 * A training run: batches of partial segmentations through the training graph, with checkpoints, a log and a trained model at the end.
 *
 *     runs/paper/
 *       config.json environment.json   what was run, and on what
 *       metrics.jsonl                  one line a logged step
 *       curves.svg                     the same to look at
 *       checkpoints/                   see checkpoint.ts
 *       model/                         the trained model, at the end
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Rng, TendrilError, UsageError } from "../core/index.ts";
import {
  compileTraining,
  initialState,
  type Runtime,
  splitFlat,
  type Tensors,
  Trainer,
  type TrainingState,
} from "../engine/index.ts";
import { atomicWrite, FileError, onFile } from "../files/index.ts";
import { describePaperLoss, LATENT_SIZE, PAPER_SIZE } from "../model/index.ts";
import { type DiskImage, drawBatch, makeDiskSet, type PartialBatch } from "../synth/index.ts";
import { CheckpointError, loadLatestCheckpoint, saveCheckpoint, sha256 } from "./checkpoint.ts";
import { optimiserOf, type TrainingConfig } from "./config.ts";
import { drawCurves } from "./curves.ts";
import { environment } from "./environment.ts";
import { writeModelFolder } from "./model-folder.ts";

/** Steps that one line of metrics.jsonl averages over. */
export const LOG_EVERY = 25;

export interface Metrics {
  readonly step: number;
  readonly loss: number;
  readonly segmentation: number;
  readonly partialness: number;
  readonly divergence: number;
  readonly learningRate: number;
  readonly gradientNorm: number;
}

export interface RunOptions {
  readonly folder: string;
  readonly runtime: Runtime;
  /** Go on from the newest checkpoint; without one, start. */
  readonly resume: boolean;
  /** Called after every step with the number of steps done and that step's figures. */
  readonly onStep?: (done: number, metrics: Metrics) => void;
  /** Where the run begins: 0, or the step of the checkpoint. */
  readonly onStart?: (step: number) => void;
}

/** A loss, gradient or weight stopped being a finite number. The newest checkpoint is from before. */
export class DivergedError extends TendrilError {
  constructor(step: number, terms: Readonly<Record<string, number>>, batch: PartialBatch, checkpoint: number) {
    const values = Object.entries(terms).map(([name, value]) => `${name} ${value}`);
    const from = checkpoint > 0 ? `The checkpoint of step ${checkpoint} is whole.` : "There is no checkpoint yet.";
    super(
      "diverged",
      `Training stopped at step ${step}: ${values.join(", ")}. The batch holds the training images ${batch.indices.join(", ")}. ` +
        `${from} A smaller optimiser.learningRate or a clipNorm usually helps.`,
    );
  }
}

/** @returns the trained model's folder */
export async function train(config: TrainingConfig, options: RunOptions): Promise<string> {
  const { folder, runtime } = options;
  const configText = `${JSON.stringify(config, null, 2)}\n`;
  const configSha256 = sha256(configText);
  const rng = Rng.seeded(config.seed);
  const set = makeDiskSet(Rng.seeded(config.data.seed), "train", config.data.images, config.data.disks);
  const model = compileTraining("paper", describePaperLoss(config.batch, config.loss), optimiserOf(config));

  const checkpoints = join(folder, "checkpoints");
  const found = options.resume ? await loadLatestCheckpoint(checkpoints, configSha256) : null;
  if (found && found.generator.join() !== rng.state.join())
    throw new CheckpointError("other-run", `The checkpoint of step ${found.step} was made with another seed.`);
  if (!found) {
    await claimFolder(folder, configText, options.resume);
    await atomicWrite(join(folder, "environment.json"), `${JSON.stringify(environment(runtime.name), null, 2)}\n`);
  }
  const log = new MetricsLog(join(folder, "metrics.jsonl"), found ? await readMetrics(folder, found.step) : []);

  let step = found?.step ?? 0;
  let saved = step;
  options.onStart?.(step);
  const trainer = await Trainer.start(runtime, model, found?.state ?? initialState(model, rng.at("weights")));
  try {
    while (step < config.steps) {
      const batch = drawBatch(rng.at("batches").at(step), set, config.batch, PAPER_SIZE, config.data.pairs);
      const { terms, finite } = await trainer.step(batchTensors(batch, rng.at("noise").at(step)));
      step++;
      if (!finite) throw new DivergedError(step, terms, batch, saved);
      const metrics = { step, ...terms } as unknown as Metrics;
      log.add(metrics);
      options.onStep?.(step, metrics);
      if (step % config.checkpointEvery === 0 || step === config.steps) {
        await log.write();
        if (step > saved)
          await saveCheckpoint(checkpoints, { step, state: trainer.state, generator: rng.state, configSha256 });
        saved = step;
      }
    }
    await atomicWrite(join(folder, "curves.svg"), await drawCurves(config.name, log.lines));
    return await publish(config, trainer.state, model.parameters, set, folder, runtime.name);
  } finally {
    await trainer.close();
  }
}

/** The batch as the training graph's inputs; `noise` turns the posterior into draws. */
export function batchTensors(batch: PartialBatch, noise: Rng): Tensors {
  const count = batch.indices.length;
  const shape = [count, 1, PAPER_SIZE, PAPER_SIZE];
  const { image, xm, xs, ym, ys } = batch;
  const planes = Object.entries({ image, xm, xs, ym, ys }).map(([name, data]) => [name, { data, shape }] as const);
  const latent = [count, 1, LATENT_SIZE, LATENT_SIZE];
  return {
    ...Object.fromEntries(planes),
    noise: { data: noise.normals(count * LATENT_SIZE * LATENT_SIZE), shape: latent },
  };
}

/** SHA-256 over the images and masks of a set, in order. */
export function dataSha256(set: readonly DiskImage[]): string {
  const parts = set.flatMap(({ image, disks }) => [
    Buffer.from(image.buffer, image.byteOffset, image.byteLength),
    ...disks.map((disk) => Buffer.from(disk)),
  ]);
  return sha256(Buffer.concat(parts));
}

async function publish(
  config: TrainingConfig,
  state: TrainingState,
  parameters: Parameters<typeof splitFlat>[0],
  set: readonly DiskImage[],
  folder: string,
  runtime: string,
): Promise<string> {
  const path = join(folder, "model");
  await writeModelFolder(path, splitFlat(parameters, state.average ?? state.parameters), {
    name: config.name,
    kind: config.kind,
    seed: config.seed,
    steps: config.steps,
    dataSha256: dataSha256(set),
    config,
    runtime,
  }).catch((error: unknown) => {
    // A run that is resumed after its end has nothing left to do.
    if (!(error instanceof FileError && error.code === "EEXIST")) throw error;
  });
  return path;
}

/** A run refuses to write over another: it makes its folder, or finds one with the same configuration to resume. */
async function claimFolder(folder: string, configText: string, resume: boolean): Promise<void> {
  const path = join(folder, "config.json");
  const existing = await readFile(path, "utf8").catch(() => null);
  if (existing !== null && !resume)
    throw new UsageError(
      `${folder} holds a run already. Add --resume to go on with it, or name another folder with -o.`,
    );
  if (existing !== null && existing !== configText)
    throw new UsageError(`${folder} holds a run with another configuration. Name another folder with -o.`);
  await onFile("write", folder, () => mkdir(folder, { recursive: true }));
  if (existing === null) await atomicWrite(path, configText);
}

/** Means over LOG_EVERY steps, one JSON line each; written as a whole, so that a resumed run's log has no doubles. */
class MetricsLog {
  readonly lines: Metrics[];
  private readonly path: string;
  private pending: Metrics[] = [];

  constructor(path: string, lines: Metrics[]) {
    this.path = path;
    this.lines = lines;
  }

  add(metrics: Metrics): void {
    this.pending.push(metrics);
    if (metrics.step % LOG_EVERY === 0) this.fold();
  }

  async write(): Promise<void> {
    this.fold();
    await atomicWrite(this.path, this.lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }

  private fold(): void {
    const last = this.pending.at(-1);
    if (!last) return;
    const means = Object.keys(last).map((key) => {
      const total = this.pending.reduce((sum, metrics) => sum + metrics[key as keyof Metrics], 0);
      return [key, key === "step" ? last.step : total / this.pending.length];
    });
    this.lines.push(Object.fromEntries(means));
    this.pending = [];
  }
}

async function readMetrics(folder: string, upTo: number): Promise<Metrics[]> {
  const text = await onFile("read", folder, () => readFile(join(folder, "metrics.jsonl"), "utf8"));
  const lines = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Metrics);
  return lines.filter(({ step }) => step <= upTo);
}
