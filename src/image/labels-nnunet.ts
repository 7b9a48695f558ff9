/** Images and their label maps as a training set of nnU-Net v2: `imagesTr/CASE_0000.END`, `labelsTr/CASE.END`, `dataset.json`. */
import { type Image, UsageError } from "../core/index.ts";
import { jsonFile, type LabelMap, type OutputFile, sharedLabels, stem } from "./labels.ts";
import { encodeImagePng, encodeLabels } from "./write-png.ts";

export interface DatasetCase<Source> {
  /** Of the source file; folders and ending are left out. */
  readonly name: string;
  readonly source: Source;
  readonly labels: LabelMap;
}

/** How a source and its label map become files of the same kind, written anew so that only pixels and place go along. */
export interface CaseEncoder<Source> {
  /** ".png", ".nii.gz" */
  readonly ending: string;
  readonly image: (source: Source) => Uint8Array;
  readonly labels: (labels: LabelMap, source: Source) => Uint8Array;
}

export const PNG_CASES: CaseEncoder<Image> = {
  ending: ".png",
  image: encodeImagePng,
  labels: ({ data }, image) => encodeLabels(data, image),
};

/**
 * @param channel  what the intensities are: "CT" makes nnU-Net normalise over the whole set, any other name each image by itself
 * @returns        files; values are renumbered from 1 without gaps, as nnU-Net needs them
 * @throws {UsageError} when two cases have the same name, a label is called background, or a map is not sound
 */
export function nnunetDataset<Source>(
  cases: readonly DatasetCase<Source>[],
  channel: string,
  { ending, image, labels: encode }: CaseEncoder<Source>,
): OutputFile[] {
  const labels = sharedLabels(cases.map((one) => one.labels));
  if (labels.some(({ name }) => name === "background"))
    throw new UsageError("A label is called background, which nnU-Net keeps for what has no label. Rename it.");
  const names = caseNames(cases.map(({ name }) => name));
  const numberOf = new Map(labels.map(({ value }, i) => [value, i + 1]));
  const renumber = (map: LabelMap): LabelMap => ({
    size: map.size,
    data: map.data.map((value) => numberOf.get(value) ?? 0),
    labels: map.labels.map((label) => ({ ...label, value: numberOf.get(label.value)! })),
  });
  return [
    {
      path: "dataset.json",
      bytes: jsonFile({
        channel_names: { 0: channel },
        labels: Object.fromEntries([
          ["background", 0],
          ...labels.map(({ name, value }) => [name, numberOf.get(value)]),
        ]),
        numTraining: cases.length,
        file_ending: ending,
      }),
    },
    ...cases.flatMap(({ source, labels: map }, i) => [
      { path: `imagesTr/${names[i]}_0000${ending}`, bytes: image(source) },
      { path: `labelsTr/${names[i]}${ending}`, bytes: encode(renumber(map), source) },
    ]),
  ];
}

/** Letters, digits, points, dashes and underscores of the files' base names. @throws {UsageError} when two become the same */
function caseNames(paths: readonly string[]): string[] {
  const names = paths.map((path) => stem(path).replace(/[^\p{L}\p{N}._-]+/gu, "-"));
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0) throw new UsageError(`Two images would be case ${names[twice]}. Rename one of the files.`);
  return names;
}
