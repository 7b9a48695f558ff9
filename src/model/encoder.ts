/**
 * The paper's encoder q_phi(z | y, x): the posterior over the latent, given the target as well. Used in training only.
 *
 *   conv3x3 5 -> 32, pool, ReLU; conv3x3 32 -> 16, pool, ReLU; conv3x3 16 -> 2, pool          section 3, "Setup"
 */
import { concat, type Graph, maxPool2, relu, slice, type Var } from "../engine/index.ts";
import { conv } from "./layers.ts";

/** A Gaussian with a diagonal covariance: mean and log of the variance, [N, 1, H/8, W/8] each. */
export interface Posterior {
  readonly mean: Var;
  readonly logVariance: Var;
}

/** @param x  image, x_m, x_s, y_m, y_s; each [N, 1, H, W] */
export function encoder(graph: Graph, x: { image: Var; xm: Var; xs: Var; ym: Var; ys: Var }): Posterior {
  let h = concat([x.image, x.xm, x.xs, x.ym, x.ys], 1); // [N, 5, H, W]
  // ReLU after pooling gives the same as before it, on a quarter of the pixels.
  h = relu(maxPool2(conv(graph, "encoder.conv1", h, 32))); // [N, 32, H/2, W/2]
  h = relu(maxPool2(conv(graph, "encoder.conv2", h, 16))); // [N, 16, H/4, W/4]
  h = maxPool2(conv(graph, "encoder.conv3", h, 2)); // [N, 2, H/8, W/8]
  return { mean: slice(h, 1, 0, 1), logVariance: slice(h, 1, 1, 2) };
}
