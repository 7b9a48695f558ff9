/** Bytes to images and masks to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
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
export * from "./encode.ts";
export * from "./errors.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export * from "./write-png.ts";
