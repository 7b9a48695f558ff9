/** Grids, masks and their regions, partial segmentations, strokes, blur, random numbers and checksums: pure, imports nothing. */
export * from "./between.ts";
export * from "./blur.ts";
export * from "./crc32.ts";
export * from "./errors.ts";
export * from "./grid.ts";
export { centreline, components, deepest, depthIn, distanceTo, largestComponent } from "./regions.ts";
export * from "./rng.ts";
export * from "./stroke.ts";
