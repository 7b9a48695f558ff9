/** `tendril export PATHS... --format FORMAT -o FOLDER` */
import { basename, resolve } from "node:path";
import { Bar } from "cli-progress";
import { Command, Option } from "commander";
import { UsageError } from "../core/index.ts";
import { type Files, fillFolder, publishFolder } from "../files/index.ts";
import { agreedLabels } from "../image/index.ts";
import { type Annotated, type Found, findAnnotated, readAnnotated } from "./annotated.ts";
import { FORMATS } from "./export-formats.ts";

/** nnU-Net finds its data sets by such names. */
const NNUNET_FOLDER = /^Dataset\d{3}_.+$/;
/** Milliseconds; what is done sooner needs no bar. */
const QUICK = 1000;
/** Milliseconds between two lines where there is no terminal. */
const LINE_EVERY = 10_000;

interface Options {
  readonly format: keyof typeof FORMATS;
  readonly output: string;
  readonly force: boolean;
  readonly fractional: boolean;
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
    .option("--fractional", "dicom-seg: probabilities (FRACTIONAL) instead of a mask, where there are any", false)
    .option("--json", "print the format, the number of images and the files as JSON instead of the folder", false)
    .addHelpText(
      "after",
      `\nFormats:\n${formats.join("\n")}\n\nOf an image file its pixels, place and base name are written, and nothing else (docs/exports.md); dicom-seg names the patient and the study as well\n(docs/exports-dicom-seg.md).`,
    )
    .action(async (paths: readonly string[], options: Options) => {
      requireFitting(options);
      const { format, output, force, removeIdentifiers, json } = options;
      const found = await findAnnotated(paths);
      if (options.fractional)
        throw new UsageError(
          `The journal of ${found[0].name} holds no probabilities: what was drawn or taken is inside or not. Leave out --fractional.`,
        );
      const written: string[] = [];
      const notes: string[] = [];
      const set = {
        ...{
          labels: agreedLabels(found.map(({ projectLabels }) => projectLabels)),
          count: found.length,
          removeIdentifiers,
        },
        note: (text: string) => void notes.push(text),
      };
      // A segmentation names the image of each frame, which says where it lies; all others have the volume's one matrix.
      const images = format === "dicom-seg" ? oneByOne(found) : told(oneByOne(found), set.note);
      const files: Files = (async function* () {
        for await (const { path, bytes } of FORMATS[format].write(images, set)) {
          written.push(path);
          yield [path, bytes] as const;
        }
      })();
      await (force ? fillFolder(output, files) : publishFolder(output, files));
      for (const note of notes) console.error(note);
      console.log(json ? JSON.stringify({ format, images: found.length, files: written }) : output);
    });
}

/** @throws {UsageError} */
function requireFitting({ format, output, fractional, removeIdentifiers }: Options): void {
  if (format === "nnunet" && !NNUNET_FOLDER.test(basename(resolve(output))))
    throw new UsageError(
      `nnU-Net needs a folder called DatasetNNN_NAME, such as Dataset501_Liver; ${basename(output)} is not.`,
    );
  if (format !== "dicom-seg" && (fractional || removeIdentifiers))
    throw new UsageError(
      `--${fractional ? "fractional" : "remove-identifiers"} is for dicom-seg; ${format} has no probabilities and no identifiers.`,
    );
}

/** What was noticed of a volume goes with its mask: who gets that cannot see missing or uneven slices in it. */
async function* told(images: AsyncIterable<Annotated>, note: (text: string) => void): AsyncGenerator<Annotated> {
  for await (const one of images) {
    if ("notes" in one.source) for (const text of one.source.notes) note(`${one.name}: ${text}`);
    yield one;
  }
}

/** Reads one after the other, so that one volume is in memory at a time; with a bar where that takes long. */
async function* oneByOne(found: readonly Found[]): AsyncGenerator<Annotated> {
  const bar = new Bar({
    format: "{bar} {value}/{total}  {name}",
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: LINE_EVERY,
  });
  const started = performance.now();
  let isShown = false;
  try {
    for (const [i, one] of found.entries()) {
      const name = { name: one.name };
      if (isShown) bar.update(i, name);
      else if (performance.now() - started > QUICK) {
        bar.start(found.length, i, name);
        isShown = true;
      }
      yield await readAnnotated(one);
    }
    if (isShown) bar.update(found.length, { name: "" });
  } finally {
    if (isShown) bar.stop();
  }
}
