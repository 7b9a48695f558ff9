/** Images and their label maps as a training set of nnU-Net v2: `imagesTr/CASE_0000.END`, `labelsTr/CASE.END`, `dataset.json`. */
import { type Image, UsageError } from "../core/index.ts";
import { jsonFile, type Label, type LabelMap, type OutputFile, requireSound, sharedLabels, stem } from "./labels.ts";
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
  encoder: CaseEncoder<Source>,
): OutputFile[] {
  const labels = sharedLabels(cases.map((one) => one.labels));
  const index = nnunetIndex(labels, cases.length, channel, encoder.ending);
  return [index, ...cases.flatMap(nnunetCases(labels, encoder))];
}

/** `dataset.json` of a set. @throws {UsageError} when a label is called background */
export function nnunetIndex(labels: readonly Label[], count: number, channel: string, ending: string): OutputFile {
  if (labels.some(({ name }) => name === "background"))
    throw new UsageError("A label is called background, which nnU-Net keeps for what has no label. Rename it.");
  return {
    path: "dataset.json",
    bytes: jsonFile({
      channel_names: { 0: channel },
      labels: Object.fromEntries([["background", 0], ...labels.map(({ name }, i) => [name, i + 1])]),
      numTraining: count,
      file_ending: ending,
    }),
  };
}

/**
 * @param labels  of the whole set
 * @returns       the files of one case after the other; throws a UsageError when one has the name of another before it, or a map is not sound
 */
export function nnunetCases<Source>(
  labels: readonly Label[],
  { ending, image, labels: encode }: CaseEncoder<Source>,
): (one: DatasetCase<Source>) => OutputFile[] {
  const numberOf = new Map(labels.map(({ value }, i) => [value, i + 1]));
  const names = new Set<string>();
  return ({ name, source, labels: map }) => {
    const own = caseName(name);
    if (names.has(own)) throw new UsageError(`Two images would be case ${own}. Rename one of the files.`);
    names.add(own);
    requireSound(map);
    const renumbered = {
      size: map.size,
      data: map.data.map((value) => numberOf.get(value) ?? 0),
      labels: map.labels.map((label) => ({ ...label, value: numberOf.get(label.value)! })),
    };
    return [
      { path: `imagesTr/${own}_0000${ending}`, bytes: image(source) },
      { path: `labelsTr/${own}${ending}`, bytes: encode(renumbered, source) },
    ];
  };
}

/** Letters, digits, points, dashes and underscores of the file's base name. */
function caseName(path: string): string {
  return stem(path).replace(/[^\p{L}\p{N}._-]+/gu, "-");
}
