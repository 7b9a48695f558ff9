/** Annotated images as an export takes them: which there are, and each with the labels that its journal gives. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Image, UsageError } from "../core/index.ts";
import { onFile } from "../files/index.ts";
import { colorOf, type DatasetCase, type Label, type Volume } from "../image/index.ts";
import {
  countActions,
  filesAt,
  folderOf,
  type ImageFiles,
  ImageWork,
  NEW_PROJECT,
  readProjectFile,
  stemOf,
} from "../project/index.ts";
import { ImageCollection } from "../server/index.ts";

/** An image or volume, its base name, and its labels. */
export type Annotated = DatasetCase<Image | Volume>;

/** One that is found, and not read yet. */
export interface Found {
  readonly files: ImageFiles;
  /** Base name of its file, or of the folder of its series */
  readonly name: string;
  /** An annotation has one label so far: the project's first. */
  readonly label: Label;
}

/** @throws {UsageError} when a path leads to no annotated image, or two images would be written to the same file */
export async function findAnnotated(paths: readonly string[]): Promise<Found[]> {
  const found = new Map<string, Found>();
  for (const path of paths) {
    const isFolder = (await onFile("read", path, () => stat(path))).isDirectory();
    let annotated = 0;
    for (const { files, name } of isFolder ? await imagesIn(path) : [{ files: filesAt(path), name: basename(path) }]) {
      if ((await countActions(files)) === 0) continue;
      const [{ value, name: labelName }] = ((await readProjectFile(folderOf(files))) ?? NEW_PROJECT).labels;
      const label = { value, name: labelName, color: colorOf(value) };
      found.set(files.paths.join("\0") + files.part, { files, name, label });
      annotated++;
    }
    if (annotated === 0)
      throw new UsageError(
        isFolder
          ? `${path} holds no annotated images. Name the folder that has "labels" in it, or annotate first: tendril annotate ${path}`
          : `${path} has no annotations yet. Make some first: tendril annotate ${path}`,
      );
  }
  const all = [...found.values()];
  requireOwnNames(all);
  return all;
}

/** The images of a folder and its DICOM series, as the app lists them. */
export async function imagesIn(folder: string): Promise<Pick<Found, "files" | "name">[]> {
  const images = new ImageCollection();
  await images.addPath(folder);
  return images.list().map(({ files, label }) => ({ files, name: basename(label) }));
}

/** @throws {TendrilError} when the image, or what lies beside it, cannot be read */
export async function readAnnotated({ files, name, label }: Found): Promise<Annotated> {
  const work = await ImageWork.open(files);
  try {
    const opened = await work.read();
    const source = opened.kind === "image" ? opened.image : opened.volume;
    const { data, width, height } = await work.inside();
    const size = "size" in source ? source.size : ([width, height, 1] as const);
    return { name, source, labels: { size, data: data.map((inside) => inside * label.value), labels: [label] } };
  } finally {
    await work.close();
  }
}

function requireOwnNames(images: readonly Found[]): void {
  const names = images.map(({ name }) => stemOf(name).toLowerCase());
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice < 0) return;
  const pair = [images[names.indexOf(names[twice])].name, images[twice].name];
  throw new UsageError(
    `Two images, ${pair.join(" and ")}, would be written under one name. Export them one by one, or rename one.`,
  );
}
