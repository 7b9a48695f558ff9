/** Bytes to images and volumes, masks and label maps to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export * from "./nifti.ts";
export { niftiHeaderOf } from "./nifti-header.ts";
export * from "./nifti-write.ts";
export * from "./open.ts";
export * from "./orientation.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export * from "./volume.ts";
export * from "./write-png.ts";
