/** Annotated images as an export takes them: which there are, and each with the labels that its journal gives. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Image, UsageError } from "../core/index.ts";
import { onFile } from "../files/index.ts";
import type { DatasetCase, Label, Volume } from "../image/index.ts";
import {
  countActions,
  filesAt,
  type ImageFiles,
  ImageWork,
  labelsOf,
  type Marked,
  readLabels,
  stemOf,
} from "../project/index.ts";
import { ImageCollection } from "../server/index.ts";

/** An image or volume, its base name, and its labels. */
export interface Annotated extends DatasetCase<Image | Volume> {
  /** What was drawn and taken for each label, by its value; where it was asked for */
  readonly annotations?: Marked["annotations"];
  /** The changes that did it. */
  readonly changes: Marked["changes"];
}

/** One that is found, and not read yet. */
export interface Found {
  readonly files: ImageFiles;
  /** Base name of its file, or of the folder of its series */
  readonly name: string;
  /** Of its project. */
  readonly projectLabels: readonly Label[];
}

/** @throws {UsageError} when a path leads to no annotated image */
export async function findAnnotated(paths: readonly string[]): Promise<Found[]> {
  const found = new Map<string, Found>();
  for (const path of paths) {
    const isFolder = (await onFile("read", path, () => stat(path))).isDirectory();
    let annotated = 0;
    for (const { files, name } of isFolder ? await imagesIn(path) : [{ files: filesAt(path), name: basename(path) }]) {
      if ((await countActions(files)) === 0) continue;
      const projectLabels = labelsOf(await readLabels(files));
      found.set(files.paths.join("\0") + files.part, { files, name, projectLabels });
      annotated++;
    }
    if (annotated === 0)
      throw new UsageError(
        isFolder
          ? `${path} holds no annotated images. Name the folder that has "labels" in it, or annotate first: tendril annotate ${path}`
          : `${path} has no annotations yet. Make some first: tendril annotate ${path}`,
      );
  }
  return [...found.values()];
}

/** The images of a folder and its DICOM series, as the app lists them. */
export async function imagesIn(folder: string): Promise<Pick<Found, "files" | "name">[]> {
  const images = new ImageCollection();
  await images.addPath(folder);
  return images.list().map(({ files, label }) => ({ files, name: basename(label) }));
}

/**
 * @param withMarks  with what was drawn and taken, which is another byte a pixel for each label
 * @throws {TendrilError} when the image, or what lies beside it, cannot be read, or it has a label that its project does not list
 */
export async function readAnnotated({ files, name, projectLabels }: Found, withMarks: boolean): Promise<Annotated> {
  const work = await ImageWork.open(files);
  try {
    const opened = await work.read();
    const source = opened.kind === "image" ? opened.image : opened.volume;
    const { map: labels, annotations, changes } = await work.marked();
    const stray = labels.labels.find(({ value }) => !projectLabels.some((label) => label.value === value));
    if (stray)
      throw new UsageError(
        `${name} has work on label ${stray.value}, which tendril.json does not list. Put it into the list, or open the image in the app and give the label a name.`,
      );
    return { name, source, labels, changes, ...(withMarks && { annotations }) };
  } finally {
    await work.close();
  }
}

/** @throws {UsageError} when two images would be written to the same file */
export function requireOwnNames(images: readonly Found[]): void {
  const names = images.map(({ name }) => stemOf(name).toLowerCase());
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice < 0) return;
  const pair = [images[names.indexOf(names[twice])].name, images[twice].name];
  throw new UsageError(
    `Two images, ${pair.join(" and ")}, would be written under one name. Export them one by one, or rename one.`,
  );
}
