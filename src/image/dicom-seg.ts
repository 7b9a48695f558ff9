/**
 * A label map on a DICOM series to one DICOM Segmentation object (PS3.3, A.51), which archives and viewers file and show with its images.
 *
 * BINARY, one bit a voxel, or FRACTIONAL, one byte, where probabilities are given. Frames are sorted by segment, then by position along the normal of the
 * slices; frames without a voxel are left out. Where each frame lies, and on which image, comes from the source instances themselves.
 */
import { SEGMENTATION_CLASS, TAGS } from "./dicom-seg-dictionary.ts";
import { type FractionalFrame, framesToFill, MAXIMUM_FRACTION, requireFractions } from "./dicom-seg-fractions.ts";
import { bitsOf, framesOf, requireFit, type SegContent, type SegFrame } from "./dicom-seg-frames.ts";
import { type CopiedKeyword, identityOf } from "./dicom-seg-identity.ts";
import { cleanText, codeAttributes, requireSegments, segmentAttributes } from "./dicom-seg-segment.ts";
import { DicomSegError, type SegSource, type SourceFrame, slicesInOrder, sourceOf } from "./dicom-seg-source.ts";
import { type Attributes, encodeDicomFile } from "./dicom-seg-write.ts";

export interface DicomSegInput extends SegContent {
  readonly ids: DicomSegIds;
  /** What made the segments together with the annotator: "Tendril", "0.1.0" */
  readonly software: { readonly name: string; readonly version: string };
  /** What says how likely a voxel is inside, as "general-3f9a01c2" (default: the software) */
  readonly algorithm?: string;
  /** Leaves name, number, birth date and the like of the patient and the study empty. UIDs stay: they tie the masks to the images. */
  readonly removeIdentifiers?: boolean;
}

/** What makes one export differ from the next. */
export interface DicomSegIds {
  /** A new one each time: crypto.randomUUID */
  readonly uuid: () => string;
  /** When the segmentation was made; written in the local time of this computer */
  readonly at: Date;
}

export interface DicomSegFile {
  readonly bytes: Uint8Array;
  /** Fields of the patient and the study that the source has and the file has not */
  readonly removed: readonly CopiedKeyword[];
}

const SEGMENTATION = { value: "113076", scheme: "DCM", meaning: "Segmentation" };
const SOURCE_IMAGE = { value: "121322", scheme: "DCM", meaning: "Source image for image processing operation" };

/**
 * The frames that a segmentation will have, for probabilities to be filled in; `fractions` holds the pixels of all of them.
 *
 * @throws {DicomSegError | ImageFormatError} as `encodeDicomSeg`
 */
export function fractionalFrames(content: SegContent): {
  readonly fractions: Uint8Array;
  readonly frames: readonly FractionalFrame[];
} {
  return framesToFill(content, planned(content).frames);
}

/**
 * @throws {DicomSegError}     when the source cannot be named or has no geometry, or labels and segments do not fit it
 * @throws {ImageFormatError}  when a file of the source is damaged
 */
