/** `tendril train CONFIG` */
import { basename, join } from "node:path";
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
  train,
} from "../train/index.ts";
import { readModel } from "./model.ts";
import { STOPPED_BY, wholeNumber } from "./options.ts";
import { progressBar, withBar } from "./training-progress.ts";

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

/** The first Ctrl+C asks the run to stop after its step; the next one ends the process as usual. */
function listenForInterrupts() {
  const controller = new AbortController();
  let code: number = STOPPED_BY.SIGINT;
  const listeners = Object.entries(STOPPED_BY).map(([name, exitCode]) => {
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
