/** The formats of `tendril export`: each makes the files of an export from annotated images that come one after the other. */
import { type Image, UsageError } from "../core/index.ts";
import {
  bidsCases,
  bidsIndex,
  type CaseEncoder,
  type CocoImage,
  type DatasetCase,
  DicomSegError,
  encodeCoco,
  encodeDcmqiMetadata,
  encodeDicomSeg,
  encodeLabels,
  encodeNiftiImage,
  encodeNiftiLabels,
  encodeSegNrrd,
  type Label,
  type LabelMap,
  nnunetCases,
  nnunetIndex,
  type OutputFile,
  PNG_CASES,
  type Volume,
} from "../image/index.ts";
import { stemOf } from "../project/index.ts";
import type { Annotated } from "./annotated.ts";
import type { Probabilities } from "./export-probabilities.ts";
import { statistics } from "./export-statistics.ts";
import { VERSION } from "./version.ts";

/** What is known of an export before its first image is read. */
export interface ExportSet {
  /** Of all images together */
  readonly labels: readonly Label[];
  readonly count: number;
  /** Leave the patient's and the study's fields of a DICOM segmentation empty. */
  readonly removeIdentifiers: boolean;
  /** For a DICOM segmentation of probabilities; its images come with their annotations. */
  readonly probabilities?: Probabilities;
  /** For a person: what an export leaves out, and the like. */
  readonly note: (text: string) => void;
}

export interface Format {
  readonly help: string;
  write(images: AsyncIterable<Annotated>, set: ExportSet): AsyncIterable<OutputFile>;
}

const FOR_IMAGES = "Choose png, coco, nrrd or nnunet.";
const FOR_VOLUMES = "Choose nifti, nrrd, nnunet or bids.";
const SOFTWARE = { name: "Tendril", version: VERSION };

export const FORMATS = {
  png: {
    help: "NAME_seg.png for each image: gray, a pixel's value is its label's, 0 outside",
    write: each((one) => [
      { path: `${stemOf(one.name)}_seg.png`, bytes: encodeLabels(one.labels.data, imageOf(one, "png")) },
    ]),
  },
  nifti: {
    help: "NAME_seg.nii.gz for each volume (.nii where it was not packed), with the placement of its own header",
    write: each((one) => {
      const { bytes, extension } = encodeNiftiLabels(one.labels.data, volumeOf(one, "nifti"));
      return [{ path: `${stemOf(one.name)}_seg${extension}`, bytes }];
    }),
  },
  nrrd: {
    help: "NAME.seg.nrrd for each image or volume, as 3D Slicer reads it; of an image 1 mm a pixel",
    write: each(({ name, source, labels }) => [
      {
        path: `${stemOf(name)}.seg.nrrd`,
        bytes: encodeSegNrrd(labels, "toWorld" in source ? source.toWorld : undefined),
      },
    ]),
  },
  coco: {
    help: "annotations.json with compressed run lengths, for all images",
    async *write(images) {
      const all: CocoImage[] = [];
      for await (const one of images) {
        imageOf(one, "coco");
        all.push({ name: one.name, labels: one.labels });
      }
      yield { path: "annotations.json", bytes: encodeCoco(all) };
    },
  },
  nnunet: {
    help: "a training set of nnU-Net v2 with the images: imagesTr, labelsTr, dataset.json; the folder must be called DatasetNNN_NAME",
    write: nnunet,
  },
  bids: {
    help: "a BIDS derivative of volumes: sub-X/anat/sub-X_dseg.nii.gz with a side file each, and a table of the labels",
    async *write(images, { labels }) {
      yield* bidsIndex(labels);
      const filesOf = bidsCases<Volume>(packedLabels);
      for await (const one of images) yield* filesOf({ ...one, source: volumeOf(one, "bids") });
    },
  },
  "dicom-seg": {
    help: "NAME_seg.dcm for each DICOM image or series: a DICOM Segmentation (BINARY, or FRACTIONAL with --fractional), and NAME_seg.json for dcmqi's itkimage2segimage",
    write: each((one, set) => dicomSeg(one, set)),
  },
  csv: {
    help: "statistics.csv: a row for each image or volume and label, with its size, volume in ml, largest axial area in mm2 and mean intensity",
    write: statistics,
  },
} as const satisfies Readonly<Record<string, Format>>;

