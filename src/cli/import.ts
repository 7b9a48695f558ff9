/** `tendril import IMAGE MASK [--label N|NAME | --all-labels]` */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { Command } from "commander";
import { UsageError } from "../core/index.ts";
import { onFile, readLimited } from "../files/index.ts";
import { readLabelMap, targetOf } from "../image/index.ts";
import {
  FIRST,
  filesAt,
  IMAGE_FILE_LIMIT,
  type ImageFiles,
  ImageWork,
  importSentence,
  keyOf,
  matchLabels,
  type OccurringLabel,
  occurringLabels,
  sha256,
} from "../project/index.ts";
import { imagesIn } from "./annotated.ts";

interface Options {
  readonly label?: string;
  readonly allLabels: boolean;
  readonly json: boolean;
}

const HELP = `
Masks that are read: NIfTI and NRRD label maps (also .seg.nrrd of 3D Slicer and the labels of nnU-Net), PNG of indexed values, COCO JSON with run lengths, and DICOM
Segmentation on the DICOM series it was drawn on.

What the label covers becomes inside, as if a candidate had been taken: one change of the image's journal, which undo takes back. What was marked by hand stays. A mask
that does not lie on the image is refused; one whose axes run in another order or direction is read in the image's.

It becomes the project's label of the same name; where the file gives it no name, the one of the same value. With --all-labels those that the file names and the project
lacks are added to the project, with the file's names. A single one that the project lacks goes to the project's first.`;

export function importCommand(): Command {
  return new Command("import")
    .description("Make an existing mask the start of the work on an image.")
    .argument("<image>", "the image or volume, or the folder of a DICOM series")
    .argument("<mask>", "a file with its mask")
    .option("--label <value or name>", "which label becomes inside; needed where the mask holds several")
    .option("--all-labels", "take every label of the mask, one change each", false)
    .option("--json", "print what was done as JSON", false)
    .addHelpText("after", HELP)
    .action(async (imagePath: string, maskPath: string, { label: wanted, allLabels, json }: Options) => {
      if (allLabels && wanted !== undefined) throw new UsageError("Give --label or --all-labels, not both.");
      const name = basename(maskPath);
      const work = await ImageWork.open(await imageAt(imagePath));
      try {
        const opened = await work.read();
        const target = targetOf(basename(imagePath), opened.kind === "image" ? opened.image : opened.volume);
        const bytes = await readLimited(maskPath, IMAGE_FILE_LIMIT);
        const map = readLabelMap(bytes, name, target);
        const found = occurringLabels(map);
        const labels = allLabels ? requireSome(found, name) : [chosen(found, wanted, name)];
        const keys = allLabels ? await keysOfAll(work, labels, name) : await keysOfOne(work, labels);
        for (const note of [...work.notes, ...(map.notes ?? [])]) console.error(note);
        for (const [i, label] of labels.entries()) {
          const done = await work.import(map, { sha256: sha256(bytes), label: label.value }, keys[i]);
          const { gained, byHand } = done;
          if (json) console.log(JSON.stringify({ image: basename(imagePath), ...label, gained, byHand }));
          else {
            const unit = opened.kind === "image" ? "pixels" : "voxels";
            console.log(importSentence(`${label.value} (${label.name}) of ${name}`, done, unit));
          }
        }
      } finally {
        await work.close();
      }
    });
}

/** @throws {UsageError} when a folder does not hold one image */
async function imageAt(path: string): Promise<ImageFiles> {
  if (!(await onFile("read", path, () => stat(path))).isDirectory()) return filesAt(path);
  const images = await imagesIn(path);
  if (images.length === 1) return images[0].files;
  if (images.length === 0) throw new UsageError(`${path} holds no images.`);
  const names = images.map(({ name }) => `  ${name}`).join("\n");
  throw new UsageError(
    `${path} holds ${images.length} images; name one of them, or the folder of one series:\n${names}`,
  );
}

/** What the changes of a label that is chosen alone name: it becomes the project's first where the project does not have it. */
async function keysOfOne(work: ImageWork, labels: readonly OccurringLabel[]): Promise<number[]> {
  const listed = await work.labels();
  return matchLabels(labels, listed).map(({ label }) => (label ? keyOf(listed, label.value) : FIRST));
}

/** The same for all labels of a mask; those that only the file names are added to the project. @throws {UsageError} */
async function keysOfAll(work: ImageWork, labels: readonly OccurringLabel[], name: string): Promise<number[]> {
  const matched = matchLabels(labels, await work.labels());
  const unknown = matched.filter(({ label, isNamed }) => !label && !isNamed).map(({ mask }) => mask.value);
  if (unknown.length > 0)
    throw new UsageError(
      `${name} gives no names to its labels, and the project has none of value ${unknown.join(", ")}. Add them in the app, or choose one with --label.`,
    );
  for (const { mask, label } of matched) if (!label) await work.changeLabel({ name: mask.name, color: mask.color });
  const listed = await work.labels();
  return matchLabels(labels, listed).map(({ label }) => keyOf(listed, label!.value));
}

/** @throws {UsageError} */
function requireSome(labels: readonly OccurringLabel[], name: string): readonly OccurringLabel[] {
  if (labels.length === 0) throw new UsageError(`${name} is empty: every value in it is 0. Is it the right file?`);
  return labels;
}

/** @throws {UsageError} listing the labels when none, or none of them, was chosen */
function chosen(labels: readonly OccurringLabel[], wanted: string | undefined, name: string): OccurringLabel {
  requireSome(labels, name);
  if (wanted === undefined && labels.length === 1) return labels[0];
  const found = labels.find(({ value }) => `${value}` === wanted) ?? labels.find((label) => label.name === wanted);
  if (found) return found;
  const lines = labels.map((label) => `  ${label.value}  ${label.name} (${label.voxels.toLocaleString("en")})`);
  const why = wanted === undefined ? `${name} holds ${labels.length} labels` : `${name} holds no label ${wanted}`;
  throw new UsageError(`${why}. Choose one with --label:\n${lines.join("\n")}\nor take all of them with --all-labels.`);
}
