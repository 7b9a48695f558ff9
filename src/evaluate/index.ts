/** Measures, held-out experiments, reports. Node only. */
export * from "./annotation-experiment.ts";
export * from "./annotation-measures.ts";
export * from "./annotator.ts";
export * from "./bootstrap.ts";
export * from "./disk-measures.ts";
export * from "./figure.ts";
export * from "./method.ts";
export * from "./paper-experiment.ts";
export * from "./peer-protocol.ts";
export * from "./real-images.ts";
export * from "./worst-cases.ts";
