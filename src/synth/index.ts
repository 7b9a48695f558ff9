/** Synthetic images and partial segmentations; the same seed gives the same bytes in Node and in the browser. */
export * from "./appearance.ts";
export * from "./batch.ts";
export * from "./disks.ts";
export * from "./label-map.ts";
export * from "./partials.ts";
export * from "./scene-textures.ts";
export { drawScene, MANY, pickThings, type Scene } from "./scenes.ts";
export * from "./strokes.ts";
