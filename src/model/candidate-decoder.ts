/**
 * The light decoder of the general model: trunk features and a latent in, one candidate out.
 *
 * The latent is global (one vector for the window) and scales and shifts the features (FiLM: Perez et al. 2018), so that candidates differ
 * in structure, not in noise. Convolutions end at half resolution, because all candidates pay for them; edges are as fine as the trunk's
 * full-resolution features, which each candidate mixes with weights of its own at every place:
 *
 *   logit of s = up(b) + sum over c of up(a_c) * fine_c      logit of m = up(d)
 */
import {
  add,
  type Graph,
  mul,
  oneMinus,
  relu,
  reshape,
  shift,
  sigmoid,
  slice,
  sum,
  upsampleBilinear,
  upsampleNearest,
  type Var,
} from "../engine/index.ts";
import { FINE, heConv, MIDDLE, type Trunk } from "./trunk.ts";

/** Logits that a pixel is segmented, and that it is inside; each [T N, 1, S, S]. */
export interface CandidateLogits {
  readonly partialness: Var;
  readonly segmentation: Var;
}

/** @param z  [T, N, latent]: T latents for each of the trunk's N windows */
export function decodeCandidates(graph: Graph, { fine, middle, coarse }: Trunk, z: Var): CandidateLogits {
  const [times, n, latent] = z.shape;
  const code = reshape(z, [times * n, latent, 1, 1]);
  let h = relu(modulate(graph, "decoder.coarse", coarse, code, times)); // [T N, COARSE, S/4, S/4]
  h = upsampleNearest(heConv(graph, "decoder.conv1", h, MIDDLE), 2);
  h = relu(add(modulate(graph, "decoder.middle", middle, code, times), h)); // [T N, MIDDLE, S/2, S/2]
  h = heConv(graph, "decoder.head", h, FINE + 2, 3, 0.3); // [T N, FINE + 2, S/2, S/2]
  h = upsampleBilinear(h, 2); // [T N, FINE + 2, S, S]
  const [, , height, width] = h.shape;
  const weights = reshape(slice(h, 1, 0, FINE), [times, n, FINE, height, width]);
  const edges = reshape(sum(mul(weights, fine), [2], { keep: true }), [times * n, 1, height, width]);
  return {
    segmentation: add(edges, slice(h, 1, FINE, FINE + 1)),
    partialness: slice(h, 1, FINE + 1, FINE + 2),
  };
}

/**
 * The weights of a decoder that makes of z what this one makes of `scale` z: its candidates for z ~ N(0, I) are those of a prior that is
 * `scale` times as wide. Between two worlds lies a seam of torn candidates; further out there are fewer of them, and rarer worlds are met.
 * The posterior is left as it is: nothing draws from it after training.
 */
export function withLatentScale(weights: ReadonlyMap<string, Float32Array>, scale: number): Map<string, Float32Array> {
  return new Map(
    [...weights].map(([name, data]) => [name, LATENT_WEIGHTS.has(name) ? data.map((value) => scale * value) : data]),
  );
}

const LATENT_WEIGHTS: ReadonlySet<string> = new Set(["decoder.coarse.film.weight", "decoder.middle.film.weight"]);

/** x * (1 + gain(z)) + bias(z), by channel: [T N, C, H, W] from x [N, C, H, W] */
function modulate(graph: Graph, name: string, x: Var, code: Var, times: number): Var {
  const [n, channels, height, width] = x.shape;
  const both = heConv(graph, `${name}.film`, code, 2 * channels, 1, 0.3); // [T N, 2C, 1, 1]
  const part = (from: number) => reshape(slice(both, 1, from, from + channels), [times, n, channels, 1, 1]);
  const y = add(mul(x, shift(part(0), 1)), part(channels)); // [T, N, C, H, W]
  return reshape(y, [times * n, channels, height, width]);
}

/**
 * The constraints that are enforced, not learned: what is marked by hand is kept, and inside is only where segmented.
 *
 *   m = h + (1 - h) p_m      s = (h h_s + (1 - h) p_s) m          h: marked by hand, h_s: inside by hand
 */
export function constrainToMarks(inside: Var, outside: Var, { partialness, segmentation }: CandidateLogits) {
  const open = oneMinus(add(inside, outside)); // [N, 1, S, S]
  const m = oneMinus(mul(open, oneMinus(sigmoid(partialness))));
  const whole = add(inside, mul(open, sigmoid(segmentation)));
  return { partialness: m, segmentation: mul(whole, m), whole };
}
