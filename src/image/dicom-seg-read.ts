/**
 * A DICOM Segmentation object, ours or another program's, to a label map on the series it was drawn on.
 *
 * A frame belongs to the slice whose image it names and at whose place it lies; a frame that names none belongs to the slice at its place,
 * within 0.001 mm. A segmentation that lies elsewhere is refused: nothing is moved or resampled to make it fit.
 */
import { claim } from "./bytes.ts";
import { looksLikeDicom } from "./dicom-scan.ts";
import { colorOf } from "./dicom-seg-color.ts";
import { type Keyword, LABEL_MAP_CLASS, SEGMENTATION_CLASS } from "./dicom-seg-dictionary.ts";
import { type DataSet, readDicomFile } from "./dicom-seg-elements.ts";
import { textOf } from "./dicom-seg-identity.ts";
import { cleanText, type DicomCode, type DicomSegment, isCode, TISSUE } from "./dicom-seg-segment.ts";
import { COSINE_TOLERANCE, isNear, isUid, PLACE_TOLERANCE, type SegSource, sourceOf } from "./dicom-seg-source.ts";
import { type ImageFormatCode, ImageFormatError } from "./errors.ts";
import type { Volume } from "./volume.ts";

/** Of both kinds of segmentation, as it stands in a file's first elements. */
const CLASS = /1\.2\.840\.10008\.5\.1\.4\.1\.1\.66\.[47](?![\d.])/;

export interface DecodedSeg {
  /** [k, j, i] on the volume; a voxel has the number of its segment, 0 outside */
  readonly labels: Uint8Array | Uint16Array;
  /** With rising values, which are the segments' numbers in the file */
  readonly segments: readonly DicomSegment[];
  /** What the annotator should know, a sentence each: a threshold that was taken, voxels of several segments */
  readonly notes: readonly string[];
}

/** A voxel of a FRACTIONAL segment is inside from this part of the largest value on. */
const THRESHOLD = 0.5;
/** Characters of a label's name. */
const NAME_LIMIT = 256;
/** Shown where a file gives a segment no color. */
const NO_COLOR = "#e69f00";

interface Names {
  /** Base names, for errors */
  readonly source: string;
  readonly image: string;
}

/** Whether a file that begins with these bytes is a DICOM Segmentation, of a kind that is read or not. 1,024 bytes tell. */
export function looksLikeDicomSeg(start: Uint8Array): boolean {
  return looksLikeDicom(start) && CLASS.test(new TextDecoder("latin1").decode(start));
}

/**
 * @param bytes   a whole file
 * @param volume  the series it should lie on
 * @throws {ImageFormatError}  "other-grid" when it lies elsewhere; else when it is damaged, or no segmentation that is read
 * @throws {DicomSegError}     when the volume is no DICOM series with a geometry
 */
export function decodeDicomSeg(bytes: Uint8Array, volume: Volume, names: Names): DecodedSeg {
  return decodeSegOn(bytes, { ...sourceOf(volume), size: volume.size }, names);
}

/** The series that a segmentation should lie on: where its images are. */
type SegTarget = Omit<SegSource, "head"> & Pick<Volume, "size">;

/** As `decodeDicomSeg`, without the series' files. */
export function decodeSegOn(bytes: Uint8Array, target: SegTarget, names: Names): DecodedSeg {
  const { source } = names;
  const refuse = (code: ImageFormatCode, message: string) => new ImageFormatError(code, { source, message });
  const { data, syntax } = readDicomFile(bytes, source);
  const sopClass = data.text("SOPClassUID");
  if (sopClass === LABEL_MAP_CLASS)
    throw refuse(
      "unsupported",
      "is a DICOM Label Map Segmentation. Save it as a DICOM Segmentation (BINARY) and open that.",
    );
  if (sopClass !== SEGMENTATION_CLASS)
    throw refuse("unsupported", "is a DICOM file, but no DICOM Segmentation. Choose the one whose modality is SEG.");
  if (syntax.packing !== "native" || !syntax.isLittle)
    throw refuse(
      "unsupported",
      "is a compressed DICOM Segmentation. Save it uncompressed (Explicit VR Little Endian).",
    );
  const pixels = pixelsOf(data, source);
  const misplaced = (why: string) =>
    refuse("other-grid", `doesn't lie on ${names.image}. ${why}. Not loaded; nothing changed.`);
  if (pixels.rows !== target.rows || pixels.columns !== target.columns)
    throw misplaced(`${pixels.columns}×${pixels.rows} against ${target.columns}×${target.rows}`);
  const segments = data.items("SegmentSequence").map((segment) => segmentOf(segment, data));
  const numbers = new Set(segments.map(({ value }) => value));
  if (segments.length === 0 || numbers.size !== segments.length)
    throw data.refuse("bad-header", "SegmentSequence", "has no segments, or two of the same number");
  const places = placesOf(target, data.text("FrameOfReferenceUID"), misplaced);
  const map = new LabelMap(target, Math.max(...numbers), pixels);
  const shared = data.items("SharedFunctionalGroupsSequence");
  data.items("PerFrameFunctionalGroupsSequence").forEach((own, frame) => {
    const groups = [own, ...shared];
    const number = itemOf(groups, "SegmentIdentificationSequence")?.shorts("ReferencedSegmentNumber")?.[0];
    if (number === undefined || !numbers.has(number))
      throw data.refuse(
        "bad-header",
        "PerFrameFunctionalGroupsSequence",
        `has no segment of the list for frame ${frame + 1}`,
      );
    map.add(frame, places(groups, frame), number);
  });
  return { labels: map.labels, segments: segments.sort((a, b) => a.value - b.value), notes: map.notes() };
}

