/** Training runs: configuration, loop, checkpoints, trained models on disk. Node only. */
export * from "./checkpoint.ts";
export * from "./config.ts";
export * from "./loop.ts";
export * from "./metrics.ts";
export * from "./model-folder.ts";
