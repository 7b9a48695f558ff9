/**
 * The general model as a whole. Loss, after Eqs. (2) and (3) of the paper:
 *
 *   L = l(posterior draw) + betaKl KL(q || N(0, I)) + betaMean l(z = 0) + betaBest softmin over M prior draws of l
 *   l = DL(s, truth) + BCE(s, truth) + beta0 (DL(m, y_m) + BCE(m, y_m))
 *
 * s is judged on the whole window, not only where the target is segmented: the truth is known there, and what is shown of a
 * partial candidate beyond its partialness mask is still a guess that the annotator sees. The last two terms close the gap between posterior and
 * prior that the paper's loss leaves: what is used is z = 0 and draws from the prior.
 */
import {
  add,
  avgPool2,
  compileInference,
  concat,
  type DescribeLoss,
  div,
  exp,
  type Graph,
  maxPool2,
  mean,
  mul,
  oneMinus,
  relu,
  reshape,
  scale,
  shift,
  slice,
  softmax,
  softplus,
  sub,
  sum,
  type Var,
} from "../engine/index.ts";
import { type CandidateLogits, constrainToMarks, decodeCandidates } from "./candidate-decoder.ts";
import { PLANES } from "./comparison.ts";
import { diceLoss, divergenceFromPrior } from "./loss.ts";
import { COARSE, FINE, type GeneralShape, heConv, MIDDLE, trunk } from "./trunk.ts";

export interface GeneralLoss {
  readonly beta0: number;
  readonly betaKl: number;
  readonly betaMean: number;
  readonly betaBest: number;
  /** M: draws from the prior of which the best counts; 0 for none */
  readonly draws: number;
}

/** Sharpness of the minimum over prior draws: a draw worse by this much counts e times less. */
const SOFTMIN = 0.03;
/** Sharpness of the pick among them, which is nearly always one. */
const HARDMIN = 0.002;

/**
 * Inputs of a training step: planes [N, P, S, S], features [N, F, S/2, S/2] if F > 0, ym and ys [N, 1, S, S] (the target; ys is the truth
 * on the whole window), noise [N, latent] and draws [M, N, latent] from N(0, 1).
 *
 * Beside the loss it gives the probability inside, [N, 1, S, S], for z = 0 (`shown`) and, where M > 0, for the best of the M draws (`picked`).
 */
export function describeGeneralLoss(count: number, shape: GeneralShape, weights: GeneralLoss): DescribeLoss {
  return (graph) => {
    const { planes, features } = windowInputs(graph, count, shape);
    const [ym, ys] = ["ym", "ys"].map((name) => graph.input(name, [count, 1, shape.size, shape.size]));
    const noise = graph.input("noise", [count, shape.latent]);
    const seen = trunk(graph, planes, features, shape);
    const posterior = posteriorOf(graph, seen.coarse, ym, ys, shape.latent);
    const drawn = add(
      posterior.mean,
      mul(exp(scale(posterior.logVariance, 0.5)), reshape(noise, posterior.mean.shape)),
    );
    const z0 = graph.constant(new Float32Array(count * shape.latent), [1, count, shape.latent]);
    const latents = [z0, reshape(drawn, [1, count, shape.latent])];
    if (weights.draws > 0) latents.push(graph.input("draws", [weights.draws, count, shape.latent]));
    const times = 2 + weights.draws;
    const logits = decodeCandidates(graph, seen, concat(latents, 0));
    const losses = sampleLosses(logits, planes, ym, ys, times, weights.beta0); // [T, N]
    const part = (from: number, to: number) => slice(losses, 0, from, to);
    const middle = mean(part(0, 1), [0, 1]);
    const reconstruction = mean(part(1, 2), [0, 1]);
    const divergence = mean(divergenceFromPrior(posterior), [0]);
    let loss = add(add(reconstruction, scale(divergence, weights.betaKl)), scale(middle, weights.betaMean));
    const terms: Record<string, Var> = { middle, reconstruction, divergence };
    const inner = split(logits.segmentation, times, count); // [T, N, 1, S, S]
    const { whole } = constrainToMarks(...marksOf(planes), { partialness: inner, segmentation: inner });
    const of = (weighted: Var) => sum(weighted, [0]);
    const tensors: Record<string, Var> = { shown: of(slice(whole, 0, 0, 1)) };
    if (weights.draws > 0) {
      terms.best = mean(softmin(part(2, times)), [0]);
      loss = add(loss, scale(terms.best, weights.betaBest));
      const best = softmax(scale(part(2, times), -1 / HARDMIN), 0);
      tensors.picked = of(mul(slice(whole, 0, 2, times), reshape(best, [weights.draws, count, 1, 1, 1])));
    }
    return { loss, terms, tensors };
  };
}

