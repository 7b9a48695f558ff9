/**
 * Label maps as a BIDS derivative, to be put into `derivatives/tendril` of a data set: `sub-X[/ses-Y]/anat/..._dseg.nii.gz` with a side file each, and one
 * table of the labels for all of them.
 */
import { UsageError } from "../core/index.ts";
import {
  baseName,
  jsonFile,
  type Label,
  type LabelMap,
  type OutputFile,
  oneLine,
  sharedLabels,
  stem,
} from "./labels.ts";
import type { DatasetCase } from "./labels-nnunet.ts";

const BIDS_VERSION = "1.9.0";
/** Entities that a derivative keeps of its source's name. */
const ENTITIES = /^sub-([a-z0-9]+)(?:_ses-([a-z0-9]+))?((?:_(?:acq|ce|rec|run|echo|part)-[a-z0-9]+)*)_[a-z0-9]+$/i;

/**
 * @param encode  a label map to the bytes of a `.nii.gz` file on the source's grid
 * @throws {UsageError} when two cases have the same name, or a map is not sound
 */
export function bidsDerivative<Source>(
  cases: readonly DatasetCase<Source>[],
  encode: (labels: LabelMap, source: Source) => Uint8Array,
): OutputFile[] {
  return [...bidsIndex(sharedLabels(cases.map((one) => one.labels))), ...cases.flatMap(bidsCases(encode))];
}

/** What the data set says of itself, and the table of its labels. */
export function bidsIndex(labels: readonly Label[]): OutputFile[] {
  const rows = labels.map(({ value, name, color }) => [value, oneLine(name), color.toUpperCase()].join("\t"));
  return [
    {
      path: "dataset_description.json",
      bytes: jsonFile({
        Name: "Segmentations made with Tendril",
        BIDSVersion: BIDS_VERSION,
        DatasetType: "derivative",
        GeneratedBy: [{ Name: "Tendril" }],
        SourceDatasets: [{ URL: "bids:raw:" }],
        DatasetLinks: { raw: "../.." },
      }),
    },
    { path: "dseg.tsv", bytes: new TextEncoder().encode(`${["index\tname\tcolor", ...rows].join("\n")}\n`) },
  ];
}

/** @returns the files of one case after the other; throws a UsageError when one has the name of another before it */
export function bidsCases<Source>(
  encode: (labels: LabelMap, source: Source) => Uint8Array,
): (one: DatasetCase<Source>) => OutputFile[] {
  const paths = new Set<string>();
  return ({ name, source, labels }) => {
    const { path, source: uri } = pathOf(name);
    if (paths.has(path)) throw new UsageError(`Two images would be ${path}. Rename one of the files.`);
    paths.add(path);
    return [
      { path: `${path}.nii.gz`, bytes: encode(labels, source) },
      { path: `${path}.json`, bytes: jsonFile({ Manual: true, Sources: [uri] }) },
    ];
  };
}

/** By the source's own BIDS name; any other becomes the subject, as letters and digits. */
function pathOf(name: string): { path: string; source: string } {
  const found = ENTITIES.exec(stem(name));
  if (!found) {
    const subject = `sub-${stem(name).replace(/[^a-z0-9]+/gi, "") || "unnamed"}`;
    return { path: `${subject}/anat/${subject}_dseg`, source: `bids:raw:${baseName(name)}` };
  }
  const [, subject, session, others] = found;
  const folder = session ? `sub-${subject}/ses-${session}/anat` : `sub-${subject}/anat`;
  const entities = `sub-${subject}${session ? `_ses-${session}` : ""}${others}`;
  return { path: `${folder}/${entities}_dseg`, source: `bids:raw:${folder}/${baseName(name)}` };
}
