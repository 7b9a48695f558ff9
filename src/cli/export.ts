/** `tendril export PATHS... --format FORMAT -o FOLDER` */
import { basename, resolve } from "node:path";
import { Command, Option } from "commander";
import { UsageError } from "../core/index.ts";
import { type Files, fillFolder, publishFolder } from "../files/index.ts";
import { agreedLabels } from "../image/index.ts";
import { type Annotated, type Found, findAnnotated, readAnnotated, requireOwnNames } from "./annotated.ts";
import { FORMATS } from "./export-formats.ts";
import { openProbabilities } from "./export-probabilities.ts";
import { wholeNumber } from "./options.ts";
import { SlowBar } from "./slow-bar.ts";

/** nnU-Net finds its data sets by such names. */
const NNUNET_FOLDER = /^Dataset\d{3}_.+$/;

interface Options {
  readonly format: keyof typeof FORMATS;
  readonly output: string;
  readonly force: boolean;
  readonly fractional: boolean;
  readonly model?: string;
  readonly features: boolean;
  readonly seed?: number;
  readonly removeIdentifiers: boolean;
  readonly json: boolean;
}

export function exportCommand(): Command {
  const formats = Object.entries(FORMATS).map(([name, { help }]) => `  ${name.padEnd(9)} ${help}`);
  return new Command("export")
    .description(
      "Write the masks of annotated images and volumes in the format of another program, from their journals.",
    )
    .argument(
      "<paths...>",
      "annotated images or volumes, or folders of them; those without annotations are left out of a folder",
    )
    .addOption(new Option("--format <format>", "see below").choices(Object.keys(FORMATS)).default("png"))
    .requiredOption("-o, --output <folder>", "a new folder for the files")
    .option("--force", "write into a folder that exists, over files of the same names; what else is there stays", false)
    .option(
      "--remove-identifiers",
      "dicom-seg: leave the patient's and the study's names, numbers and dates empty",
      false,
    )
    .option(
      "--fractional",
      "dicom-seg: how likely each pixel is inside (FRACTIONAL), as a model says of the same marks; cut at a half it is the mask",
      false,
    )
    .option(
      "--model <folder>",
      "with --fractional: a general model's folder, or the name of a shipped one (default: general)",
    )
    .option("--no-features", "with --fractional: go without features of the image, which take a second or more a slice")
    .option(
      "--seed <number>",
      "with --fractional: the same seed gives the same probabilities (default: 1)",
      wholeNumber(0),
    )
    .option("--json", "print the format, the number of images and the files as JSON instead of the folder", false)
    .addHelpText(
      "after",
      `\nFormats:\n${formats.join("\n")}\n\nOf an image file its pixels, place and base name are written, and nothing else (docs/exports.md); dicom-seg names the patient and the study as well\n(docs/exports-dicom-seg.md).`,
    )
    .action(async (paths: readonly string[], options: Options) => {
      requireFitting(options);
      const { format, output, force, removeIdentifiers, json } = options;
      const found = await findAnnotated(paths);
      requireOwnNames(found);
      const probabilities = options.fractional ? await openProbabilities(options) : undefined;
      const written: string[] = [];
      const notes: string[] = [];
      const set = {
        ...{
          labels: agreedLabels(found.map(({ projectLabels }) => projectLabels)),
          count: found.length,
          removeIdentifiers,
        },
        ...(probabilities && { probabilities }),
        note: (text: string) => void notes.push(text),
      };
      // A segmentation names the image of each frame, which says where it lies; all others have the volume's one matrix.
      const read = oneByOne(found, options.fractional);
      const images = format === "dicom-seg" ? read : told(read, set.note);
      const files: Files = (async function* () {
        for await (const { path, bytes } of FORMATS[format].write(images, set)) {
          written.push(path);
          yield [path, bytes] as const;
        }
      })();
      await (force ? fillFolder(output, files) : publishFolder(output, files)).finally(probabilities?.close);
      for (const note of notes) console.error(note);
      console.log(json ? JSON.stringify({ format, images: found.length, files: written }) : output);
    });
}

/** @throws {UsageError} */
function requireFitting(options: Options): void {
  const { format, output, fractional, removeIdentifiers, model, seed, features } = options;
  if (format === "nnunet" && !NNUNET_FOLDER.test(basename(resolve(output))))
    throw new UsageError(
      `nnU-Net needs a folder called DatasetNNN_NAME, such as Dataset501_Liver; ${basename(output)} is not.`,
    );
  if (format !== "dicom-seg" && (fractional || removeIdentifiers))
    throw new UsageError(
      `--${fractional ? "fractional" : "remove-identifiers"} is for dicom-seg; ${format} has no probabilities and no identifiers.`,
    );
  if (!fractional && (model !== undefined || seed !== undefined || !features))
    throw new UsageError("--model, --seed and --no-features are for the probabilities of --fractional.");
}

/** What was noticed of a volume goes with its mask: who gets that cannot see missing or uneven slices in it. */
async function* told(images: AsyncIterable<Annotated>, note: (text: string) => void): AsyncGenerator<Annotated> {
  for await (const one of images) {
    if ("notes" in one.source) for (const text of one.source.notes) note(`${one.name}: ${text}`);
    yield one;
  }
}

/** Reads one after the other, so that one volume is in memory at a time. */
async function* oneByOne(found: readonly Found[], isFractional: boolean): AsyncGenerator<Annotated> {
  // Probabilities take far longer than reading, and have a bar of their own.
  const bar = isFractional ? null : new SlowBar();
  try {
    for (const [i, one] of found.entries()) {
      bar?.at(i, found.length, one.name);
      yield await readAnnotated(one, isFractional);
    }
    bar?.at(found.length, found.length, "");
  } finally {
    bar?.stop();
  }
}