export function encodeDicomSeg(input: DicomSegInput): DicomSegFile {
  const { segments, fractions, ids, software, algorithm = software.name, removeIdentifiers = false } = input;
  const { source, frames } = planned(input);
  if (fractions) requireFractions(input, fractions, frames);
  const uid = () => uidOf(ids.uuid());
  const [series, instance, dimensions] = [uid(), uid(), uid()];
  const { attributes: identity, removed } = identityOf(source.head, removeIdentifiers);
  const [date, time] = dateAndTime(ids.at);
  const attributes: Attributes = {
    ...identity,
    // SOP Common, General Study, Segmentation Series
    SpecificCharacterSet: "ISO_IR 192",
    InstanceCreationDate: date,
    InstanceCreationTime: time,
    SOPClassUID: SEGMENTATION_CLASS,
    SOPInstanceUID: instance,
    StudyInstanceUID: source.studyUid,
    ReferringPhysicianName: "",
    Modality: "SEG",
    SeriesInstanceUID: series,
    SeriesNumber: "1000",
    SeriesDate: date,
    SeriesTime: time,
    SeriesDescription: "Segmentation",
    // Frame of Reference
    FrameOfReferenceUID: source.frameOfReferenceUid,
    PositionReferenceIndicator: "",
    // General and Enhanced General Equipment
    Manufacturer: "Tendril",
    ManufacturerModelName: cleanText(software.name, 64) || "Tendril",
    // There is no device: the field must have a value.
    DeviceSerialNumber: "0",
    SoftwareVersions: cleanText(software.version, 64) || "0",
    // General Image, Image Pixel, Segmentation Image
    ImageType: ["DERIVED", "PRIMARY"],
    InstanceNumber: "1",
    ContentDate: date,
    ContentTime: time,
    ContentLabel: "SEGMENTATION",
    ContentDescription: "",
    ContentCreatorName: "",
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    Rows: source.rows,
    Columns: source.columns,
    PixelRepresentation: 0,
    LossyImageCompression: "00",
    ...(fractions
      ? {
          BitsAllocated: 8,
          BitsStored: 8,
          HighBit: 7,
          SegmentationType: "FRACTIONAL",
          SegmentationFractionalType: "PROBABILITY",
          MaximumFractionalValue: MAXIMUM_FRACTION,
          SegmentsOverlap: "UNDEFINED",
        }
      : { BitsAllocated: 1, BitsStored: 1, HighBit: 0, SegmentationType: "BINARY", SegmentsOverlap: "NO" }),
    SegmentSequence: segments.map((segment, i) => segmentAttributes(segment, i + 1, algorithm, uid())),
    // Common Instance Reference
    ReferencedSeriesSequence: [
      { ReferencedInstanceSequence: instancesOf(source.frames), SeriesInstanceUID: source.seriesUid },
    ],
    // Multi-frame Dimension, Multi-frame Functional Groups
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimensions }],
    DimensionIndexSequence: [
      {
        DimensionOrganizationUID: dimensions,
        DimensionIndexPointer: TAGS.ReferencedSegmentNumber[0],
        FunctionalGroupPointer: TAGS.SegmentIdentificationSequence[0],
        DimensionDescriptionLabel: "Segment Number",
      },
      {
        DimensionOrganizationUID: dimensions,
        DimensionIndexPointer: TAGS.ImagePositionPatient[0],
        FunctionalGroupPointer: TAGS.PlanePositionSequence[0],
        DimensionDescriptionLabel: "Image Position",
      },
    ],
    NumberOfFrames: `${frames.length}`,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [
          {
            PixelSpacing: source.spacing,
            SliceThickness: source.thickness,
            // dciodvfy would rather not have it, dcmqi and 3D Slicer need it.
            SpacingBetweenSlices: source.distance,
          },
        ],
        PlaneOrientationSequence: [{ ImageOrientationPatient: source.orientation }],
      },
    ],
    PerFrameFunctionalGroupsSequence: frameGroups(frames, source),
    PixelData: fractions ?? bitsOf(input, frames),
  };
  return { bytes: encodeDicomFile(attributes, SEGMENTATION_CLASS, instance), removed };
}

function planned(content: SegContent): { source: SegSource; frames: SegFrame[] } {
  requireSegments(content.segments);
  requireFit(content);
  const source = sourceOf(content.volume);
  const frames = framesOf(content, slicesInOrder(source));
  if (frames.length > 0) return { source, frames };
  throw new DicomSegError(
    "nothing-segmented",
    "No voxel is labelled yet, and a DICOM segmentation cannot be empty. Draw first.",
  );
}

/** Each instance once, however many of its frames are slices. */
function instancesOf(frames: readonly SourceFrame[]): Attributes[] {
  const classes = new Map(frames.map(({ sopInstanceUid, sopClassUid }) => [sopInstanceUid, sopClassUid]));
  return Array.from(classes, ([ReferencedSOPInstanceUID, ReferencedSOPClassUID]) => {
    return { ReferencedSOPClassUID, ReferencedSOPInstanceUID };
  });
}

function frameGroups(frames: readonly SegFrame[], source: SegSource): Attributes[] {
  // Place of a slice among those that have a frame, from 1.
  const used = new Set(frames.map(({ slice }) => slice));
  const places = new Map(
    slicesInOrder(source)
      .filter((k) => used.has(k))
      .map((k, i) => [k, i + 1]),
  );
  return frames.map(({ segment, slice }) => {
    const { sopClassUid, sopInstanceUid, frame, position } = source.frames[slice];
    return {
      DerivationImageSequence: [
        {
          SourceImageSequence: [
            {
              ReferencedSOPClassUID: sopClassUid,
              ReferencedSOPInstanceUID: sopInstanceUid,
              ...(frame !== null && { ReferencedFrameNumber: `${frame}` }),
              SpatialLocationsPreserved: "YES",
              PurposeOfReferenceCodeSequence: [codeAttributes(SOURCE_IMAGE)],
            },
          ],
          DerivationCodeSequence: [codeAttributes(SEGMENTATION)],
        },
      ],
      FrameContentSequence: [{ DimensionIndexValues: [segment + 1, places.get(slice) ?? 0] }],
      PlanePositionSequence: [{ ImagePositionPatient: position }],
      SegmentIdentificationSequence: [{ ReferencedSegmentNumber: segment + 1 }],
    };
  });
}

/** "2.25." and the UUID as a decimal number (PS3.5, B.2). */
function uidOf(uuid: string): string {
  if (!/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(uuid))
    throw new DicomSegError("bad-segments", `"${uuid}" is no UUID, from which the segmentation's UIDs are made.`);
  return `2.25.${BigInt(`0x${uuid.replaceAll("-", "")}`)}`;
}

function dateAndTime(at: Date): [string, string] {
  const two = (value: number) => `${value}`.padStart(2, "0");
  const date = `${at.getFullYear()}`.padStart(4, "0") + two(at.getMonth() + 1) + two(at.getDate());
  return [date, two(at.getHours()) + two(at.getMinutes()) + two(at.getSeconds())];
}
