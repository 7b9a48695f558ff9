/** Encoder, decoder, loss and candidates. */
export * from "./candidate-decoder.ts";
export * from "./comparison.ts";
export * from "./decoder.ts";
export { drawFromPrior } from "./draw.ts";
export * from "./encoder.ts";
export * from "./general.ts";
export * from "./loss.ts";
export * from "./model-file.ts";
export * from "./paper.ts";
export * from "./pretrained.ts";
export * from "./propose.ts";
export * from "./safetensors.ts";
export type { GeneralShape } from "./trunk.ts";
export { boxOf, placeWindow, type Window } from "./window.ts";
