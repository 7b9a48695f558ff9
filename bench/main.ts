/** `npm run bench`: the measurements behind docs/results, each as a command. */
import { Command } from "commander";
import { wholeNumber } from "../src/cli/options.ts";
import { TendrilError } from "../src/core/index.ts";
import { shippedModelFolder } from "../src/train/index.ts";
import { agreementTable, benchAgreement } from "./agreement.ts";
import { benchEngine } from "./engine.ts";
import { benchFiles, filesTable, openOnce } from "./files.ts";
import { benchPropose, proposeTable } from "./propose.ts";
import { engineTable } from "./report.ts";

export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command("npm run bench --").description("Measure Tendril. Each measurement says what it needs.");
  program
    .command("engine")
    .description("training steps and inference, beside PyTorch where it is installed, and in Chromium")
    .option("--rounds <number>", "turns that each program takes", wholeNumber(1), 10)
    .option("--threads <number>", "processor threads for each program; 0: as many as there are", wholeNumber(0), 0)
    .option("--json", "print one JSON object instead of a table", false)
    .action(async ({ rounds, threads, json }: { rounds: number; threads: number; json: boolean }) => {
      const result = await benchEngine({ rounds, threads, onProgress: (what) => console.error(what) });
      console.log(json ? JSON.stringify(result, null, 2) : engineTable(result));
    });
  program
    .command("propose")
    .description("how long candidates take, in Node and in Chromium, beside the peers' recorded times")
    .argument("[model]", "a trained model's folder (default: the shipped one)")
    .option("--json", "print one JSON object instead of a table", false)
    .action(async (model: string | undefined, { json }: { json: boolean }) => {
      const result = await benchPropose(model ?? shippedModelFolder(), (what) => console.error(what));
      console.log(json ? JSON.stringify(result, null, 2) : proposeTable(result));
    });
  program
    .command("agreement")
    .description("the simulated annotator beside the peers' harness, which has recorded sessions of the same model")
    .argument("<sessions>", "what the harness wrote with --out, run with 'ours=tendril speak --model MODEL' alone")
    .requiredOption("--data <folder>", "the images that it was run on")
    .option("--model <folder>", "a trained model's folder, or the name of a shipped one", "general")
    .option("--json", "print one JSON object instead of a table", false)
    .action(async (sessions: string, { data, model, json }: { data: string; model: string; json: boolean }) => {
      const result = await benchAgreement(sessions, data, model);
      console.log(json ? JSON.stringify(result, null, 2) : agreementTable(result));
    });
  program
    .command("files")
    .description(
      "how long a CT of 300 slices takes to open, beside pydicom and nibabel (Debian's, with gdcmconv), and in the app",
    )
    .option("--rounds <number>", "times that each program opens each of them", wholeNumber(1), 3)
    .option("--once <path>", "open this folder or file once and print what it took as JSON; no peer")
    .option("--json", "print one JSON object instead of a table", false)
    .action(async ({ rounds, once, json }: { rounds: number; once?: string; json: boolean }) => {
      if (once !== undefined) {
        console.log(JSON.stringify(await openOnce(once)));
        return;
      }
      const result = await benchFiles(rounds, (what) => console.error(what));
      console.log(json ? JSON.stringify(result, null, 2) : filesTable(result));
    });
  try {
    await program.parseAsync([...argv]);
  } catch (error) {
    if (!(error instanceof TendrilError)) throw error;
    console.error(error.message);
    process.exitCode = error.exitCode;
  }
}
