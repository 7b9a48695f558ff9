/** Compares gradients that the graph computes with central finite differences. */
import { expect } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { compileGradient, mul, type Shape, sizeOf, sum, type Var } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";

export interface GradientCase {
  /** Shapes of the operator's arguments; each is differentiated. */
  readonly shapes: readonly Shape[];
  readonly apply: (...args: Var[]) => Var;
  /** Draws an argument's values; without it, any between -1 and 1. */
  readonly values?: (size: number, rng: Rng) => Float32Array;
}

const STEP = 2 ** -7;
/**
 * As a share of the largest gradient. Truncation is STEP^2 / 6 = 1e-5 times the third derivative, at most about 20 for the
 * operators and ranges tested; a float32 output is off by 6e-8 of its size, which dividing by 2 STEP makes 4e-6.
 */
const TOLERANCE = 5e-4;
/** So many elements of each argument are moved alone; all of them are moved at once along a random direction. */
const SAMPLES = 40;

/** Checks the gradient of `sum(weights * apply(...))` for random weights. */
export async function expectGradients({ shapes, apply, values = between(-1, 1) }: GradientCase): Promise<void> {
  const rng = Rng.seeded(shapes.flat().reduce((seed, dim) => seed * 31 + dim, 7) % 2 ** 32);
  const at = Float32Array.from(shapes.flatMap((shape) => [...values(sizeOf(shape), rng)]));
  const { gradientAt, slope, close } = await load(shapes, apply, at, rng);

  const gradient = await gradientAt();
  const largest = gradient.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(largest, "some gradient is not zero").toBeGreaterThan(0);
  let start = 0;
  for (const [i, shape] of shapes.entries()) {
    for (const k of sampled(sizeOf(shape), rng)) {
      const direction = new Float32Array(at.length);
      direction[start + k] = 1;
      const error = Math.abs(gradient[start + k] - (await slope(direction)));
      expect(error, `argument ${i} [${shape}], element ${k}`).toBeLessThan(TOLERANCE * largest);
    }
    start += sizeOf(shape);
  }

  const signs = at.map(() => (rng.uniform() < 0.5 ? -1 : 1));
  const along = gradient.reduce((total, value, k) => total + value * signs[k], 0);
  const length = Math.sqrt(gradient.reduce((total, value) => total + value * value, 0));
  expect(Math.abs(along - (await slope(signs))), "all elements at once").toBeLessThan(TOLERANCE * length);
  await close();
}

async function load(shapes: readonly Shape[], apply: (...args: Var[]) => Var, at: Float32Array, rng: Rng) {
  let shape: Shape = [];
  const { onnx } = compileGradient("operator", (graph) => {
    const init = { kind: "constant", value: 0 } as const;
    const y = apply(...shapes.map((shape, i) => graph.parameter(`argument${i}`, shape, init)));
    shape = y.shape;
    const every = y.shape.map((_, axis) => axis);
    return { loss: sum(mul(y, graph.input("weights", y.shape)), every), terms: { y } };
  });
  const session = await nodeRuntime({ threads: 1 }).load(onnx);
  const weights = rng.normals(sizeOf(shape));
  const run = (data: Float32Array) =>
    session.run({ parameters: { data, shape: [data.length] }, weights: { data: weights, shape } });
  return {
    gradientAt: async () => (await run(at)).gradient.data,
    /** Differences are taken of y and summed in double precision: the loss as float32 would lose three digits. */
    async slope(direction: Float32Array): Promise<number> {
      const above = (await run(at.map((value, i) => value + STEP * direction[i]))).y.data;
      const below = (await run(at.map((value, i) => value - STEP * direction[i]))).y.data;
      return above.reduce((total, value, i) => total + weights[i] * ((value - below[i]) / (2 * STEP)), 0);
    },
    close: () => session.close(),
  };
}

function sampled(size: number, rng: Rng): number[] {
  if (size <= SAMPLES) return Array.from({ length: size }, (_, k) => k);
  return Array.from({ length: SAMPLES }, () => rng.below(size));
}

/** Uniform. */
export function between(low: number, high: number) {
  return (size: number, rng: Rng) => Float32Array.from({ length: size }, () => rng.between(low, high));
}

/** At least 0.1 from 0 on either side: for functions with a kink there. */
export function awayFromZero(size: number, rng: Rng): Float32Array {
  return Float32Array.from({ length: size }, () => rng.between(0.1, 1) * (rng.uniform() < 0.5 ? -1 : 1));
}

/** No two closer than 0.05: for functions that choose the largest. */
export function apart(size: number, rng: Rng): Float32Array {
  return Float32Array.from(rng.shuffle(Array.from({ length: size }, (_, i) => 0.05 * (i - size / 2))));
}
