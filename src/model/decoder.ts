/**
 * The paper's decoder g_theta(z, x): a latent and a partial segmentation in, a larger partial segmentation out.
 *
 *   z upsampled 8 times; conv3x3 4 -> 64, pool, ReLU; conv3x3 64 -> 64, ReLU; transposed conv3x3 64 -> 64 stride 2, ReLU;
 *   conv3x3 64 -> 2, sigmoid                                                              section 3, "Setup"
 */
import {
  add,
  concat,
  type Graph,
  maxPool2,
  mul,
  oneMinus,
  relu,
  sigmoid,
  slice,
  upsampleNearest,
  type Var,
} from "../engine/index.ts";
import { conv, convUp } from "./layers.ts";

/** Probabilities that a pixel is segmented, and that it is inside; each [N, 1, H, W] in [0, 1]. */
export interface Decoded {
  readonly partialness: Var;
  readonly segmentation: Var;
}

/** @param x  image, x_m, x_s: [N, 1, H, W]; z: [N, 1, H/8, W/8] */
export function decoder(graph: Graph, x: { image: Var; xm: Var; xs: Var; z: Var }): Decoded {
  let h = concat([upsampleNearest(x.z, 8), x.image, x.xm, x.xs], 1); // [N, 4, H, W]
  h = relu(maxPool2(conv(graph, "decoder.conv1", h, 64))); // [N, 64, H/2, W/2]
  h = relu(conv(graph, "decoder.conv2", h, 64)); // [N, 64, H/2, W/2]
  h = relu(convUp(graph, "decoder.up", h, 64)); // [N, 64, H, W]
  const p = sigmoid(conv(graph, "decoder.conv3", h, 2)); // [N, 2, H, W]
  return constrain(x.xm, x.xs, slice(p, 1, 0, 1), slice(p, 1, 1, 2));
}

/**
 * The constraints that are enforced, not learned: the input is kept, and inside is only where segmented.
 *
 *   m = x_m + (1 - x_m) p_m      s = (x_m x_s + (1 - x_m) p_s) m
 */
export function constrain(xm: Var, xs: Var, pm: Var, ps: Var): Decoded {
  const open = oneMinus(xm);
  const partialness = add(xm, mul(open, pm));
  const segmentation = mul(add(mul(xm, xs), mul(open, ps)), partialness);
  return { partialness, segmentation };
}
