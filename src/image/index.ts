/** Bytes to images and volumes, masks and label maps to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export {
  type DicomListing,
  type DicomSeries,
  type DicomStudy,
  decodeDicom,
  type ListedSeries,
  listDicom,
  looksLikeDicom,
  type NamedFile,
} from "./dicom.ts";
export { framePreview, type ReadPart, zipPreview } from "./dicom-preview.ts";
export {
  type DicomSegFile,
  type DicomSegIds,
  type DicomSegInput,
  encodeDicomSeg,
  fractionalFrames,
} from "./dicom-seg.ts";
export { encodeDcmqiMetadata } from "./dicom-seg-dcmqi.ts";
export { type FractionalFrame, fractionOf } from "./dicom-seg-fractions.ts";
export { type DecodedSeg, decodeDicomSeg, looksLikeDicomSeg } from "./dicom-seg-read.ts";
export type { DicomCode, DicomSegment } from "./dicom-seg-segment.ts";
export { type DicomSegCode, DicomSegError } from "./dicom-seg-source.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export { nameFormat } from "./formats.ts";
export { isGzip, PACKED_START_BYTES } from "./gzip.ts";
export { decodeJpeg } from "./jpeg.ts";
export { agreedLabels, channelsOf, colorOf, type Label, type LabelMap, type OutputFile } from "./labels.ts";
export { bidsCases, bidsDerivative, bidsIndex } from "./labels-bids.ts";
export { type CocoImage, encodeCoco } from "./labels-coco.ts";
export {
  type CaseEncoder,
  type DatasetCase,
  nnunetCases,
  nnunetDataset,
  nnunetIndex,
  PNG_CASES,
} from "./labels-nnunet.ts";
export { encodeSegNrrd } from "./labels-nrrd.ts";
export {
  type LoadedMask,
  labelMapOf,
  type MaskTarget,
  readLabelMap,
  type SeriesPlaces,
  targetOf,
} from "./labels-read.ts";
export { decodeNifti, niftiSize } from "./nifti.ts";
export { niftiHeaderOf } from "./nifti-header.ts";
export * from "./nifti-preview.ts";
export * from "./nifti-write.ts";
export { decodeNrrd, type Nrrd } from "./nrrd.ts";
export * from "./open.ts";
export * from "./orientation.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export * from "./slices.ts";
export { decodeTiff } from "./tiff.ts";
export * from "./volume.ts";
export * from "./write-png.ts";
