/** `tendril speak`: answers the peers' harness on standard input and output. */
import { createInterface } from "node:readline";
import { Command } from "commander";
import { nodeRuntime } from "../engine/runtime-node.ts";
import { type Opening, type Pen, peerTalk, proposerMethod } from "../evaluate/index.ts";
import { createProposer } from "../model/index.ts";
import { decoderReader, encoderFor, readModel } from "./model.ts";
import { openingOption, penOption, stepSizes, wholeNumber } from "./options.ts";

interface Options {
  readonly model: string;
  readonly count: number;
  readonly step: readonly number[];
  readonly opening: Opening;
  readonly pen: Pen;
  readonly features: boolean;
  readonly threads: number;
}

export function speakCommand(): Command {
  return new Command("speak")
    .description(
      "Answer the harness that compares interactive segmentation methods: JSON lines on standard input and output, one reply a message.",
    )
    .option("--model <folder>", "a trained model's folder, or the name of a shipped one", "general")
    .option("-k, --count <number>", "most candidates, whatever the harness asks for", wholeNumber(1, 64), 64)
    .option(
      "--step <sizes>",
      "how much of what is left to add: one or more from above 0 to 1, as 0.25,0.5,1",
      stepSizes,
      [1],
    )
    .addOption(openingOption())
    .addOption(penOption())
    .option("--no-features", "go without the pretrained encoder's features")
    .option("--threads <number>", "processor threads; 0 lets the engine choose", wholeNumber(0), 0)
    .action(async ({ model, count, step, opening, pen, features, threads }: Options) => {
      const proposer = await createProposer(await readModel(model), nodeRuntime({ threads }), decoderReader());
      const encoder = features ? await encoderFor(proposer) : null;
      const talk = peerTalk(proposerMethod(proposer, { opening, pen, steps: step, encoder }), {
        name: proposer.name,
        count,
      });
      for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY }))
        if (line.trim() !== "") process.stdout.write(`${await talk(line)}\n`);
      await proposer.close();
    });
}
