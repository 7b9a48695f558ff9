import { describe, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import {
  avgPool2,
  compileInference,
  conv2d,
  convTranspose2d,
  type HostTensor,
  maxPool2,
  type Shape,
  sizeOf,
  upsampleBilinear,
  upsampleNearest,
  type Var,
} from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { slowBilinear, slowConv, slowConvTranspose, slowNearest, slowPool } from "./slow.ts";

/** Sums of up to 150 products of numbers near 1, in float32: each addition is off by up to 6e-8 of a total of about 10. */
const TOLERANCE = 2e-5;

for (const k of [1, 3, 5]) {
  for (const stride of [1, 2] as const)
    test(`a ${k}x${k} convolution at stride ${stride} is what its definition says`, () =>
      expectSame(
        [[2, 6, 6, 10], [4, 6, k, k], [4]],
        (x, weight, bias) => conv2d(x, weight, bias, stride),
        (x, weight, bias) => slowConv(x, weight, bias, stride),
      ));
  test(`a ${k}x${k} transposed convolution is what its definition says`, () =>
    expectSame([[2, 6, 3, 5], [6, 4, k, k], [4]], convTranspose2d, slowConvTranspose));
}

test("max pooling takes the largest of four", () =>
  expectSame([[2, 3, 4, 6]], maxPool2, (x) => slowPool(x, (four) => Math.max(...four))));

test("average pooling takes the mean of four", () =>
  expectSame([[2, 3, 4, 6]], avgPool2, (x) => slowPool(x, (four) => four.reduce((a, b) => a + b) / 4)));

describe.each([2, 3, 8])("upsampling %i times", (factor) => {
  test("repeats pixels", () =>
    expectSame(
      [[2, 3, 4, 5]],
      (x) => upsampleNearest(x, factor),
      (x) => slowNearest(x, factor),
    ));
  test("interpolates between pixel centres", () =>
    expectSame(
      [[2, 3, 4, 5]],
      (x) => upsampleBilinear(x, factor),
      (x) => slowBilinear(x, factor),
    ));
});

async function expectSame(
  shapes: readonly Shape[],
  apply: (...args: [Var, Var, Var]) => Var,
  slow: (...args: [HostTensor, HostTensor, HostTensor]) => HostTensor,
): Promise<void> {
  const rng = Rng.seeded(3);
  const args = shapes.map((shape) => ({ data: rng.normals(sizeOf(shape)), shape }));
  const onnx = compileInference("operator", new Map(), (graph) => {
    const inputs = shapes.map((shape, i) => graph.input(`argument${i}`, shape));
    return { y: apply(...(inputs as [Var, Var, Var])) };
  });
  const session = await nodeRuntime({ threads: 1 }).load(onnx);
  const { y } = await session.run(Object.fromEntries(args.map((arg, i) => [`argument${i}`, arg])));
  await session.close();
  const expected = slow(...(args as [HostTensor, HostTensor, HostTensor]));
  expect(y.shape).toEqual(expected.shape);
  for (const [i, value] of expected.data.entries())
    expect(Math.abs(y.data[i] - value), `element ${i}`).toBeLessThan(TOLERANCE);
}
