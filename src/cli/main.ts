/** The `tendril` command: parses, calls the library, prints. Results on standard output, everything else on standard error. */
import { Command, CommanderError } from "commander";
import { TendrilError } from "../core/index.ts";
import { adaptCommand } from "./adapt.ts";
import { annotateCommand } from "./annotate.ts";
import { colours } from "./colours.ts";
import { evaluateCommand } from "./evaluate.ts";
import { exportCommand } from "./export.ts";
import { importCommand } from "./import.ts";
import { inspectCommand } from "./inspect.ts";
import { proposeCommand } from "./propose.ts";
import { shrinkCommand } from "./shrink.ts";
import { speakCommand } from "./speak.ts";
import { trainCommand } from "./train.ts";
import { VERSION } from "./version.ts";

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("tendril")
    .description("Segment medical images together with an annotator: strokes in, larger partial segmentations out.")
    .version(VERSION)
    .showHelpAfterError("(add --help for the options)")
    .addCommand(annotateCommand())
    .addCommand(adaptCommand())
    .addCommand(importCommand())
    .addCommand(exportCommand())
    .addCommand(proposeCommand())
    .addCommand(trainCommand())
    .addCommand(shrinkCommand())
    .addCommand(evaluateCommand())
    .addCommand(speakCommand())
    .addCommand(inspectCommand());
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    process.exitCode = report(error);
  }
}

/** Tells a person what went wrong and returns the exit code: 1 it failed, 2 it was used wrongly. */
function report(error: unknown): number {
  // Commander has printed its own message; its code 0 is --help and --version.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof TendrilError) {
    console.error(`${colours.red("error")} ${error.message}`);
    return error.exitCode;
  }
  console.error(error);
  console.error("This is a defect in Tendril; please report it with the lines above.");
  return 1;
}
