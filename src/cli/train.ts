/** `tendril train CONFIG` */
import { basename, join } from "node:path";
import { Bar } from "cli-progress";
import { Command } from "commander";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { readText } from "../files/index.ts";
import { type Metrics, parseConfig, StoppedError, type TrainingConfig, train } from "../train/index.ts";
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
    .option(
      "--threads <number>",
      "processor threads, on which the last bit of a sum depends; 0 lets the engine choose",
      wholeNumber(0),
      0,
    )
    .option("--json", "print one JSON object instead of text", false)
    .action(async (path: string, options: Options) => {
      const parsed = parseConfig(await readText(path, CONFIG_LIMIT), basename(path));
      const config = options.seed === undefined ? parsed : { ...parsed, seed: options.seed };
      const folder = options.output ?? join("runs", `${config.name}-${config.seed}`);
      const progress = progressBar(config);
      const interrupt = listenForInterrupts();
      let last: Metrics | undefined;
      try {
        const model = await train(config, {
          folder,
          runtime: nodeRuntime({ threads: options.threads }),
          resume: options.resume,
          signal: interrupt.signal,
          onStart: progress.start,
          onStep(metrics) {
            last = metrics;
            progress.update(metrics);
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

/** On standard error: a bar on a terminal, a line now and then elsewhere. */
function progressBar({ steps, batch, loss: { beta0, beta1 } }: TrainingConfig) {
  const room = (process.stderr.columns ?? 120) - TEXT_COLUMNS;
  const bar = new Bar({
    // The least needed stands last: where the terminal is too narrow, the end is cut off.
    format: "{bar} {value}/{total}  {text}",
    barsize: Math.min(BAR_COLUMNS, Math.max(0, room)),
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: LINE_EVERY,
    // An interrupt is the run's to handle.
    gracefulExit: false,
  });
  let first = 0;
  let started = 0;
  return {
    start(step: number): void {
      first = step;
      started = performance.now();
      bar.start(steps, step, { text: step === 0 ? "starting" : "going on" });
    },
    update({ step, loss, segmentation, partialness, divergence }: Metrics): void {
      const seconds = (performance.now() - started) / 1000;
      const done = step - first;
      const terms = `${segmentation.toFixed(2)} + ${factor(beta0)}${partialness.toFixed(2)} + ${factor(beta1)}KL ${divergence.toFixed(1)}`;
      const speed = `${Math.round((done * batch) / seconds)} samples/s`;
      const left = step < steps ? `${duration(((steps - step) * seconds) / done)} left` : `took ${duration(seconds)}`;
      bar.update(step, { text: `${left}  ${speed}  loss ${loss.toFixed(3)} = ${terms}` });
    },
    stop: () => bar.stop(),
  };
}

/** The weight of a term of the loss, as in "0.001 KL"; nothing when it is 1. */
function factor(weight: number): string {
  return weight === 1 ? "" : `${weight} `;
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}
