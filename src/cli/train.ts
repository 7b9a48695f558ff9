/** `tendril train CONFIG` */
import { basename, join } from "node:path";
import { Bar } from "cli-progress";
import { Command } from "commander";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { readText } from "../files/index.ts";
import { type Metrics, parseConfig, type TrainingConfig, train } from "../train/index.ts";
import { wholeNumber } from "./options.ts";

const CONFIG_LIMIT = 2 ** 20;

interface Options {
  readonly output?: string;
  readonly resume: boolean;
  readonly seed?: number;
  readonly threads: number;
  readonly json: boolean;
}

export function trainCommand(): Command {
  return new Command("train")
    .description("Train a model. Ctrl+C at any time; --resume goes on to the same weights.")
    .argument("<config>", "a JSON file such as configs/paper.json")
    .option("-o, --output <folder>", "where the run is kept (default: runs/NAME-SEED)")
    .option("--resume", "go on from the newest checkpoint in the output folder", false)
    .option("--seed <number>", "use this seed instead of the configuration's", wholeNumber(0))
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print one JSON object instead of text", false)
    .action(async (path: string, options: Options) => {
      const parsed = parseConfig(await readText(path, CONFIG_LIMIT), basename(path));
      const config = options.seed === undefined ? parsed : { ...parsed, seed: options.seed };
      const folder = options.output ?? join("runs", `${config.name}-${config.seed}`);
      const progress = progressBar(config);
      let last: Metrics | undefined;
      try {
        const model = await train(config, {
          folder,
          runtime: nodeRuntime({ threads: options.threads }),
          resume: options.resume,
          onStart: progress.start,
          onStep(done, metrics) {
            last = metrics;
            progress.update(done, metrics);
          },
        });
        progress.stop();
        console.log(options.json ? JSON.stringify({ model, folder, ...last }) : `${model}`);
      } finally {
        progress.stop();
      }
    });
}

/** On standard error: a bar on a terminal, a line now and then elsewhere. */
function progressBar({ steps, batch }: TrainingConfig) {
  const bar = new Bar({
    format:
      "{bar} {value}/{total}  loss {loss} = {segmentation} + {partialness} + KL {divergence}  {speed} samples/s  {left} left",
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
    gracefulExit: true,
  });
  let first = 0;
  let started = 0;
  return {
    start(step: number): void {
      first = step;
      started = performance.now();
      bar.start(steps, step, {
        loss: "-",
        segmentation: "-",
        partialness: "-",
        divergence: "-",
        speed: "-",
        left: "-",
      });
    },
    update(done: number, { loss, segmentation, partialness, divergence }: Metrics): void {
      const seconds = (performance.now() - started) / 1000;
      bar.update(done, {
        loss: loss.toFixed(3),
        segmentation: segmentation.toFixed(3),
        partialness: partialness.toFixed(3),
        divergence: divergence.toFixed(1),
        speed: Math.round(((done - first) * batch) / seconds),
        left: duration(((steps - done) * seconds) / (done - first)),
      });
    },
    stop: () => bar.stop(),
  };
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.round(seconds)} s`;
}
