/** `tendril shrink MODEL`: the same model in a quarter of the size. */
import { Command } from "commander";
import { writeSmallModelFolder } from "../train/index.ts";
import { readModel } from "./model.ts";

export function shrinkCommand(): Command {
  return new Command("shrink")
    .description(
      "Write a model with 8-bit weights: a quarter of the size, for phones and pages; its answers differ by a hair.",
    )
    .argument("<model>", "a trained model's folder, or the name of a shipped one")
    .requiredOption("-o, --output <folder>", "the new model's folder; its name becomes the model's")
    .action(async (model: string, { output }: { readonly output: string }) => {
      await writeSmallModelFolder(output, await readModel(model));
      console.log(output);
    });
}
