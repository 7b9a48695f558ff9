/** Bytes to images and masks to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export { type DicomSegFile, type DicomSegIds, type DicomSegInput, encodeDicomSeg } from "./dicom-seg.ts";
export { encodeDcmqiMetadata } from "./dicom-seg-dcmqi.ts";
export { type DecodedSeg, decodeDicomSeg } from "./dicom-seg-read.ts";
export type { DicomCode, DicomSegment } from "./dicom-seg-segment.ts";
export { type DicomSegCode, DicomSegError } from "./dicom-seg-source.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export * from "./write-png.ts";
