/**
 * The trunk of the general model: a U-Net that sees the whole window once and leaves features at three scales, which every candidate
 * is then decoded from (`candidate-decoder.ts`).
 *
 *   planes of `comparison.ts` [N, P, S, S] -> five levels down (S to S/16), residual blocks without normalisation
 *   features of a pretrained image encoder [N, F, S/2, S/2], where there are any, are added at the second level; zeros stand for none
 *   similarity of learned features to those under the marks, at S/4 -> up again -> fine, middle, coarse
 */
import {
  add,
  avgPool2,
  concat,
  conv2d,
  div,
  exp,
  type Graph,
  log,
  matmul,
  maxPool2,
  relu,
  reshape,
  scale,
  shift,
  slice,
  sqrt,
  square,
  sum,
  swapLast,
  upsampleNearest,
  type Var,
} from "../engine/index.ts";
import { PLANES } from "./comparison.ts";

export interface GeneralShape {
  /** S: height and width of the window's cells, a multiple of 16 */
  readonly size: number;
  /** Channels at the five levels, finest first. */
  readonly widths: readonly [number, number, number, number, number];
  /** F: channels of the pretrained encoder's features; 0 for a model without. */
  readonly features: number;
  /** Values of the latent. */
  readonly latent: number;
}

/** What a candidate is decoded from. */
export interface Trunk {
  /** [N, FINE, S, S] */
  readonly fine: Var;
  /** [N, MIDDLE, S/2, S/2] */
  readonly middle: Var;
  /** [N, COARSE, S/4, S/4] */
  readonly coarse: Var;
}

export const FINE = 6;
export const MIDDLE = 24;
export const COARSE = 32;

const [SEGMENTED_INSIDE, INSIDE, OUTSIDE] = ["segmentedInside", "inside", "outside"].map((name) =>
  PLANES.indexOf(name as (typeof PLANES)[number]),
);
/** Length of the features that are compared. */
const KEY = 24;
/** Sharpness of the comparison: e to this power lies between like and unlike. */
const SHARPNESS = 8;

/** @param planes  [N, P, S, S] */
export function trunk(graph: Graph, planes: Var, features: Var | null, { widths }: GeneralShape): Trunk {
  const [w0, w1, w2, w3, w4] = widths;
  const f0 = relu(heConv(graph, "trunk.stem", planes, w0)); // [N, w0, S, S]
  let h = relu(heConv(graph, "trunk.down1", maxPool2(f0), w1)); // [N, w1, S/2, S/2]
  if (features) h = add(h, heConv(graph, "trunk.features", features, w1, 1));
  const f1 = residual(graph, "trunk.block1", h);
  h = relu(heConv(graph, "trunk.down2", maxPool2(f1), w2)); // [N, w2, S/4, S/4]
  const f2 = residual(graph, "trunk.block2", h);
  h = relu(heConv(graph, "trunk.down3", maxPool2(f2), w3)); // [N, w3, S/8, S/8]
  const f3 = residual(graph, "trunk.block3", h);
  h = relu(heConv(graph, "trunk.down4", maxPool2(f3), w4)); // [N, w4, S/16, S/16]
  h = residual(graph, "trunk.block4b", residual(graph, "trunk.block4a", h));
  h = residual(graph, "trunk.up3", join(graph, "trunk.join3", h, f3));
  const like = similarity(graph, f2, planes); // [N, 3, S/4, S/4]
  h = add(join(graph, "trunk.join2", h, f2), heConv(graph, "trunk.like", like, w2, 3));
  const u2 = residual(graph, "trunk.up2", h);
  const u1 = residual(graph, "trunk.up1", join(graph, "trunk.join1", u2, f1));
  return {
    fine: add(heConv(graph, "trunk.fine", f0, FINE), upsampleNearest(heConv(graph, "trunk.fine1", u1, FINE, 1), 2)),
    middle: heConv(graph, "trunk.middle", u1, MIDDLE),
    coarse: heConv(graph, "trunk.coarse", u2, COARSE),
  };
}

/**
 * How like each cell is to those marked inside, outside, and segmented inside, in features that are learned for it:
 *
 *   L_c(i) = log( sum_j w_c(j) exp(SHARPNESS (k_i . k_j - 1)) / sum_j w_c(j) ),    w_c(j) the share of cell j that is marked
 *
 * @returns [N, 3, S/4, S/4], about -1 to 1; an absent class is unlike everywhere
 */
function similarity(graph: Graph, features: Var, planes: Var): Var {
  const [n, , h, w] = features.shape;
  const raw = reshape(heConv(graph, "trunk.key", features, KEY, 1), [n, KEY, h * w]);
  const key = div(raw, sqrt(shift(sum(square(raw), [1], { keep: true }), 1e-4))); // [N, KEY, HW], of length 1
  const kernel = exp(shift(scale(matmul(swapLast(key), key), SHARPNESS), -SHARPNESS)); // [N, HW, HW]
  const chosen = [INSIDE, OUTSIDE, SEGMENTED_INSIDE].map((p) => slice(planes, 1, p, p + 1));
  const marks = reshape(avgPool2(avgPool2(concat(chosen, 1))), [n, 3, h * w]);
  const total = shift(sum(marks, [2], { keep: true }), 1e-3);
  const like = log(shift(div(matmul(marks, kernel), total), Math.exp(-SHARPNESS)));
  return reshape(shift(scale(like, 2 / SHARPNESS), 1), [n, 3, h, w]);
}

/** Doubles the coarser features and adds them to the finer ones. */
function join(graph: Graph, name: string, coarser: Var, finer: Var): Var {
  return add(finer, upsampleNearest(heConv(graph, name, coarser, finer.shape[1], 1), 2));
}

/** relu(x + conv(relu(conv(x)))); the second convolution starts small, so that a deep stack starts near the identity. */
function residual(graph: Graph, name: string, x: Var): Var {
  const h = relu(heConv(graph, `${name}.conv1`, x, x.shape[1]));
  return relu(add(x, heConv(graph, `${name}.conv2`, h, x.shape[1], 3, 0.3)));
}

/**
 * A convolution that keeps the variance of its input through a ReLU (He et al. 2015), times `gain`; biases start at 0.
 *
 * @returns [N, channels, H, W]
 */
export function heConv(graph: Graph, name: string, x: Var, channels: number, kernel = 3, gain = 1): Var {
  const inputs = x.shape[1];
  const bound = gain * Math.sqrt(6 / (inputs * kernel * kernel));
  const weight = graph.parameter(`${name}.weight`, [channels, inputs, kernel, kernel], { kind: "uniform", bound });
  const bias = graph.parameter(`${name}.bias`, [channels], { kind: "constant", value: 0 });
  return conv2d(x, weight, bias);
}
