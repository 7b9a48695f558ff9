/** Training runs: configuration, loop, checkpoints, trained models on disk. Node only. */
export * from "./annotated-images.ts";
export * from "./checkpoint.ts";
export * from "./config.ts";
export { disksWork } from "./disks-work.ts";
export { loadFeatures } from "./feature-cache.ts";
export type { GeneralData } from "./general-work.ts";
export * from "./loop.ts";
export * from "./metrics.ts";
export * from "./model-folder.ts";
export { batchTensors, dataSha256 } from "./paper-work.ts";
export { loadRegions } from "./region-cache.ts";
export { CYCLE } from "./sample-stream.ts";
export { StoppedError } from "./stopped.ts";
export * from "./subjects.ts";
