/** `tendril export PATHS... --format FORMAT -o FOLDER` */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { Command, Option } from "commander";
import { type Image, UsageError } from "../core/index.ts";
import { onFile, publishFolder, readLimited } from "../files/index.ts";
import {
  colorOf,
  type DatasetCase,
  decodeImage,
  encodeCoco,
  encodeLabels,
  encodeSegNrrd,
  nnunetDataset,
  type OutputFile,
  PNG_CASES,
} from "../image/index.ts";
import { countActions, IMAGE_FILE_LIMIT, ImageWork, NEW_PROJECT, readProjectFile } from "../project/index.ts";

/** An image, its base name, and the labels that its journal gives. */
type Annotated = DatasetCase<Image>;

interface Format {
  readonly help: string;
  readonly files: (images: readonly Annotated[]) => OutputFile[];
}

const FORMATS: Readonly<Record<string, Format>> = {
  png: {
    help: "NAME_seg.png for each image: gray, a pixel's value is its label's, 0 outside",
    files: (images) =>
      images.map(({ name, source, labels }) => ({
        path: `${basename(name, extname(name))}_seg.png`,
        bytes: encodeLabels(labels.data, source),
      })),
  },
  coco: {
    help: "annotations.json with compressed run lengths, for all images",
    files: (images) => [{ path: "annotations.json", bytes: encodeCoco(images) }],
  },
  nnunet: {
    help: "a training set of nnU-Net v2 with the images: imagesTr, labelsTr, dataset.json; the folder must be called DatasetNNN_NAME",
    files: (images) => nnunetDataset(images, "image", PNG_CASES),
  },
  nrrd: {
    help: "NAME.seg.nrrd for each image, as 3D Slicer reads it, 1 mm a pixel",
    files: (images) =>
      images.map(({ name, labels }) => ({
        path: `${basename(name, extname(name))}.seg.nrrd`,
        bytes: encodeSegNrrd(labels),
      })),
  },
};
/** nnU-Net finds its data sets by such names. */
const NNUNET_FOLDER = /^Dataset\d{3}_.+$/;

interface Options {
  readonly format: string;
  readonly output: string;
  readonly json: boolean;
}

export function exportCommand(): Command {
  const formats = Object.entries(FORMATS).map(([name, { help }]) => `  ${name.padEnd(7)} ${help}`);
  return new Command("export")
    .description("Write the masks of annotated images in the format of another program, from their journals.")
    .argument(
      "<paths...>",
      "annotated PNG images, or folders of them; images without annotations are left out of a folder",
    )
    .addOption(new Option("--format <format>", "see below").choices(Object.keys(FORMATS)).default("png"))
    .requiredOption("-o, --output <folder>", "a new folder for the files")
    .option("--json", "print the format, the number of images and the files as JSON instead of the folder", false)
    .addHelpText(
      "after",
      `\nFormats:\n${formats.join("\n")}\n\nNothing of an image file but its pixels, size and base name is written (docs/exports.md).`,
    )
    .action(async (paths: readonly string[], { format, output, json }: Options) => {
      if (format === "nnunet" && !NNUNET_FOLDER.test(basename(resolve(output))))
        throw new UsageError(
          `nnU-Net needs a folder called DatasetNNN_NAME, such as Dataset501_Liver; ${basename(output)} is not.`,
        );
      const images = [];
      for (const path of await annotatedImages(paths)) images.push(await readAnnotated(path));
      requireOwnNames(images);
      const files = FORMATS[format].files(images);
      await publishFolder(output, Object.fromEntries(files.map(({ path, bytes }) => [path, bytes])));
      const report = { format, images: images.length, files: files.map(({ path }) => path) };
      console.log(json ? JSON.stringify(report) : output);
    });
}

/** @throws {UsageError} when a path leads to no annotated image */
async function annotatedImages(paths: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const path of paths) {
    const isFolder = (await onFile("read", path, () => stat(path))).isDirectory();
    const names = isFolder ? await onFile("read", path, () => readdir(path)) : [];
    const candidates = isFolder ? names.filter((name) => /\.png$/i.test(name)).map((name) => join(path, name)) : [path];
    let annotated = 0;
    for (const candidate of candidates.sort()) {
      if ((await countActions(candidate)) === 0) continue;
      found.add(resolve(candidate));
      annotated++;
    }
    if (annotated === 0)
      throw new UsageError(
        isFolder
          ? `${path} holds no annotated images. Name the folder that has "labels" in it, or annotate first: tendril annotate ${path}`
          : `${path} has no annotations yet. Make some first: tendril annotate ${path}`,
      );
  }
  return [...found];
}

async function readAnnotated(path: string): Promise<Annotated> {
  const name = basename(path);
  const source = decodeImage(await readLimited(path, IMAGE_FILE_LIMIT), name);
  const work = await ImageWork.open(path);
  const mask = await work.inside();
  await work.close();
  // An annotation has one label so far: the project's first.
  const [{ value, name: label }] = ((await readProjectFile(dirname(path))) ?? NEW_PROJECT).labels;
  return {
    name,
    source,
    labels: {
      size: [mask.width, mask.height, 1],
      data: mask.data.map((inside) => inside * value),
      labels: [{ value, name: label, color: colorOf(value) }],
    },
  };
}

/** @throws {UsageError} when two images would be written to the same file */
function requireOwnNames(images: readonly Annotated[]): void {
  const names = images.map(({ name }) => basename(name, extname(name)).toLowerCase());
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    throw new UsageError(
      `Two images are called ${images[twice].name}. Export their folders one by one, or rename one.`,
    );
}
