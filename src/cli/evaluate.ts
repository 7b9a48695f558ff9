/** `tendril evaluate MODEL...`: the paper's experiment, or with --data simulated annotations of real images (`evaluate-images.ts`). */
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
  SIDE,
} from "../evaluate/index.ts";
import { atomicWrite } from "../files/index.ts";
import { encodePicture } from "../image/index.ts";
import type { Model } from "../model/index.ts";
import { evaluateImages, type ImageOptions, WORST } from "./evaluate-images.ts";
import { readModel } from "./model.ts";
import { openingOption, penOption, stepSizes, wholeNumber } from "./options.ts";
import { aligned } from "./table.ts";

interface Options extends Omit<ImageOptions, "data" | "step"> {
  readonly data?: string;
  readonly images: number;
  readonly dataSeed?: number;
  readonly step?: readonly number[];
  readonly figure?: string;
}

/** What the paper reports (section 3, "Results"). */
const PAPER: Partial<Record<DiskMeasure, number>> = { addedForeground: 52, addedBackground: 31, dice: 0.87 };

const MEASURES = Object.keys(DISK_MEASURES) as DiskMeasure[];

const FIGURE_ROWS = 6;
const FIGURE_COLUMNS = 6;

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description(
      "Measure models with 95 % bootstrap intervals: on held-out images of disks, the paper's experiment, or with --data by simulated annotations of real images with masks.",
    )
    .argument("<model...>", "folders of trained models, or names of shipped ones, such as models/paper or general")
    .option("--images <number>", "held-out images of disks", wholeNumber(1, 1_000_000), HELD_OUT_IMAGES)
    .option("--data-seed <number>", "other held-out images than those of the model's configuration", wholeNumber(0))
    .option("--figure <file>", "also draw inputs and the first model's candidates, the paper's Figure 3, as a PNG file")
    .option("--data <folder>", "real images: <dataset>/images and <dataset>/masks/<structure>, or one such data set")
    .option("--datasets <names>", "only these data sets, separated by commas", names, [])
    .option(
      "--split <name>",
      "only this split: validation (subjects held back from training), train, or one of the manifest's",
    )
    .option("--limit <number>", "cases a data set, spread over its structures; 0 takes all", wholeNumber(0), 10)
    .option(
      "--size <pixels>",
      "scale images so that their longer side has so many pixels; above 128 the model looks at them as in the app",
      wholeNumber(16, 2048),
      SIDE,
    )
    .option("-k, --count <number>", "most candidates that the annotator looks at", wholeNumber(1, 64), 8)
    .option(
      "--step <sizes>",
      `how much of what is left a candidate adds: one or more from above 0 to 1, as 0.25,0.5,1 (default: 1; models of kind disks: ${DISK_STEP}; the paper's networks take none)`,
      stepSizes,
    )
    .addOption(openingOption())
    .addOption(penOption())
    .option("--no-features", "go without the pretrained encoder's features")
    .option("--seed <number>", "other cases and other strokes", wholeNumber(0), 0)
    .option("--blank", "also with the image blanked, and the difference: what the model knows of images", false)
    .option("--single", "also with one candidate alone, and the difference: what a choice is worth", false)
    .option(
      "--worst <file>",
      `with --data: also draw the ${WORST} cases that went worst for the first model as a PNG file: the image, and what was shown after 1, 3 and all interactions; the truth is outlined`,
    )
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print one JSON object instead of a table", false)
    .action(async (folders: readonly string[], { data, ...options }: Options) => {
      const models = await Promise.all(folders.map(readModel));
      const runtime = nodeRuntime({ threads: options.threads });
      if (data !== undefined) return evaluateImages(models, runtime, { data, ...options, step: options.step ?? [1] });
      const reports = await evaluateAll(models, runtime, options);
      if (options.figure) await writeFigure(options.figure, models[0], runtime, options);
      const json = () => JSON.stringify(asJson(models, reports, options.images));
      console.log(options.json ? json() : asTable(reports));
    });
}

function names(text: string): string[] {
  return text.split(",").filter((name) => name !== "");
}

async function evaluateAll(
  models: readonly Model[],
  runtime: Runtime,
  { images, dataSeed, step }: Pick<Options, "images" | "dataSeed" | "step">,
): Promise<DiskReport[]> {
  const bar = new Bar({ format: "{bar} {value}/{total} images  {eta} s left", hideCursor: true, gracefulExit: true });
  bar.start(images * models.length, 0);
  try {
    const reports: DiskReport[] = [];
    for (const model of models)
      reports.push(
        await evaluateOnDisks(model, runtime, { images, dataSeed, step: step?.[0], onImage: () => bar.increment() }),
      );
    return reports;
  } finally {
    bar.stop();
  }
}

async function writeFigure(path: string, model: Model, runtime: Runtime, { step }: Options): Promise<void> {
  const rows: HeldOut[] = [];
  for await (const row of heldOut(model, runtime, FIGURE_ROWS, { step: step?.[0] })) rows.push(row);
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
