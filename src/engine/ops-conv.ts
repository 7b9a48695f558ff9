/**
 * Convolutions. The weight gradient is written as shifted matrix products, which ONNX Runtime runs at least twice as fast as a
 * convolution with swapped axes (docs/results/engine.md).
 */
import { InternalError, ShapeError } from "../core/index.ts";
import type { Var } from "./graph.ts";
import { sum } from "./ops-elementwise.ts";
import { concat, matmul, reshape, slice, swapLast, transpose } from "./ops-shape.ts";

/**
 * Cross-correlation with zero padding of half the kernel.
 *
 * @param x       [N, C, H, W]; H and W even when the stride is 2
 * @param weight  [O, C, k, k], k odd
 * @param bias    [O]
 * @returns       [N, O, H / stride, W / stride]
 */
export function conv2d(x: Var, weight: Var, bias: Var, stride: 1 | 2 = 1): Var {
  const [n, c, h, w] = x.shape;
  const [o, c2, k] = weight.shape;
  requireKernel(k, weight);
  if (c !== c2)
    throw new ShapeError(`conv2d: the image is [${x.shape}] but the kernel [${weight.shape}] takes ${c2} channels.`);
  requireBias(bias, o);
  if (h % stride || w % stride) throw new ShapeError(`conv2d: ${h}x${w} cannot be halved.`);
  const { graph } = x;
  const p = (k - 1) / 2;
  const y = graph.emit("Conv", [x, weight, bias], [n, o, h / stride, w / stride], window(k, stride));
  return graph.differentiable(y, [x, weight, bias], (d) => [
    x.needsGradient ? (stride === 1 ? convolve(d, weight) : upConvolve(d, weight, c)) : null,
    weight.needsGradient ? correlations(d, x, p, stride) : null,
    bias.needsGradient ? sum(d, [0, 2, 3]) : null,
  ]);
}

/**
 * Transposed convolution with stride 2: twice the height and width.
 *
 * @param x       [N, C, H, W]
 * @param weight  [C, O, k, k], k odd
 * @param bias    [O]
 * @returns       [N, O, 2H, 2W]: output pixel 2i + kh - (k - 1) / 2 receives x[i] * weight[kh]
 */
export function convTranspose2d(x: Var, weight: Var, bias: Var): Var {
  const [n, c, h, w] = x.shape;
  const [c2, o, k] = weight.shape;
  requireKernel(k, weight);
  if (c !== c2)
    throw new ShapeError(
      `convTranspose2d: the image is [${x.shape}] but the kernel [${weight.shape}] takes ${c2} channels.`,
    );
  requireBias(bias, o);
  const { graph } = x;
  const y = graph.emit("ConvTranspose", [x, weight, bias], [n, o, 2 * h, 2 * w], {
    ...window(k, 2),
    output_padding: [1, 1],
  });
  return graph.differentiable(y, [x, weight, bias], (d) => [
    x.needsGradient ? graph.emit("Conv", [d, weight], x.shape, window(k, 2)) : null,
    weight.needsGradient ? correlations(x, d, (k - 1) / 2, 2) : null,
    bias.needsGradient ? sum(d, [0, 2, 3]) : null,
  ]);
}

/** Input gradient at stride 1: a convolution with the kernel flipped and its channels swapped. */
function convolve(d: Var, weight: Var): Var {
  const { graph } = d;
  const [o, c, k] = weight.shape;
  const [n, , h, w] = d.shape;
  // Starting at -1 and stepping by -1 past the beginning reverses an axis.
  const reverse = [
    graph.integers([-1, -1]),
    graph.integers([-k - 1, -k - 1]),
    graph.integers([2, 3]),
    graph.integers([-1, -1]),
  ];
  const flipped = k === 1 ? weight : graph.emit("Slice", [weight, ...reverse], weight.shape);
  const swapped = graph.emit("Transpose", [flipped], [c, o, k, k], { perm: [1, 0, 2, 3] });
  return graph.emit("Conv", [d, swapped], [n, c, h, w], window(k, 1));
}

