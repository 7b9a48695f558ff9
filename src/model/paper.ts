/** The paper's model as a whole: what a training step computes, and what a drawn candidate is. 83,764 parameters. */
import { add, compileInference, type DescribeLoss, exp, type Graph, mul, scale } from "../engine/index.ts";
import { decoder } from "./decoder.ts";
import { encoder } from "./encoder.ts";
import { type LossWeights, partialLoss } from "./loss.ts";

/** Height and width that the networks see. */
export const PAPER_SIZE = 32;
/** Height and width of the latent. */
export const LATENT_SIZE = PAPER_SIZE / 8;

/**
 * Inputs of a training step: image, xm, xs, ym, ys, each [N, 1, 32, 32], and noise [N, 1, 4, 4] from N(0, 1).
 *
 * @param count  N
 */
export function describePaperLoss(count: number, weights: LossWeights, size = PAPER_SIZE): DescribeLoss {
  return (graph) => {
    const [image, xm, xs, ym, ys] = ["image", "xm", "xs", "ym", "ys"].map((name) => plane(graph, name, count, size));
    const posterior = encoder(graph, { image, xm, xs, ym, ys });
    const noise = graph.input("noise", [count, 1, size / 8, size / 8]);
    const z = add(posterior.mean, mul(exp(scale(posterior.logVariance, 0.5)), noise)); // a draw from the posterior
    const decoded = decoder(graph, { image, xm, xs, z });
    return partialLoss(graph, { xm, ym, ys }, decoded, posterior, weights);
  };
}

/** Inputs image, xm, xs [N, 1, 32, 32] and z [N, 1, 4, 4]; outputs partialness and segmentation, probabilities [N, 1, 32, 32]. */
export function describePaperDecoder(count: number, size = PAPER_SIZE) {
  return (graph: Graph) => {
    const [image, xm, xs] = ["image", "xm", "xs"].map((name) => plane(graph, name, count, size));
    const z = graph.input("z", [count, 1, size / 8, size / 8]);
    const { partialness, segmentation } = decoder(graph, { image, xm, xs, z });
    return { partialness, segmentation };
  };
}

/** The decoder with its weights inside, as an ordinary ONNX file. */
export function paperDecoderOnnx(weights: ReadonlyMap<string, Float32Array>, count: number): Uint8Array {
  return compileInference("paper-decoder", weights, describePaperDecoder(count));
}

function plane(graph: Graph, name: string, count: number, size: number) {
  return graph.input(name, [count, 1, size, size]);
}
