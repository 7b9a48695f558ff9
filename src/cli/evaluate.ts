/** `tendril evaluate MODEL` */
import { Bar } from "cli-progress";
import { Command } from "commander";
import { nodeRuntime } from "../engine/runtime-node.ts";
import {
  DISK_MEASURES,
  type DiskMeasure,
  type DiskReport,
  drawCandidatesFigure,
  evaluateOnDisks,
  HELD_OUT_IMAGES,
  heldOut,
} from "../evaluate/index.ts";
import { atomicWrite } from "../files/index.ts";
import { encodePicture } from "../image/index.ts";
import type { Model } from "../model/index.ts";
import { readModelFolder } from "../train/index.ts";
import { wholeNumber } from "./options.ts";

interface Options {
  readonly images: number;
  readonly figure?: string;
  readonly threads: number;
  readonly json: boolean;
}

/** What the paper reports (section 3, "Results"). */
const PAPER: Partial<Record<DiskMeasure, number>> = { addedForeground: 52, addedBackground: 31, dice: 0.87 };

const FIGURE_ROWS = 6;
const FIGURE_COLUMNS = 6;

export function evaluateCommand(): Command {
  return new Command("evaluate")
    .description(
      "Measure a model of the paper's experiment on held-out images of disks, with 95 % bootstrap intervals.",
    )
    .argument("<model>", "a model's folder, such as models/paper or runs/paper-1/model")
    .option("--images <number>", "held-out images", wholeNumber(1, 1_000_000), HELD_OUT_IMAGES)
    .option("--figure <file>", "also draw inputs and candidates, the paper's Figure 3, as a PNG file")
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .option("--json", "print one JSON object instead of a table", false)
    .action(async (folder: string, options: Options) => {
      const model = await readModelFolder(folder);
      const runtime = nodeRuntime({ threads: options.threads });
      const bar = new Bar({
        format: "{bar} {value}/{total} images  {eta} s left",
        hideCursor: true,
        gracefulExit: true,
      });
      bar.start(options.images, 0);
      let report: DiskReport;
      try {
        report = await evaluateOnDisks(model, runtime, { images: options.images, onImage: (done) => bar.update(done) });
      } finally {
        bar.stop();
      }
      if (options.figure) {
        const rows = [];
        for await (const row of heldOut(model, runtime, FIGURE_ROWS)) rows.push(row);
        await atomicWrite(options.figure, encodePicture(drawCandidatesFigure(rows, FIGURE_COLUMNS)));
      }
      console.log(options.json ? JSON.stringify(asJson(model, options.images, report)) : asTable(report));
    });
}

function asJson({ card }: Model, images: number, report: DiskReport) {
  const entries = Object.entries(report);
  return {
    model: card.name,
    seed: card.seed,
    weightsSha256: card.weightsSha256,
    images,
    ...Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    intervals: Object.fromEntries(entries.map(([name, { low, high }]) => [name, [low, high]])),
  };
}

function asTable(report: DiskReport): string {
  const rows = Object.entries(DISK_MEASURES).map(([name, meaning]) => {
    const { value, low, high } = report[name as DiskMeasure];
    const paper = PAPER[name as DiskMeasure]?.toString() ?? "-";
    return [name, figure(value), `[${figure(low)}, ${figure(high)}]`, paper, meaning];
  });
  return aligned([["measure", "value", "95 % interval", "paper", "meaning"], ...rows]);
}

/** Three digits that count: 0.873, 52.3, 190. */
function figure(value: number): string {
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
