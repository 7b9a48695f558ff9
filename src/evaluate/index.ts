/** Measures, held-out experiments, reports. Node only. */
export * from "./bootstrap.ts";
export * from "./disk-measures.ts";
export * from "./figure.ts";
export * from "./method.ts";
export * from "./paper-experiment.ts";
export * from "./peer-protocol.ts";