interface Pixels {
  readonly rows: number;
  readonly columns: number;
  readonly isBinary: boolean;
  /** From this value on a voxel is inside; 1 where it is one bit */
  readonly inside: number;
  readonly data: Uint8Array;
}

/** The pixels, once the header's claims about them are known to be true. */
function pixelsOf(data: DataSet, source: string): Pixels {
  const one = (keyword: Keyword) => data.shorts(keyword)?.[0] ?? 0;
  const [rows, columns, bits] = [one("Rows"), one("Columns"), one("BitsAllocated")];
  const type = data.text("SegmentationType");
  const isBinary = type === "BINARY";
  if (!isBinary && type !== "FRACTIONAL")
    throw data.refuse("unsupported", "SegmentationType", "is none that is read, which are BINARY and FRACTIONAL");
  if (bits !== (isBinary ? 1 : 8) || one("SamplesPerPixel") !== 1)
    throw data.refuse(
      "bad-header",
      "BitsAllocated",
      `is ${bits} for ${type} pixels, or they have more than one sample`,
    );
  if (rows === 0 || columns === 0) throw data.refuse("bad-header", "Rows", "or Columns is 0");
  const frames = data.integer("NumberOfFrames");
  const described = data.items("PerFrameFunctionalGroupsSequence").length;
  if (frames === null || frames < 1 || frames !== described)
    throw data.refuse("bad-header", "NumberOfFrames", `is ${frames}, and ${described} frames are described`);
  const maximum = isBinary ? 1 : one("MaximumFractionalValue");
  if (maximum < 1 || maximum > 255)
    throw data.refuse("bad-header", "MaximumFractionalValue", `is ${maximum}, not 1 to 255`);
  const needed = Math.ceil((rows * columns * frames * bits) / 8);
  const raw = data.raw("PixelData") ?? new Uint8Array(0);
  claim(source, needed, raw.length);
  return { rows, columns, isBinary, inside: Math.ceil(maximum * THRESHOLD), data: raw.subarray(0, needed) };
}

type Misplaced = (why: string) => ImageFormatError;

/** Says which slice a frame lies on. */
function placesOf(target: SegTarget, frameOfReference: string | null, misplaced: Misplaced) {
  const sameSpace = frameOfReference === null || frameOfReference === target.frameOfReferenceUid;
  const slices = new Map<string, number[]>();
  for (const [k, { sopInstanceUid }] of target.frames.entries()) {
    const named = slices.get(sopInstanceUid);
    if (named) named.push(k);
    else slices.set(sopInstanceUid, [k]);
  }
  return (groups: readonly DataSet[], frame: number): number => {
    const orientation = itemOf(groups, "PlaneOrientationSequence")?.numbers("ImageOrientationPatient", 6);
    if (orientation && !isNear(orientation, target.orientation, COSINE_TOLERANCE))
      throw misplaced("Its frames are turned against the images");
    const spacing = itemOf(groups, "PixelMeasuresSequence")?.numbers("PixelSpacing", 2);
    if (spacing && !isNear(spacing, target.spacing, PLACE_TOLERANCE * target.spacing[0]))
      throw misplaced(`Its pixels are ${spacing.join("×")} mm against ${target.spacing.join("×")} mm`);
    const named = namedSlices(groups, slices, target);
    const position = itemOf(groups, "PlanePositionSequence")?.numbers("ImagePositionPatient", 3);
    if (!position) {
      if (named.length === 1) return named[0];
      throw misplaced(`Frame ${frame + 1} says neither where it lies nor which one image it was drawn on`);
    }
    if (named.length === 0 && (!sameSpace || !orientation))
      throw misplaced(`Frame ${frame + 1} was drawn on another image, in a space of its own`);
    const isHere = (k: number) => isNear(position, target.frames[k].position, PLACE_TOLERANCE);
    const k = named.length > 0 ? named.find(isHere) : target.frames.findIndex((_, at) => isHere(at));
    if (k === undefined || k < 0)
      throw misplaced(`Frame ${frame + 1} lies on none of its ${target.frames.length} slices`);
    return k;
  };
}

