import { describe, expect, test } from "vitest";
import { goldenCases } from "../../bench/golden.ts";
import { Rng } from "../../src/core/index.ts";
import {
  ADAM,
  compileGradient,
  compileInference,
  compileTraining,
  type Graph,
  initialState,
  mean,
  type OptimiserOptions,
  splitFlat,
  square,
  sub,
  sum,
  Trainer,
} from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";

const SIZE = 6;
const STEPS = 25;
/** Float32 keeps 6e-8 of parameters and moments near 1; 25 steps and Adam's quotients add up to a few times that. */
const TOLERANCE = 1e-6;

/** loss = |parameters - target|^2, so that the gradient is 2 (parameters - target). */
function describeDistance(graph: Graph) {
  const parameters = graph.parameter("parameters", [SIZE], { kind: "uniform", bound: 1 });
  return { loss: sum(square(sub(parameters, graph.input("target", [SIZE]))), [0]), terms: {} };
}

const OPTIONS: Readonly<Record<string, Partial<OptimiserOptions>>> = {
  "plain Adam": {},
  "other betas and epsilon": { beta1: 0.8, beta2: 0.95, epsilon: 1e-3 },
  "decoupled weight decay": { weightDecay: 0.1 },
  "gradients clipped": { clipNorm: 0.5 },
  "gradients shorter than the limit": { clipNorm: 100 },
  "an average of the weights": { average: 0.9 },
  "warm-up": { schedule: { kind: "constant", warmup: 10 } },
  "a cosine to a floor, ended before the run": { schedule: { kind: "cosine", warmup: 0, steps: 15, floor: 0.1 } },
  "all of it": {
    weightDecay: 0.1,
    clipNorm: 0.5,
    average: 0.9,
    schedule: { kind: "cosine", warmup: 5, steps: 20, floor: 0.05 },
  },
};

describe("the optimiser in the graph steps as a plain one does", () => {
  test.each(Object.entries(OPTIONS))("%s", async (_, chosen) => {
    const options = { ...ADAM, learningRate: 0.05, ...chosen };
    const model = compileTraining("distance", describeDistance, options);
    const start = initialState(model, Rng.seeded(4));
    const plain = new PlainOptimiser(start.parameters, options);
    const trainer = await Trainer.start(nodeRuntime({ threads: 1 }), model, start);
    const rng = Rng.seeded(5);
    for (let step = 1; step <= STEPS; step++) {
      const target = rng.normals(SIZE);
      const { terms } = await trainer.step({ target: { data: target, shape: [SIZE] } });
      const { rate, norm } = plain.step((parameter, i) => 2 * (parameter - target[i]));
      expectNear([terms.learningRate, terms.gradientNorm], [rate, norm], `step ${step}`);
      const { parameters, moment1, moment2, average = [] } = trainer.state;
      expectNear(parameters, plain.parameters, `parameters at step ${step}`);
      expectNear(moment1!, plain.moment1, `first moment at step ${step}`);
      expectNear(moment2!, plain.moment2, `second moment at step ${step}`);
      expectNear(average, options.average === null ? [] : plain.average, `average at step ${step}`);
    }
    expect([...trainer.state.step!]).toEqual([STEPS]);
    await trainer.close();
  });
});

test("a batch that is not finite leaves the state as it was", async () => {
  const model = compileTraining("distance", describeDistance, ADAM);
  const trainer = await Trainer.start(nodeRuntime(), model, initialState(model, Rng.seeded(4)));
  const batch = (value: number) => ({ target: { data: new Float32Array(SIZE).fill(value), shape: [SIZE] } });
  await trainer.step(batch(1));
  const good = trainer.state;
  expect((await trainer.step(batch(Number.NaN))).finite).toBe(false);
  expect(trainer.state).toBe(good);
  expect((await trainer.step(batch(1))).finite).toBe(true);
  expect([...trainer.state.step!]).toEqual([2]);
  await trainer.close();
});

test.each(Object.entries(goldenCases()))(
  "%s computes the same in its training and its inference graph",
  async (name, golden) => {
    const { describeInference, parameters, weights, inputs } = golden;
    const asTrained = compileGradient(name, (graph) => {
      const outputs = describeInference(graph);
      return { loss: mean(outputs.segmentation, [0, 1, 2, 3]), terms: outputs };
    });
    const byName = splitFlat(parameters, weights);
    const flat = Float32Array.from(asTrained.parameters.flatMap(({ name }) => [...byName.get(name)!]));
    const training = await nodeRuntime().load(asTrained.onnx);
    const inference = await nodeRuntime().load(compileInference(name, byName, describeInference));
    const expected = await training.run({ ...inputs, parameters: { data: flat, shape: [flat.length] } });
    const outputs = await inference.run(inputs);
    expect(Object.keys(outputs)).toContain("segmentation");
    // Probabilities in float32; constant weights let the runtime choose another layout and so another order of summing.
    for (const [output, { data }] of Object.entries(outputs))
      for (const [i, value] of data.entries()) expect(Math.abs(value - expected[output].data[i])).toBeLessThan(2e-6);
    await training.close();
    await inference.close();
  },
);

/** Adam and AdamW as the papers state them, in double precision, one parameter at a time. */
class PlainOptimiser {
  readonly parameters: number[];
  readonly moment1: number[];
  readonly moment2: number[];
  readonly average: number[];
  private readonly options: OptimiserOptions;
  private t = 0;

  constructor(parameters: Float32Array, options: OptimiserOptions) {
    this.parameters = [...parameters];
    this.average = [...parameters];
    this.moment1 = this.parameters.map(() => 0);
    this.moment2 = this.parameters.map(() => 0);
    this.options = options;
  }

  step(gradientOf: (parameter: number, i: number) => number): { rate: number; norm: number } {
    const { beta1, beta2, epsilon, weightDecay, clipNorm, average } = this.options;
    this.t++;
    const gradients = this.parameters.map(gradientOf);
    const norm = Math.hypot(...gradients);
    const rate = this.rate();
    for (const [i, gradient] of gradients.entries()) {
      const g = clipNorm !== null && norm > clipNorm ? (gradient * clipNorm) / norm : gradient;
      this.moment1[i] = beta1 * this.moment1[i] + (1 - beta1) * g;
      this.moment2[i] = beta2 * this.moment2[i] + (1 - beta2) * g ** 2;
      const m = this.moment1[i] / (1 - beta1 ** this.t);
      const v = this.moment2[i] / (1 - beta2 ** this.t);
      this.parameters[i] += -rate * weightDecay * this.parameters[i] - (rate * m) / (Math.sqrt(v) + epsilon);
      if (average !== null) this.average[i] = average * this.average[i] + (1 - average) * this.parameters[i];
    }
    return { rate, norm };
  }

  private rate(): number {
    const { learningRate, schedule } = this.options;
    const rising = schedule.warmup > 0 ? Math.min(1, this.t / schedule.warmup) : 1;
    if (schedule.kind === "constant") return learningRate * rising;
    const progress = Math.min(1, (this.t - 1) / schedule.steps);
    const falling = schedule.floor + ((1 - schedule.floor) * (1 + Math.cos(Math.PI * progress))) / 2;
    return learningRate * rising * falling;
  }
}

function expectNear(values: ArrayLike<number>, expected: readonly number[], message: string): void {
  expect(values.length, message).toBe(expected.length);
  for (const [i, value] of expected.entries())
    expect(Math.abs(values[i] - value), message).toBeLessThan(TOLERANCE * Math.max(Math.abs(value), 1));
}
