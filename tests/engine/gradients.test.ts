import { describe, expect, test } from "vitest";
import {
  add,
  avgPool2,
  compileGradient,
  concat,
  conv2d,
  convTranspose2d,
  div,
  exp,
  expand,
  groupNorm,
  leakyRelu,
  log,
  matmul,
  maxPool2,
  mean,
  mul,
  neg,
  oneMinus,
  pad,
  relu,
  reshape,
  scale,
  shift,
  sigmoid,
  silu,
  slice,
  softmax,
  softplus,
  sqrt,
  square,
  sub,
  sum,
  tanh,
  transpose,
  upsampleBilinear,
  upsampleNearest,
  type Var,
} from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { apart, awayFromZero, between, expectGradients, type GradientCase } from "./finite-differences.ts";

const positive = between(0.5, 2);
const image = [2, 4, 6, 8];

const CASES: Readonly<Record<string, GradientCase>> = {
  neg: { shapes: [[5]], apply: neg },
  exp: { shapes: [[9]], apply: exp },
  log: { shapes: [[9]], apply: log, values: positive },
  sqrt: { shapes: [[9]], apply: sqrt, values: positive },
  square: { shapes: [[9]], apply: square },
  scale: { shapes: [[9]], apply: (x) => scale(x, -2.5) },
  shift: { shapes: [[9]], apply: (x) => shift(x, 3) },
  "1 - x": { shapes: [[9]], apply: oneMinus },
  relu: { shapes: [[20]], apply: relu, values: awayFromZero },
  "leaky relu": { shapes: [[20]], apply: (x) => leakyRelu(x, 0.2), values: awayFromZero },
  silu: { shapes: [[20]], apply: silu, values: between(-3, 3) },
  sigmoid: { shapes: [[20]], apply: sigmoid, values: between(-3, 3) },
  tanh: { shapes: [[20]], apply: tanh, values: between(-2, 2) },
  softplus: { shapes: [[20]], apply: softplus, values: between(-3, 3) },
  "softmax over channels": { shapes: [[2, 3, 4]], apply: (x) => softmax(x, 1), values: between(-2, 2) },
  "softmax over the last axis": { shapes: [[2, 3, 4]], apply: (x) => softmax(x, 2), values: between(-2, 2) },

  "add, same shape": {
    shapes: [
      [2, 3],
      [2, 3],
    ],
    apply: add,
  },
  "add, broadcast both ways": {
    shapes: [
      [2, 1, 4],
      [3, 1],
    ],
    apply: add,
  },
  "sub, broadcast": { shapes: [[3], [2, 3]], apply: sub },
  "mul, broadcast": {
    shapes: [
      [2, 3, 4],
      [1, 3, 1],
    ],
    apply: mul,
  },
  "mul by a scalar": { shapes: [[2, 3], []], apply: mul },
  "div, broadcast below": { shapes: [[2, 3], [3]], apply: div, values: positive },
  "div, broadcast above": {
    shapes: [
      [1, 3],
      [2, 3],
    ],
    apply: div,
    values: positive,
  },
  "a variable used three times": { shapes: [[6]], apply: (x) => mul(add(x, square(x)), x) },

  "sum over one axis": { shapes: [[2, 3, 4]], apply: (x) => sum(x, [1]) },
  "sum over two axes, kept": { shapes: [[2, 3, 4]], apply: (x) => sum(x, [0, 2], { keep: true }) },
  "sum over no axis": { shapes: [[2, 3]], apply: (x) => sum(x, []) },
  "mean over all axes": { shapes: [[2, 3]], apply: (x) => mean(x, [0, 1]) },
  "mean over the last axis, kept": { shapes: [[2, 3]], apply: (x) => mean(x, [1], { keep: true }) },
  expand: { shapes: [[2, 1, 3]], apply: (x) => expand(x, [4, 2, 5, 3]) },

  "concat along channels": {
    shapes: [
      [2, 1, 3],
      [2, 4, 3],
      [2, 2, 3],
    ],
    apply: (...parts) => concat(parts, 1),
  },
  "slice in the middle": { shapes: [[2, 5, 3]], apply: (x) => slice(x, 1, 1, 4) },
  "slice at the end": { shapes: [[2, 5]], apply: (x) => slice(x, 1, 3, 5) },
  pad: { shapes: [[2, 3, 4]], apply: (x) => pad(x, [0, 1, 2], [1, 0, 3]) },
  reshape: { shapes: [[2, 3, 4]], apply: (x) => reshape(x, [4, 6]) },
  transpose: { shapes: [[2, 3, 4]], apply: (x) => transpose(x, [2, 0, 1]) },

  matmul: {
    shapes: [
      [3, 4],
      [4, 5],
    ],
    apply: matmul,
  },
  "matmul in batches": {
    shapes: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    apply: matmul,
  },
  "matmul, one left side for all": {
    shapes: [
      [3, 4],
      [2, 4, 5],
    ],
    apply: matmul,
  },
  "matmul, one right side for all": {
    shapes: [
      [2, 3, 4],
      [4, 5],
    ],
    apply: matmul,
  },
  "matmul, batches broadcast both ways": {
    shapes: [
      [2, 1, 3, 4],
      [1, 3, 4, 2],
    ],
    apply: matmul,
  },
  "matmul, more axes on the right": {
    shapes: [
      [3, 2, 4],
      [2, 1, 4, 2],
    ],
    apply: matmul,
  },

  "max pooling": { shapes: [image], apply: maxPool2, values: apart },
  "average pooling": { shapes: [image], apply: avgPool2 },
  "nearest upsampling, twice": { shapes: [[2, 3, 3, 4]], apply: (x) => upsampleNearest(x, 2) },
  "nearest upsampling, 8 times": { shapes: [[1, 2, 2, 3]], apply: (x) => upsampleNearest(x, 8) },
  "bilinear upsampling, twice": { shapes: [[2, 3, 3, 4]], apply: (x) => upsampleBilinear(x, 2) },
  "bilinear upsampling, 3 times": { shapes: [[1, 2, 4, 2]], apply: (x) => upsampleBilinear(x, 3) },
  "group norm": { shapes: [[2, 6, 3, 4], [6], [6]], apply: (x, gain, bias) => groupNorm(x, gain, bias, 3) },
  "group norm, one group": { shapes: [[2, 4, 3, 2], [4], [4]], apply: (x, gain, bias) => groupNorm(x, gain, bias, 1) },
};

