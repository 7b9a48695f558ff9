/** `tendril evaluate MODEL...` */
import { Bar } from "cli-progress";
import { Command } from "commander";
import type { Runtime } from "../engine/index.ts";
import { nodeRuntime } from "../engine/runtime-node.ts";
import {
  DISK_MEASURES,
  DISK_STEP,
  type DiskMeasure,
  type DiskReport,
  drawCandidatesFigure,
  type Estimate,
  evaluateOnDisks,
  HELD_OUT_IMAGES,
  type HeldOut,
  heldOut,
} from "../evaluate/index.ts";
import { atomicWrite } from "../files/index.ts";
import { encodePicture } from "../image/index.ts";
import type { Model } from "../model/index.ts";
import { readModelFolder } from "../train/index.ts";
import { stepSize, wholeNumber } from "./options.ts";

interface Options {
  readonly images: number;
  readonly dataSeed?: number;
  readonly step: number;
  readonly figure?: string;
  readonly threads: number;
  readonly json: boolean;
}

/** What the paper reports (section 3, "Results"). */
const PAPER: Partial<Record<DiskMeasure, number>> = { addedForeground: 52, addedBackground: 31, dice: 0.87 };

const MEASURES = Object.keys(DISK_MEASURES) as DiskMeasure[];

const FIGURE_ROWS = 6;
const FIGURE_COLUMNS = 6;

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description(
      "Measure models of the paper's experiment, its networks or ours, on held-out images of disks: 95 % bootstrap intervals, and over several seeds mean and spread.",
    )
    .argument("<model...>", "folders of trained models, such as models/paper or runs/paper-1/model")
    .option("--images <number>", "held-out images", wholeNumber(1, 1_000_000), HELD_OUT_IMAGES)
    .option("--data-seed <number>", "other held-out images than those of the model's configuration", wholeNumber(0))
    .option(
      "--step <share>",
      "share of the open pixels that models of kind disks are asked to add, above 0 and up to 1; the paper's networks take none",
      stepSize,
      DISK_STEP,
    )
    .option("--figure <file>", "also draw inputs and the first model's candidates, the paper's Figure 3, as a PNG file")
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print one JSON object instead of a table", false)
    .action(async (folders: readonly string[], options: Options) => {
      const models = await Promise.all(folders.map(readModelFolder));
      const runtime = nodeRuntime({ threads: options.threads });
      const reports = await evaluateAll(models, runtime, options);
      if (options.figure) await writeFigure(options.figure, models[0], runtime, options);
      const json = () => JSON.stringify(asJson(models, reports, options.images));
      console.log(options.json ? json() : asTable(reports));
    });
}

async function evaluateAll(
  models: readonly Model[],
  runtime: Runtime,
  { images, dataSeed, step }: Options,
): Promise<DiskReport[]> {
  const bar = new Bar({ format: "{bar} {value}/{total} images  {eta} s left", hideCursor: true, gracefulExit: true });
  bar.start(images * models.length, 0);
  try {
    const reports: DiskReport[] = [];
    for (const model of models)
      reports.push(await evaluateOnDisks(model, runtime, { images, dataSeed, step, onImage: () => bar.increment() }));
    return reports;
  } finally {
    bar.stop();
  }
}

async function writeFigure(path: string, model: Model, runtime: Runtime, { step }: Options): Promise<void> {
  const rows: HeldOut[] = [];
  for await (const row of heldOut(model, runtime, FIGURE_ROWS, { step })) rows.push(row);
  await atomicWrite(path, encodePicture(drawCandidatesFigure(rows, FIGURE_COLUMNS)));
}

/** One model: its measures at the top level, null where nothing was counted. Several: one such object each, and mean and standard deviation. */
function asJson(models: readonly Model[], reports: readonly DiskReport[], images: number) {
  const each = models.map(({ card }, i) => {
    const entries = Object.entries(reports[i]);
    return {
      model: card.name,
      seed: card.seed,
      weightsSha256: card.weightsSha256,
      images,
      ...Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
      intervals: Object.fromEntries(entries.map(([name, { low, high }]) => [name, [low, high]])),
    };
  });
  if (each.length === 1) return each[0];
  const spread = MEASURES.map((name) => [name, spreadOf(reports, name)] as const);
  return {
    models: each,
    mean: Object.fromEntries(spread.map(([name, { mean }]) => [name, mean])),
    standardDeviation: Object.fromEntries(spread.map(([name, { deviation }]) => [name, deviation])),
  };
}

function asTable(reports: readonly DiskReport[]): string {
  const rows = MEASURES.map((name) => [
    name,
    ...reports.map((report) => `${figure(report[name].value)} ${interval(report[name])}`),
    ...(reports.length > 1 ? [meanAndSpread(reports, name)] : []),
    PAPER[name]?.toString() ?? "-",
    DISK_MEASURES[name],
  ]);
  const values =
    reports.length === 1 ? ["value [95 % interval]"] : reports.map((_, i) => `model ${i + 1} [95 % interval]`);
  const means = reports.length > 1 ? ["mean ± standard deviation"] : [];
  return aligned([["measure", ...values, ...means, "paper", "meaning"], ...rows]);
}

function interval({ low, high }: Estimate): string {
  return `[${figure(low)}, ${figure(high)}]`;
}

function meanAndSpread(reports: readonly DiskReport[], name: DiskMeasure): string {
  const { mean, deviation } = spreadOf(reports, name);
  return `${figure(mean)} ± ${figure(deviation)}`;
}

/** Mean and sample standard deviation over models. */
function spreadOf(reports: readonly DiskReport[], name: DiskMeasure) {
  const values = reports.map((report) => report[name].value);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/** Three digits that count: 0.873, 52.3; a dash where nothing was counted. */
function figure(value: number): string {
  if (Number.isNaN(value)) return "-";
  return value.toFixed(Math.abs(value) < 2 ? 3 : 1);
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
