/**
 * Convolutions. The weight gradient is written as shifted matrix products, which ONNX Runtime runs two to three times as
 * fast as a convolution with swapped axes (docs/results/engine.md).
 */
import { InternalError, ShapeError } from "../core/index.ts";
import type { Var } from "./graph.ts";
import { sum } from "./ops-elementwise.ts";
import { concat, matmul, pad, reshape, slice, swapLast, transpose } from "./ops-shape.ts";

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

/** Up to this many channels the k * k products are concatenated into one, as each alone would be too thin for a GEMM. */
const THIN = 16;

/**
 * Weight gradient: all correlations of `a` with the shifted `b`,
 *
 *   D[i, j, kh, kw] = sum over n, y, x of a[n, i, y, x] * b[n, j, stride * y + kh - p, stride * x + kw - p].
 *
 * Rows are laid out at a common pitch with zeros between them, so that a shift in two dimensions is one shift of the flat
 * row and no copy crosses a row's end; each of the k * k shifts is then one matrix product over the flat axis.
 *
 * @param a  [N, A, H, W]
 * @param b  [N, B, stride * H, stride * W]
 * @returns  [A, B, k, k], k = 2 p + 1
 */
function correlations(a: Var, b: Var, p: number, stride: 1 | 2): Var {
  const [n, aChannels, h, w] = a.shape;
  const bChannels = b.shape[1];
  const k = 2 * p + 1;
  if (k === 1 && stride === 1) {
    const product = matmul(reshape(a, [n, aChannels, h * w]), swapLast(reshape(b, [n, bChannels, h * w])));
    return reshape(sum(product, [0]), [aChannels, bChannels, 1, 1]);
  }
  // At stride 1 either side can be shifted; the one with fewer channels is cheaper to copy.
  const shiftsA = stride === 1 && aChannels < bChannels;
  const moving = shiftsA ? a : b;
  const pitch = stride === 1 ? w + 2 * p : w + p;
  const length = h * pitch - (pitch - w);
  const shifted = shiftedRows(moving, k, stride, pitch, length);
  if (shiftsA) shifted.reverse(); // moving a by +s is moving b by -s
  const still = slice(rows(shiftsA ? b : a, pitch), 2, 0, length);
  const products = Math.min(aChannels, bChannels) <= THIN ? joined : separate;
  return reshape(products(still, shifted, shiftsA), [aChannels, bChannels, k, k]);
}

/** [N, C, H, W] as flat rows at `pitch`, zeros at the end of each: [N, C, H * pitch]. */
function rows(x: Var, pitch: number): Var {
  const [n, c, h, w] = x.shape;
  return reshape(pad(x, [0, 0, 0, 0], [0, 0, 0, pitch - w]), [n, c, h * pitch]);
}

/** The k * k shifts of x, padded by half a kernel, as flat rows: each [N, C, length], in row-major order of (kh, kw). */
function shiftedRows(x: Var, k: number, stride: 1 | 2, pitch: number, length: number): Var[] {
  const p = (k - 1) / 2;
  const padded = pad(x, [0, 0, p, p], [0, 0, p, p]);
  const [n, c, h, w] = padded.shape;
  const phases = stride === 1 ? [reshape(padded, [n, c, h * w])] : phasesOf(padded);
  return Array.from({ length: k * k }, (_, i) => {
    const kh = Math.floor(i / k);
    const kw = i % k;
    if (stride === 1) return slice(phases[0], 2, kh * pitch + kw, kh * pitch + kw + length);
    const offset = (kh >> 1) * pitch + (kw >> 1);
    return slice(phases[(kh & 1) * 2 + (kw & 1)], 2, offset, offset + length);
  });
}

/** The four images of every second row and column, flat. SpaceToDepth would do, but WebGPU lacks it. */
function phasesOf(x: Var): Var[] {
  const [n, c, h, w] = x.shape;
  const split = transpose(reshape(x, [n, c, h / 2, 2, w / 2, 2]), [3, 5, 0, 1, 2, 4]);
  const flat = reshape(split, [4, n, c, (h / 2) * (w / 2)]);
  return [0, 1, 2, 3].map((i) => reshape(slice(flat, 0, i, i + 1), flat.shape.slice(1)));
}

/** One product for all shifts: [A, B, k * k]. */
function joined(still: Var, shifted: readonly Var[], shiftsA: boolean): Var {
  const k2 = shifted.length;
  const all = concat(shifted, 1);
  const moving = shifted[0].shape[1];
  const resting = still.shape[1];
  if (shiftsA) {
    const product = sum(matmul(all, swapLast(still)), [0]);
    return transpose(reshape(product, [k2, moving, resting]), [1, 2, 0]);
  }
  const product = sum(matmul(still, swapLast(all)), [0]);
  return transpose(reshape(product, [resting, k2, moving]), [0, 2, 1]);
}

/** One product a shift: [A, B, k * k]. */
function separate(still: Var, shifted: readonly Var[], shiftsA: boolean): Var {
  const products = shifted.map((moved) =>
    sum(shiftsA ? matmul(moved, swapLast(still)) : matmul(still, swapLast(moved)), [0], { keep: true }),
  );
  return transpose(concat(products, 0), [1, 2, 0]);
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