describe("gradients agree with finite differences", () => {
  for (const [name, gradientCase] of Object.entries(CASES)) test(name, () => expectGradients(gradientCase));
});

/** The gradient of the kernel shifts the side with fewer channels along x, and the other along y. */
const CHANNELS = [
  [5, 3],
  [3, 5],
  [18, 17],
];

describe("convolution's gradients agree with finite differences", () => {
  for (const [inputs, outputs] of CHANNELS)
    for (const k of [1, 3, 5])
      for (const stride of [1, 2] as const)
        test(`${k}x${k}, stride ${stride}, ${inputs} to ${outputs} channels`, () =>
          expectGradients({
            shapes: [[2, inputs, 6, 8], [outputs, inputs, k, k], [outputs]],
            apply: (x, weight, bias) => conv2d(x, weight, bias, stride),
          }));
  for (const stride of [1, 2] as const)
    test(`5x5, stride ${stride}, on an image smaller than the kernel`, () =>
      expectGradients({
        shapes: [[2, 3, 2, 2], [4, 3, 5, 5], [4]],
        apply: (x, weight, bias) => conv2d(x, weight, bias, stride),
      }));
});

describe("transposed convolution's gradients agree with finite differences", () => {
  for (const [inputs, outputs] of [
    [5, 3],
    [3, 5],
    [17, 18],
  ])
    for (const k of [1, 3, 5])
      test(`${k}x${k}, ${inputs} to ${outputs} channels`, () =>
        expectGradients({
          shapes: [[2, inputs, 3, 4], [inputs, outputs, k, k], [outputs]],
          apply: convTranspose2d,
        }));
});

test("values that tie for the largest share the gradient of max pooling", async () => {
  const gradient = await gradientOfSum([1, 1, 2, 4], maxPool2, [7, 7, 3, 1, 7, 7, 2, 3]);
  expect(gradient).toEqual([0.25, 0.25, 0.5, 0, 0.25, 0.25, 0, 0.5]);
});

test("relu passes no gradient at 0", async () => {
  expect(await gradientOfSum([3], relu, [-1, 0, 1])).toEqual([0, 0, 1]);
});

async function gradientOfSum(shape: number[], apply: (x: Var) => Var, values: number[]): Promise<number[]> {
  const { onnx } = compileGradient("sum", (graph) => {
    const y = apply(graph.parameter("x", shape, { kind: "constant", value: 0 }));
    return {
      loss: sum(
        y,
        y.shape.map((_, axis) => axis),
      ),
      terms: {},
    };
  });
  const session = await nodeRuntime({ threads: 1 }).load(onnx);
  const { gradient } = await session.run({ parameters: { data: Float32Array.from(values), shape: [values.length] } });
  await session.close();
  return [...gradient.data];
}
