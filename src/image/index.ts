/** Bytes to images and masks to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export { decodeJpeg } from "./jpeg.ts";
export { colorOf, type Label, type LabelMap, type OutputFile } from "./labels.ts";
export { bidsDerivative } from "./labels-bids.ts";
export { type CocoImage, encodeCoco } from "./labels-coco.ts";
export { type CaseEncoder, type DatasetCase, nnunetDataset, PNG_CASES } from "./labels-nnunet.ts";
export { encodeSegNrrd } from "./labels-nrrd.ts";
export { labelMapOf, type MaskTarget, readLabelMap, targetOf } from "./labels-read.ts";
export { decodeNrrd, type Nrrd } from "./nrrd.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export { decodeTiff } from "./tiff.ts";
export * from "./write-png.ts";