/** Input gradient at stride 2: the transposed convolution. */
function upConvolve(d: Var, weight: Var, channels: number): Var {
  const [n, , h, w] = d.shape;
  const attributes = { ...window(weight.shape[2], 2), output_padding: [1, 1] };
  return d.graph.emit("ConvTranspose", [d, weight], [n, channels, 2 * h, 2 * w], attributes);
}

/**
 * Weight gradient: all correlations of `a` with the shifted `b`,
 *
 *   D[i, j, kh, kw] = sum over n, y, x of a[n, i, y, x] * b[n, j, stride * y + kh - p, stride * x + kw - p].
 *
 * The k shifts along x are copies of one side, put beside each other as channels; the k shifts along y are copies of the other
 * side, shifted the other way; so k matrix products over all pixels give all k * k correlations. At stride 2 a shift is a choice
 * among the images of every second row and column, and whole pixels of those.
 *
 * @param a  [N, A, H, W]
 * @param b  [N, B, stride * H, stride * W]
 * @returns  [A, B, k, k], k = 2 p + 1
 */
function correlations(a: Var, b: Var, p: number, stride: 1 | 2): Var {
  const k = 2 * p + 1;
  // At stride 1 the two can change places, as shifting b by +s is shifting a by -s. Columns are copied twice: the fewer the better.
  const exchanged = stride === 1 && a.shape[1] < b.shape[1];
  const [rows, columns] = exchanged ? [b, a] : [a, b];
  const shifts = Array.from({ length: k }, (_, i) => {
    const pixels = exchanged ? p - i : i - p;
    const whole = Math.floor(pixels / stride);
    return { whole, phase: pixels - stride * whole };
  });
  const beside = phasesOf(columns, stride).map((phases) =>
    flat(
      concat(
        shifts.map(({ whole, phase }) => shifted(phases[phase], 0, whole)),
        1,
      ),
    ),
  ); // for each phase along y: [N, k * channels, H * W]
  const products = shifts.map(({ whole, phase }) =>
    sum(matmul(beside[phase], swapLast(flat(shifted(rows, -whole, 0)))), [0], { keep: true }),
  );
  const all = reshape(concat(products, 0), [k, k, columns.shape[1], rows.shape[1]]);
  return transpose(all, exchanged ? [2, 3, 0, 1] : [3, 2, 0, 1]);
}

/** y[i, j] = x[i + rows, j + columns], zero beyond the edges. */
function shifted(x: Var, rows: number, columns: number): Var {
  if (rows === 0 && columns === 0) return x;
  // Negative padding crops.
  const amounts = x.graph.integers([0, 0, -rows, -columns, 0, 0, rows, columns]);
  return x.graph.emit("Pad", [x, amounts], x.shape);
}

/** The images of every `stride`-th row and column, by the first row and column in them. */
function phasesOf(x: Var, stride: 1 | 2): Var[][] {
  if (stride === 1) return [[x]];
  const [n, c, h, w] = x.shape;
  // SpaceToDepth would do, but WebGPU lacks it.
  const split = transpose(reshape(x, [n, c, h / 2, 2, w / 2, 2]), [3, 5, 0, 1, 2, 4]);
  const four = reshape(split, [4, n, c, h / 2, w / 2]);
  const phase = (i: number) => reshape(slice(four, 0, i, i + 1), four.shape.slice(1));
  return [
    [phase(0), phase(1)],
    [phase(2), phase(3)],
  ];
}

/** [N, C, H * W] */
function flat(x: Var): Var {
  const [n, c, h, w] = x.shape;
  return reshape(x, [n, c, h * w]);
}

function window(k: number, stride: 1 | 2) {
  const p = (k - 1) / 2;
  return { kernel_shape: [k, k], strides: [stride, stride], pads: [p, p, p, p] };
}

function requireBias(bias: Var, channels: number): void {
  if (bias.shape.join() !== `${channels}`)
    throw new ShapeError(`The bias is [${bias.shape}] but the kernel makes ${channels} channels.`);
}

function requireKernel(k: number, weight: Var): void {
  if (weight.shape.length !== 4 || k !== weight.shape[3] || k % 2 === 0)
    throw new InternalError(`A kernel of [${weight.shape}] is not square and odd.`);
}
