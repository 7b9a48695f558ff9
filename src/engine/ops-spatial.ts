/** Pooling, upsampling and group normalisation of [N, C, H, W]. */
import { ShapeError } from "../core/index.ts";
import type { Var } from "./graph.ts";
import { add, div, mean, mul, scale, shift, sqrt, square, sub, sum } from "./ops-elementwise.ts";
import { matmul, reshape, swapLast } from "./ops-shape.ts";

/** Largest of each 2x2 block: [N, C, H/2, W/2]. Where values tie, they share the gradient equally. */
export function maxPool2(x: Var): Var {
  const { graph } = x;
  const y = graph.emit("MaxPool", [x], halved(x), POOL2);
  return graph.differentiable(y, [x], (d) => {
    const isLargest = graph.emit("Equal", [x, nearest(y, 2)], x.shape);
    const largest = graph.emit("Cast", [isLargest], x.shape, { to: 1 });
    // Ties are the rule, not the exception, in the flat parts of masks and synthetic images.
    const ties = scale(graph.emit("AveragePool", [largest], y.shape, POOL2), 4);
    return [mul(largest, nearest(div(d, ties), 2))];
  });
}

/** Mean of each 2x2 block: [N, C, H/2, W/2]. */
export function avgPool2(x: Var): Var {
  const { graph } = x;
  const y = graph.emit("AveragePool", [x], halved(x), POOL2);
  return graph.differentiable(y, [x], (d) => [scale(nearest(d, 2), 1 / 4)]);
}

/** Each pixel repeated `factor` times along both axes. */
export function upsampleNearest(x: Var, factor: number): Var {
  const { graph } = x;
  const y = nearest(x, factor);
  const block = { kernel_shape: [factor, factor], strides: [factor, factor] };
  return graph.differentiable(y, [x], (d) => [scale(graph.emit("AveragePool", [d], x.shape, block), factor * factor)]);
}

/** Bilinear interpolation with half-pixel centres, edges held: `factor` times the height and width. */
export function upsampleBilinear(x: Var, factor: number): Var {
  const { graph } = x;
  const [n, c, h, w] = x.shape;
  const y = resize(x, factor, { mode: "linear", coordinate_transformation_mode: "half_pixel" });
  return graph.differentiable(y, [x], (d) => {
    // Interpolation is linear and separable, y = R x C', so its gradient is R' d C.
    const rows = graph.constant(interpolation(h, factor), [h * factor, h]);
    const columns = graph.constant(interpolation(w, factor), [w * factor, w]);
    const flat = reshape(d, [n * c, h * factor, w * factor]);
    return [reshape(matmul(swapLast(rows), matmul(flat, columns)), x.shape)];
  });
}

/**
 * Group normalisation (Wu and He 2018, Eqs. (1), (2)): each group of channels to mean 0 and variance 1, then scale and shift.
 *
 * @param x      [N, C, H, W]
 * @param gain   [C]
 * @param bias   [C]
 * @param groups divides C
 */
export function groupNorm(x: Var, gain: Var, bias: Var, groups: number, epsilon = 1e-5): Var {
  const [n, c, h, w] = x.shape;
  if (gain.shape.join() !== `${c}` || bias.shape.join() !== `${c}`)
    throw new ShapeError(
      `groupNorm: gain is [${gain.shape}] and bias [${bias.shape}], but the image has ${c} channels.`,
    );
  if (c % groups) throw new ShapeError(`groupNorm: ${c} channels do not fall into ${groups} groups.`);
  const normal = standardise(reshape(x, [n, groups, (c / groups) * h * w]), epsilon);
  return add(mul(reshape(normal, x.shape), reshape(gain, [1, c, 1, 1])), reshape(bias, [1, c, 1, 1]));
}

/** Mean 0 and variance 1 along the last axis of [N, G, L]. One gradient for the whole saves memory over its parts. */
function standardise(x: Var, epsilon: number): Var {
  const { graph } = x;
  const frozen = { ...x, needsGradient: false };
  const centred = sub(frozen, mean(frozen, [2], { keep: true }));
  const deviation = sqrt(shift(mean(square(centred), [2], { keep: true }), epsilon));
  const y = div(centred, deviation);
  return graph.differentiable(y, [x], (d) => {
    const along = mul(y, mean(mul(d, y), [2], { keep: true }));
    return [div(sub(sub(d, scale(sum(d, [2], { keep: true }), 1 / x.shape[2])), along), deviation)];
  });
}

const POOL2 = { kernel_shape: [2, 2], strides: [2, 2] };

function halved(x: Var) {
  const [n, c, h, w] = x.shape;
  if (h % 2 || w % 2) throw new ShapeError(`${h}x${w} cannot be halved.`);
  return [n, c, h / 2, w / 2];
}

function nearest(x: Var, factor: number): Var {
  return resize(x, factor, { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" });
}

function resize(x: Var, factor: number, attributes: Record<string, string>): Var {
  const { graph } = x;
  const [n, c, h, w] = x.shape;
  const scales = graph.constant(Float32Array.of(1, 1, factor, factor), [4]);
  return graph.emit("Resize", [x, "", scales], [n, c, h * factor, w * factor], attributes);
}

/** [length * factor, length]: row i holds the weights with which output i reads the inputs. */
function interpolation(length: number, factor: number): Float32Array {
  const out = new Float32Array(length * factor * length);
  for (let i = 0; i < length * factor; i++) {
    const at = Math.min(Math.max((i + 0.5) / factor - 0.5, 0), length - 1);
    const low = Math.floor(at);
    const high = Math.min(low + 1, length - 1);
    out[i * length + low] += 1 - (at - low);
    out[i * length + high] += at - low;
  }
  return out;
}
