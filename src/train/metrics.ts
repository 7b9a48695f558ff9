/** The log of a run, `metrics.jsonl`: one JSON line for every LOG_EVERY steps, their means. */
import { z } from "zod";
import { TendrilError } from "../core/index.ts";
import { atomicWrite, orAbsent, readText } from "../files/index.ts";
import { CYCLE } from "./sample-stream.ts";

/**
 * Steps that one line averages over: a cycle of a general run, whose loss depends on the round. In 25 steps one round counted double, another one
 * in each line, and a run of whole cycles ended in a line of fewer.
 */
export const LOG_EVERY = CYCLE;

const LOG_LIMIT = 256 * 2 ** 20;

export const metricsSchema = z
  .object({ step: z.int().positive(), loss: z.number(), learningRate: z.number(), gradientNorm: z.number() })
  .catchall(z.number());

/** The loss and its terms, as the model names them (`model/loss.ts`, `model/general.ts`), after `step` steps. */
export type Metrics = Readonly<z.infer<typeof metricsSchema>>;

/** The log is not what a run writes. */
export class LogError extends TendrilError {
  constructor(path: string, line: number, upTo: number, options: ErrorOptions) {
    super(
      "damaged",
      `${path} is damaged in line ${line}. Remove it to go on without the figures of the first ${upTo} steps.`,
      options,
    );
  }
}

export class MetricsLog {
  readonly lines: Metrics[];
  private readonly path: string;
  private open: Metrics[];

  /** @param pending  steps since the last line, as a checkpoint keeps them */
  constructor(path: string, lines: readonly Metrics[] = [], pending: readonly Metrics[] = []) {
    this.path = path;
    this.lines = [...lines];
    this.open = [...pending];
  }

  /** Steps that wait for the next line. */
  get pending(): readonly Metrics[] {
    return this.open;
  }

  add(metrics: Metrics): void {
    this.open.push(metrics);
    if (metrics.step % LOG_EVERY === 0) this.fold();
  }

  /** Makes a line of the steps since the last one: at the end of a run, which need not be a multiple of LOG_EVERY. */
  fold(): void {
    const last = this.open.at(-1);
    if (!last) return;
    const mean = (key: string) => this.open.reduce((sum, metrics) => sum + metrics[key], 0) / this.open.length;
    const keys = Object.keys(last);
    const means = keys.map((key) => [key, key === "step" ? last.step : mean(key)]);
    this.lines.push(metricsSchema.parse(Object.fromEntries(means)));
    this.open = [];
  }

  /** As a whole, so that a resumed run's log has no doubles. */
  write(): Promise<void> {
    return atomicWrite(this.path, this.lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  }
}

/**
 * The lines up to step `upTo`; none when the log has been removed.
 *
 * @throws {LogError} naming the line that is damaged
 */
export async function readMetrics(path: string, upTo: number): Promise<Metrics[]> {
  const text = await orAbsent(readText(path, LOG_LIMIT), "");
  const lines = text.split("\n").filter((line) => line !== "");
  const metrics = lines.map((line, i) => {
    try {
      return metricsSchema.parse(JSON.parse(line));
    } catch (cause) {
      throw new LogError(path, i + 1, upTo, { cause });
    }
  });
  return metrics.filter(({ step }) => step <= upTo);
}
