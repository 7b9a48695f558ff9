/** Grids, masks, partial segmentations, strokes and random numbers: pure, imports nothing. */
export * from "./errors.ts";
export * from "./grid.ts";
export * from "./rng.ts";
export * from "./stroke.ts";
