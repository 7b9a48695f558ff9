/** Bytes to images and masks to bytes. Pure: parsing and encoding, in Node and the browser, touching no disk. */
export * from "./decode.ts";
export * from "./encode.ts";
export * from "./errors.ts";
export { PIXEL_LIMIT } from "./png-chunks.ts";
export * from "./write-png.ts";