/** A format whose files are each of one image. */
function each(filesOf: (one: Annotated, set: ExportSet) => OutputFile[] | Promise<OutputFile[]>): Format["write"] {
  return async function* (images, set) {
    for await (const one of images) yield* await filesOf(one, set);
  };
}

async function* nnunet(images: AsyncIterable<Annotated>, { labels, count }: ExportSet): AsyncIterable<OutputFile> {
  const asImages = nnunetCases(labels, PNG_CASES);
  const asVolumes = nnunetCases(labels, NIFTI_CASES);
  let first: Annotated | null = null;
  let isCt = true;
  for await (const one of images) {
    first ??= one;
    if (isVolume(one) !== isVolume(first))
      throw new UsageError(
        `${first.name} and ${one.name} are not both images or both volumes, and a set of nnU-Net holds one kind. Export them one by one.`,
      );
    isCt &&= isVolume(one) && one.source.modality === "CT";
    if (isVolume(one)) yield* asVolumes(one);
    else yield* asImages({ ...one, source: imageOf(one, "nnunet") });
  }
  const { ending } = first && isVolume(first) ? NIFTI_CASES : PNG_CASES;
  yield nnunetIndex(labels, count, isCt ? "CT" : "image", ending);
}

const NIFTI_CASES: CaseEncoder<Volume> = { ending: ".nii.gz", image: encodeNiftiImage, labels: packedLabels };

function packedLabels({ data }: LabelMap, volume: Volume): Uint8Array {
  return encodeNiftiLabels(data, volume, true).bytes;
}

async function dicomSeg(one: Annotated, { removeIdentifiers, probabilities, note }: ExportSet): Promise<OutputFile[]> {
  const { name, source, labels } = one;
  if (!isVolume(one) || one.source.origin.kind !== "dicom")
    throw new UsageError(
      `${name} was not read from DICOM files, and a DICOM segmentation lies on a DICOM series. ${"size" in source ? FOR_VOLUMES : FOR_IMAGES}`,
    );
  const segments = labels.labels;
  const ids = { uuid: () => crypto.randomUUID(), at: new Date() };
  try {
    const content = { volume: one.source, labels: labels.data, segments };
    const likely = await probabilities?.of(one, content);
    const { bytes, removed } = encodeDicomSeg({ ...content, ...likely, ids, software: SOFTWARE, removeIdentifiers });
    if (removed.length > 0) note(`${name}: left empty in the segmentation: ${removed.join(", ")}.`);
    const metadata = new TextEncoder().encode(encodeDcmqiMetadata(segments, SOFTWARE));
    return [
      { path: `${stemOf(name)}_seg.dcm`, bytes },
      { path: `${stemOf(name)}_seg.json`, bytes: metadata },
    ];
  } catch (cause) {
    if (!(cause instanceof DicomSegError)) throw cause;
    throw new UsageError(`${name} cannot be exported: ${cause.message}`, { cause });
  }
}

function isVolume(one: Annotated): one is Annotated & DatasetCase<Volume> {
  return "size" in one.source;
}

/** @throws {UsageError} */
function imageOf({ name, source }: Annotated, format: string): Image {
  if (!("size" in source)) return source;
  throw new UsageError(`${name} is a volume, and ${format} is for images. ${FOR_VOLUMES}`);
}

/** @throws {UsageError} */
function volumeOf({ name, source }: Annotated, format: string): Volume {
  if ("size" in source) return source;
  throw new UsageError(`${name} is an image, and ${format} is for volumes. ${FOR_IMAGES}`);
}
