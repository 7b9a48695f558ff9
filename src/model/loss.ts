/**
 * The training loss, Eqs. (2) and (3):
 *
 *   L = WDL(y_s, s, y_m - x_m) + beta0 * DL(y_m, m) + beta1 * KL(N(mu, sigma^2) || N(0, I))
 *
 * Dice terms are taken per sample, then averaged; KL is summed over the latent, then averaged over the batch.
 */
import {
  add,
  div,
  exp,
  type Graph,
  mean,
  mul,
  oneMinus,
  scale,
  shift,
  square,
  sub,
  sum,
  type Var,
} from "../engine/index.ts";
import type { Decoded } from "./decoder.ts";
import type { Posterior } from "./encoder.ts";

export interface LossWeights {
  readonly beta0: number;
  readonly beta1: number;
}

export function partialLoss(
  graph: Graph,
  target: { xm: Var; ym: Var; ys: Var },
  decoded: Decoded,
  posterior: Posterior,
  { beta0, beta1 }: LossWeights,
) {
  const added = sub(target.ym, target.xm); // [N, 1, H, W], the pixels that the target adds
  const segmentation = average(diceLoss(target.ys, decoded.segmentation, added));
  const ones = graph.scalar(1);
  const partialness = average(diceLoss(target.ym, decoded.partialness, ones));
  const divergence = average(divergenceFromPrior(posterior));
  const loss = add(add(segmentation, scale(partialness, beta0)), scale(divergence, beta1));
  return { loss, terms: { segmentation, partialness, divergence } };
}

/**
 * One minus soft Dice with squared terms in the denominator (Milletari et al. 2016), every pixel weighted by `weight`.
 *
 * @param estimate  [..., C, H, W], to which the others broadcast
 * @returns [...], such as [N]; 0 when both are empty
 */
export function diceLoss(y: Var, estimate: Var, weight: Var): Var {
  const axes = [-3, -2, -1].map((axis) => estimate.shape.length + axis);
  const shared = sum(mul(weight, mul(y, estimate)), axes);
  const total = sum(mul(weight, add(square(y), square(estimate))), axes);
  // The same small number above and below: an empty target that is met costs nothing, and nothing is divided by 0.
  return oneMinus(div(shift(scale(shared, 2), SMOOTH), shift(total, SMOOTH)));
}

const SMOOTH = 1e-5;

/** KL( N(mu, sigma^2) || N(0, I) ) = 1/2 sum of mu^2 + sigma^2 - 1 - log sigma^2, in nats: [N] */
export function divergenceFromPrior({ mean: mu, logVariance }: Posterior): Var {
  const each = sub(shift(add(square(mu), exp(logVariance)), -1), logVariance);
  return scale(sum(each, [1, 2, 3]), 0.5);
}

function average(perSample: Var): Var {
  return mean(perSample, [0]);
}
