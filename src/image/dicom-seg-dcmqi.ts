/**
 * The side file with which a site makes the segmentation itself: dcmqi's `itkimage2segimage --inputMetadata`, beside the label map as
 * NIfTI or NRRD and the folder of the series. Field names are those of dcmqi's seg-schema.json.
 */
import { rgbOf } from "./dicom-seg-color.ts";
import { cleanText, type DicomCode, type DicomSegment, requireSegments, TISSUE } from "./dicom-seg-segment.ts";

/** @throws {DicomSegError} bad-segments */
export function encodeDcmqiMetadata(segments: readonly DicomSegment[], software: { readonly name: string }): string {
  requireSegments(segments);
  const metadata = {
    ContentCreatorName: "",
    SeriesDescription: "Segmentation",
    SeriesNumber: "1000",
    InstanceNumber: "1",
    // One list a label map.
    segmentAttributes: [
      segments.map(({ value, name, color, category = TISSUE, type = TISSUE, tracking }) => ({
        labelID: value,
        SegmentLabel: cleanText(name, 64),
        SegmentDescription: cleanText(name, 64),
        SegmentAlgorithmType: "SEMIAUTOMATIC",
        SegmentAlgorithmName: cleanText(software.name, 64),
        SegmentedPropertyCategoryCodeSequence: codeFields(category),
        SegmentedPropertyTypeCodeSequence: codeFields(type),
        recommendedDisplayRGBValue: rgbOf(color),
        ...(tracking && { TrackingIdentifier: tracking.id, TrackingUniqueIdentifier: tracking.uid }),
      })),
    ],
  };
  return `${JSON.stringify(metadata, null, 2)}\n`;
}

function codeFields({ value, scheme, meaning }: DicomCode) {
  return { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning };
}