/** The slices whose images (or frames of them) a frame was drawn on, as far as they are the target's. */
function namedSlices(
  groups: readonly DataSet[],
  slices: ReadonlyMap<string, readonly number[]>,
  target: SegTarget,
): number[] {
  const derivations = groups.flatMap((group) => group.items("DerivationImageSequence"));
  const images = derivations.flatMap((derivation) => derivation.items("SourceImageSequence"));
  return images.flatMap((image) => {
    // Without a number, all frames of the image are meant.
    const frames = image.text("ReferencedFrameNumber")?.split("\\").map(Number);
    return (slices.get(image.text("ReferencedSOPInstanceUID") ?? "") ?? []).filter((k) => {
      const { frame } = target.frames[k];
      return frame === null || !frames || frames.includes(frame);
    });
  });
}

/** The first item of a macro, of the frame itself or shared. */
function itemOf(groups: readonly DataSet[], macro: Keyword): DataSet | undefined {
  return groups.map((group) => group.items(macro)[0]).find(Boolean);
}

function segmentOf(segment: DataSet, file: DataSet): DicomSegment {
  const value = segment.shorts("SegmentNumber")?.[0] ?? 0;
  if (value === 0) throw file.refuse("bad-header", "SegmentSequence", "has a segment without a number");
  const text = (keyword: Keyword) => nameOf(segment, keyword, file);
  const cielab = segment.shorts("RecommendedDisplayCIELabValue");
  const [id, uid] = [text("TrackingID"), segment.text("TrackingUID")];
  return {
    value,
    name: text("SegmentLabel") ?? text("SegmentDescription") ?? `Segment ${value}`,
    color: cielab?.length === 3 ? colorOf(cielab) : NO_COLOR,
    category: codeOf(segment, "SegmentedPropertyCategoryCodeSequence", file),
    type: codeOf(segment, "SegmentedPropertyTypeCodeSequence", file),
    ...(id !== null && uid !== null && isUid(uid) && { tracking: { id, uid } }),
  };
}

function codeOf(segment: DataSet, sequence: Keyword, file: DataSet): DicomCode {
  const item = segment.items(sequence)[0];
  const [value, scheme] = [item?.text("CodeValue") ?? "", item?.text("CodingSchemeDesignator") ?? ""];
  const code = { value, scheme, meaning: (item && nameOf(item, "CodeMeaning", file)) ?? value };
  return isCode(code) ? code : TISSUE;
}

/** Without what no name has; null where nothing is left, or it cannot be converted. */
function nameOf(data: DataSet, keyword: Keyword, file: DataSet): string | null {
  return cleanText(textOf(data, keyword, file) ?? "", NAME_LIMIT) || null;
}

/** The label map as frames are laid into it. A voxel of several segments goes to the likeliest, and of equal ones to the last. */
class LabelMap {
  readonly labels: Uint8Array | Uint16Array;
  private readonly pixels: Pixels;
  private readonly area: number;
  /** Value of each voxel in the frame that it was taken from; only where values differ */
  private readonly likeliest: Uint8Array | null;
  private overlap = 0;

  constructor({ size }: SegTarget, largest: number, pixels: Pixels) {
    const voxels = size[0] * size[1] * size[2];
    this.labels = largest < 256 ? new Uint8Array(voxels) : new Uint16Array(voxels);
    this.likeliest = pixels.isBinary ? null : new Uint8Array(voxels);
    this.area = size[0] * size[1];
    this.pixels = pixels;
  }

  add(frame: number, slice: number, number: number): void {
    const { area, likeliest, labels } = this;
    const { isBinary, inside, data } = this.pixels;
    for (let p = 0, from = frame * area, to = slice * area; p < area; p++, from++, to++) {
      const value = isBinary ? (data[Math.floor(from / 8)] >> (from % 8)) & 1 : data[from];
      if (value < inside) continue;
      if (labels[to] !== 0 && labels[to] !== number) this.overlap++;
      if (likeliest && value < likeliest[to]) continue;
      labels[to] = number;
      if (likeliest) likeliest[to] = value;
    }
  }

  notes(): string[] {
    const notes = [];
    const { isBinary, inside } = this.pixels;
    if (!isBinary)
      notes.push(`The segmentation is fractional: voxels from a value of ${inside} on (a half) were taken.`);
    if (this.overlap > 0)
      notes.push(
        `Segments overlap in ${this.overlap.toLocaleString("en")} places. A voxel keeps one label: the ${isBinary ? "last" : "likeliest"} one.`,
      );
    return notes;
  }
}
