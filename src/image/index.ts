/** Bytes to images and masks to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export { decodeJpeg } from "./jpeg.ts";
export { decodeNrrd, type Nrrd } from "./nrrd.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export { decodeTiff } from "./tiff.ts";
export * from "./write-png.ts";
