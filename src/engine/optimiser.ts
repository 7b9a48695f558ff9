/**
 * Adam and AdamW as part of the graph: parameters, moments and averages are flat vectors that go in and come out.
 *
 *   m' = b1 m + (1 - b1) g      v' = b2 v + (1 - b2) g^2
 *   p' = p - rate * decay * p - rate * m' / (1 - b1^t) / (sqrt(v' / (1 - b2^t)) + epsilon)
 *
 * Kingma and Ba 2015, Algorithm 1; decoupled weight decay: Loshchilov and Hutter 2019, Algorithm 2.
 */
import { FLAT_PARAMETERS, type Graph, type Var } from "./graph.ts";
import { add, div, mul, neg, oneMinus, scale, shift, sqrt, square, sub, sum, tanh } from "./ops-elementwise.ts";

export interface OptimiserOptions {
  /** Step size at its peak. */
  readonly learningRate: number;
  /** How the step size changes: not at all, or along half a cosine from the peak down to `floor` times the peak. */
  readonly schedule:
    | { readonly kind: "constant"; readonly warmup: number }
    | { readonly kind: "cosine"; readonly warmup: number; readonly steps: number; readonly floor: number };
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Share of `learningRate` by which every parameter shrinks at each step; 0 is plain Adam. */
  readonly weightDecay: number;
  /** Gradients longer than this (L2 norm over all parameters) are scaled down to it; null leaves them. */
  readonly clipNorm: number | null;
  /** Decay of the exponential moving average of the parameters; null keeps none. */
  readonly average: number | null;
}

export const ADAM: OptimiserOptions = {
  learningRate: 1e-3,
  schedule: { kind: "constant", warmup: 0 },
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: null,
  average: null,
};

/** The vectors that an optimiser carries from step to step besides the parameters, and the step counter [1]. */
export const STATE_NAMES = [FLAT_PARAMETERS, "moment1", "moment2", "average", "step"] as const;
export type StateName = (typeof STATE_NAMES)[number];

/**
 * Adds one optimiser step.
 *
 * @param gradient  [P], of the flat parameters
 * @returns         the new state, and `learningRate` and `gradientNorm` (before clipping), each of shape []
 */
export function optimise(graph: Graph, gradient: Var, options: OptimiserOptions) {
  const { beta1, beta2, epsilon, weightDecay } = options;
  const flat = gradient.shape;
  const parameters = graph.input(FLAT_PARAMETERS, flat);
  const gradientNorm = sqrt(sum(square(gradient), [0]));
  const g = options.clipNorm === null ? gradient : mul(gradient, clipFactor(gradientNorm, options.clipNorm));

  const step = shift(graph.input("step", [1]), 1);
  const moment1 = add(scale(graph.input("moment1", flat), beta1), scale(g, 1 - beta1));
  const moment2 = add(scale(graph.input("moment2", flat), beta2), scale(square(g), 1 - beta2));
  const direction = div(
    div(moment1, oneMinusPower(beta1, step)),
    shift(div(sqrt(moment2), sqrt(oneMinusPower(beta2, step))), epsilon),
  );
  const rate = learningRate(graph, step, options);
  const shrunk = weightDecay === 0 ? parameters : mul(parameters, oneMinus(scale(rate, weightDecay)));
  const updated = sub(shrunk, mul(direction, rate));

  const state: Partial<Record<StateName, Var>> = { [FLAT_PARAMETERS]: updated, moment1, moment2, step };
  if (options.average !== null)
    state.average = add(scale(graph.input("average", flat), options.average), scale(updated, 1 - options.average));
  return { state, learningRate: sum(rate, [0]), gradientNorm };
}

/** min(1, limit / norm) */
function clipFactor(norm: Var, limit: number): Var {
  const { graph } = norm;
  return graph.emit("Min", [graph.scalar(1), div(graph.scalar(limit), shift(norm, 1e-6))], []);
}

/** 1 - base^t = 2 u / (1 + u) with u = -tanh(t ln(base) / 2): 1 - exp(x) would lose four digits near 0 in float32. */
function oneMinusPower(base: number, t: Var): Var {
  const u = neg(tanh(scale(t, Math.log(base) / 2)));
  return div(scale(u, 2), shift(u, 1));
}

/** [1]: the step size at `step` (the first is 1). */
function learningRate(graph: Graph, step: Var, { learningRate: peak, schedule }: OptimiserOptions): Var {
  const rising =
    schedule.warmup > 0 ? graph.emit("Min", [graph.scalar(1), scale(step, 1 / schedule.warmup)], [1]) : undefined;
  if (schedule.kind === "constant") {
    const constant = graph.constant(Float32Array.of(peak), [1]);
    return rising ? mul(constant, rising) : constant;
  }
  const progress = graph.emit("Min", [graph.scalar(1), scale(shift(step, -1), 1 / schedule.steps)], [1]);
  const half = scale(shift(graph.emit("Cos", [scale(progress, Math.PI)], [1]), 1), 0.5);
  const rate = scale(shift(scale(half, 1 - schedule.floor), schedule.floor), peak);
  return rising ? mul(rate, rising) : rate;
}
