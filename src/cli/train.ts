/** `tendril train CONFIG` */
import { basename, join } from "node:path";
import { Bar } from "cli-progress";
import { Command } from "commander";
import { UsageError } from "../core/index.ts";
import type { Runtime } from "../engine/index.ts";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { readText } from "../files/index.ts";
import type { Model } from "../model/index.ts";
import {
  type GeneralConfig,
  type GeneralData,
  loadAnnotatedImages,
  loadFeatures,
  loadRegions,
  type Metrics,
  parseConfig,
  StoppedError,
  type TrainingConfig,
  train,
} from "../train/index.ts";
import { readModel } from "./model.ts";
import { wholeNumber } from "./options.ts";

const CONFIG_LIMIT = 2 ** 20;
/** Files that were left out of the training data and are named; the others are counted. */
const NAMED = 5;

interface Options {
  readonly output?: string;
  readonly resume: boolean;
  readonly seed?: number;
  readonly threads: number;
  readonly workers: number;
  readonly data?: string;
  readonly from?: string;
  readonly json: boolean;
}

export function trainCommand(): Command {
  return new Command("train")
    .description("Train a model. Ctrl+C at any time; --resume goes on to the same weights.")
    .argument("<config>", "a JSON file such as configs/paper.json")
    .option("-o, --output <folder>", "where the run is kept (default: runs/NAME-SEED)")
    .option("--resume", "go on from the newest checkpoint in the output folder", false)
    .option("--seed <number>", "use this seed instead of the configuration's", wholeNumber(0))
    .option(
      "--threads <number>",
      "processor threads, on which the last bit of a sum depends; 0 lets the engine choose",
      wholeNumber(0),
      0,
    )
    .option(
      "--workers <number>",
      "threads beside these that make a general model's samples, which are the same for any number",
      wholeNumber(1),
      1,
    )
    .option(
      "--data <folder>",
      "images with masks, for a general model: <dataset>/images and <dataset>/masks/<structure>",
    )
    .option("--from <model>", "begin with this trained model's weights: general, paper, or a folder")
    .option("--json", "print one JSON object instead of text", false)
    .action(async (path: string, options: Options) => {
      const parsed = parseConfig(await readText(path, CONFIG_LIMIT), basename(path));
      const from = options.from === undefined ? undefined : await readModel(options.from);
      const config = {
        ...parsed,
        ...(options.seed === undefined ? {} : { seed: options.seed }),
        ...(from ? { from: { model: from.card.name, weightsSha256: from.card.weightsSha256 } } : {}),
      };
      const folder = options.output ?? join("runs", `${config.name}-${config.seed}`);
      const progress = progressBar(config);
      const interrupt = listenForInterrupts();
      let last: Metrics | undefined;
      try {
        const runtime = nodeRuntime({ threads: options.threads });
        const data =
          config.kind === "general" ? await readData(config, options.data, from, runtime, interrupt.signal) : undefined;
        const model = await train(config, {
          ...(data ? { data } : {}),
          ...(from ? { from } : {}),
          folder,
          runtime,
          workers: options.workers,
          resume: options.resume,
          signal: interrupt.signal,
          onStart: progress.start,
          onStep(metrics, waited) {
            last = metrics;
            progress.update(metrics, waited);
          },
        });
        progress.stop();
        console.log(options.json ? JSON.stringify({ model, folder, ...last }) : model);
      } catch (error) {
        if (!(error instanceof StoppedError)) throw error;
        progress.stop();
        console.error(error.message);
        process.exitCode = interrupt.exitCode();
      } finally {
        progress.stop();
        interrupt.stop();
      }
    });
}

/** Images, masks and features: what takes its time shows a bar. */
async function readData(
  config: GeneralConfig,
  folder: string | undefined,
  from: Model | undefined,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<GeneralData> {
  if (folder === undefined)
    throw new UsageError(
      `${config.name} is a general model: name a folder of images with masks with --data (its layout is in docs/training.md).`,
    );
  const images = await withBar("images", (onProgress) => loadAnnotatedImages(folder, config.data, onProgress));
  for (const message of images.refused.slice(0, NAMED)) console.error(`left out: ${message}`);
  if (images.refused.length > NAMED) console.error(`left out: ${images.refused.length - NAMED} more files`);
  const features = await withBar("features", (onProgress) =>
    loadFeatures(images, config.model.features, {
      runtime,
      signal,
      onProgress,
      ...(from ? { from: from.weights } : {}),
    }),
  );
  const regions =
    config.data.found > 0
      ? await withBar("regions", (onProgress) => loadRegions(images, { runtime, signal, onProgress }))
      : null;
  return { images, ...features, regions };
}

/** A bar that appears with the first progress: what is there already shows none. */
async function withBar<T>(
  what: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const bar = new Bar({ ...BAR, format: `${what} {bar} {value}/{total}`, barsize: BAR_COLUMNS });
  try {
    return await work((done, total) => {
      if (!bar.isActive) bar.start(total, done);
      // A second stage of the same work counts anew.
      else if (total !== bar.getTotal()) bar.setTotal(total);
      bar.update(done);
    });
  } finally {
    bar.stop();
  }
}

/** Exit codes of a command that a signal has ended, by the shells' custom: 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** The first Ctrl+C asks the run to stop after its step; the next one ends the process as usual. */
function listenForInterrupts() {
  const controller = new AbortController();
  let code: number = SIGNALS.SIGINT;
  const listeners = Object.entries(SIGNALS).map(([name, exitCode]) => {
    const listener = () => {
      code = exitCode;
      controller.abort();
      stop();
    };
    process.on(name, listener);
    return [name, listener] as const;
  });
  const stop = () => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
  return { signal: controller.signal, exitCode: () => code, stop };
}

/** Columns that the text beside the bar takes, and the most that the bar takes of the rest; a narrow terminal has none. */
const TEXT_COLUMNS = 84;
const BAR_COLUMNS = 40;
/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 10_000;

const BAR = {
  barCompleteChar: "\u2588",
  barIncompleteChar: "\u2591",
  hideCursor: true,
  noTTYOutput: true,
  notTTYSchedule: LINE_EVERY,
  // An interrupt is the run's to handle.
  gracefulExit: false,
};

/** On standard error: a bar on a terminal, a line now and then elsewhere. */
function progressBar({ steps, batch }: TrainingConfig) {
  const room = (process.stderr.columns ?? 120) - TEXT_COLUMNS;
  const bar = new Bar({
    ...BAR,
    // The least needed stands last: where the terminal is too narrow, the end is cut off.
    format: "{bar} {value}/{total}  {text}",
    barsize: Math.min(BAR_COLUMNS, Math.max(0, room)),
  });
  let first = 0;
  let started = 0;
  let idle = 0;
  return {
    start(step: number): void {
      first = step;
      started = performance.now();
      bar.start(steps, step, { text: step === 0 ? "starting" : "going on" });
    },
    update({ step, loss, learningRate: _, gradientNorm: __, ...terms }: Metrics, waited: number): void {
      const seconds = (performance.now() - started) / 1000;
      const done = step - first;
      idle += waited / 1000;
      const each = Object.entries(terms).map(([name, value]) => `${name} ${value.toFixed(2)}`);
      const speed = `${Math.round((done * batch) / seconds)} samples/s (${Math.round((100 * idle) / seconds)} % waiting)`;
      const left = step < steps ? `${duration(((steps - step) * seconds) / done)} left` : `took ${duration(seconds)}`;
      bar.update(step, { text: `${left}  ${speed}  loss ${loss.toFixed(3)}: ${each.join(", ")}` });
    },
    stop: () => bar.stop(),
  };
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
