/** Annotated images as an export takes them: which there are, and each with the labels that its journal gives. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { type Image, UsageError } from "../core/index.ts";
import { onFile } from "../files/index.ts";
import { colorOf, type DatasetCase, type Label, type Volume } from "../image/index.ts";
import { countActions, ImageWork, NEW_PROJECT, readProjectFile, stemOf } from "../project/index.ts";

/** An image or volume, its base name, and its labels. */
export type Annotated = DatasetCase<Image | Volume>;

/** One that is found, and not read yet. */
export interface Found {
  readonly path: string;
  /** Base name */
  readonly name: string;
  /** An annotation has one label so far: the project's first. */
  readonly label: Label;
}

const IMAGE_NAME = /\.(png|jpe?g|tiff?|dcm|nii|nii\.gz|nrrd)$/i;

/** @throws {UsageError} when a path leads to no annotated image, or two images would be written to the same file */
export async function findAnnotated(paths: readonly string[]): Promise<Found[]> {
  const found = new Map<string, Found>();
  for (const path of paths) {
    const isFolder = (await onFile("read", path, () => stat(path))).isDirectory();
    const names = isFolder ? await onFile("read", path, () => readdir(path)) : [];
    const candidates = isFolder
      ? names.filter((name) => IMAGE_NAME.test(name)).map((name) => join(path, name))
      : [path];
    let annotated = 0;
    for (const candidate of candidates.sort()) {
      if ((await countActions(candidate)) === 0) continue;
      const [{ value, name }] = ((await readProjectFile(dirname(candidate))) ?? NEW_PROJECT).labels;
      const label = { value, name, color: colorOf(value) };
      found.set(resolve(candidate), { path: candidate, name: basename(candidate), label });
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

/** @throws {TendrilError} when the image, or what lies beside it, cannot be read */
export async function readAnnotated({ path, name, label }: Found): Promise<Annotated> {
  const work = await ImageWork.open(path);
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
  if (twice >= 0)
    throw new UsageError(
      `Two images are called ${images[twice].name}. Export their folders one by one, or rename one.`,
    );
}