/** Inputs planes and features; outputs fine, middle, coarse (see `Trunk`). */
export function describeTrunk(shape: GeneralShape) {
  return (graph: Graph) => {
    const { planes, features } = windowInputs(graph, 1, shape);
    return { ...trunk(graph, planes, features, shape) };
  };
}

/** Inputs fine, middle, coarse of one window, its planes inside and outside [1, 1, S, S], and z [K, latent]; outputs of K candidates. */
export function describeCandidates(count: number, { size, latent }: GeneralShape) {
  return (graph: Graph) => {
    const sizes = { fine: [FINE, 1], middle: [MIDDLE, 2], coarse: [COARSE, 4] } as const;
    const [fine, middle, coarse] = Object.entries(sizes).map(([name, [channels, by]]) =>
      graph.input(name, [1, channels, size / by, size / by]),
    );
    const [inside, outside] = ["inside", "outside"].map((name) => graph.input(name, [1, 1, size, size]));
    const z = graph.input("z", [count, latent]);
    const logits = decodeCandidates(graph, { fine, middle, coarse }, reshape(z, [count, 1, latent]));
    const { partialness, whole } = constrainToMarks(inside, outside, logits);
    return { partialness, segmentation: whole };
  };
}

export function trunkOnnx(weights: ReadonlyMap<string, Float32Array>, shape: GeneralShape): Uint8Array {
  return compileInference("general-trunk", weights, describeTrunk(shape));
}

export function candidatesOnnx(
  weights: ReadonlyMap<string, Float32Array>,
  shape: GeneralShape,
  count: number,
): Uint8Array {
  return compileInference("general-candidates", weights, describeCandidates(count, shape));
}

function windowInputs(graph: Graph, count: number, { size, features }: GeneralShape) {
  return {
    planes: graph.input("planes", [count, PLANES.length, size, size]),
    features: features > 0 ? graph.input("features", [count, features, size / 2, size / 2]) : null,
  };
}

function marksOf(planes: Var): [Var, Var] {
  const plane = (name: (typeof PLANES)[number]) => slice(planes, 1, PLANES.indexOf(name), PLANES.indexOf(name) + 1);
  return [plane("inside"), plane("outside")];
}

/** The posterior q(z | y, x): from the trunk's coarse features and the target. Used in training only. */
function posteriorOf(graph: Graph, coarse: Var, ym: Var, ys: Var, latent: number) {
  const target = avgPool2(avgPool2(concat([ym, mul(ym, ys), ys], 1))); // [N, 3, S/4, S/4]
  let h = relu(heConv(graph, "encoder.conv1", concat([coarse, target], 1), 32));
  h = relu(heConv(graph, "encoder.conv2", maxPool2(h), 32));
  h = relu(heConv(graph, "encoder.conv3", maxPool2(h), 32));
  h = mean(h, [2, 3], { keep: true }); // [N, 32, 1, 1]
  const both = heConv(graph, "encoder.head", h, 2 * latent, 1, 0.1);
  return { mean: slice(both, 1, 0, latent), logVariance: slice(both, 1, latent, 2 * latent) };
}

/** [T, N], for logits [T N, 1, S, S] */
function sampleLosses(logits: CandidateLogits, planes: Var, ym: Var, ys: Var, times: number, beta0: number): Var {
  const [n] = planes.shape;
  const [inside, outside] = marksOf(planes);
  const [m, s] = [split(logits.partialness, times, n), split(logits.segmentation, times, n)];
  const { partialness, whole } = constrainToMarks(inside, outside, { partialness: m, segmentation: s });
  const onImage = slice(planes, 1, PLANES.indexOf("onImage"), PLANES.indexOf("onImage") + 1);
  const open = mul(onImage, oneMinus(add(inside, outside)));
  const inner = add(diceLoss(ys, whole, onImage), crossEntropy(s, ys, open));
  const partial = add(diceLoss(ym, partialness, onImage), crossEntropy(m, ym, open));
  return add(inner, scale(partial, beta0));
}

/** Mean over the pixels of weight 1, in nats: [T, N] */
function crossEntropy(logit: Var, y: Var, weight: Var): Var {
  const each = mul(weight, sub(softplus(logit), mul(logit, y)));
  return div(sum(each, [2, 3, 4]), shift(sum(weight, [1, 2, 3]), 1));
}

/** Over axis 0 of [M, N]: [N] */
function softmin(losses: Var): Var {
  return sum(mul(softmax(scale(losses, -1 / SOFTMIN), 0), losses), [0]);
}

/** [T N, 1, S, S] as [T, N, 1, S, S] */
function split(x: Var, times: number, count: number): Var {
  return reshape(x, [times, count, ...x.shape.slice(1)]);
}
