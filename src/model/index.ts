/** Encoder, decoder, loss and candidates. */
export type { Candidate, ImageFeatures, ProbabilityOptions, ProposeOptions } from "./candidate.ts";
export { withLatentScale } from "./candidate-decoder.ts";
export { compare, type ImageMaps, imageMaps, marksByHand, PLANES } from "./comparison.ts";
export * from "./decoder.ts";
export { drawFromPrior } from "./draw.ts";
export * from "./encoder.ts";
export { candidatesOnnx, describeGeneralLoss, trunkOnnx } from "./general.ts";
export { type GeneralNetworks, loadNetworks } from "./general-networks.ts";
export * from "./loss.ts";
export * from "./model-file.ts";
export * from "./paper.ts";
export {
  ENCODER_CHANNELS,
  encoderChannels,
  FEATURE_CELLS,
  PROJECTION,
  project,
  projectionShapes,
} from "./pretrained.ts";
export { decodeRegion, REGION_CELLS, type RegionPrompt } from "./pretrained-decoder.ts";
export { createProposer, type Proposer } from "./propose.ts";
export * from "./safetensors.ts";
export type { GeneralShape } from "./trunk.ts";
export { boxOf, type CellProbabilities, placeWindow, type Window } from "./window.ts";
