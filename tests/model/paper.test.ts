import fc from "fast-check";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { compileInference, type Session } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import {
  LATENT_SIZE,
  type LossWeights,
  PAPER_SIZE,
  paperDecoderOnnx,
  paperParameters,
  partialLoss,
} from "../../src/model/index.ts";
import { realModels } from "./models.ts";

const runtime = nodeRuntime({ threads: 1 });
const AREA = PAPER_SIZE * PAPER_SIZE;

test("encoder and decoder together have the paper's 83,764 parameters", () => {
  const sizes = paperParameters().map(({ shape }) => shape.reduce((product, dim) => product * dim, 1));
  expect(sizes.reduce((total, size) => total + size, 0)).toBe(83_764);
});

test("in the graph itself the input is kept and inside is at most segmented, for every weights, image and latent", async () => {
  const count = 4;
  const sessions: Session[] = [];
  for (const { weights } of await realModels()) {
    sessions.push(await runtime.load(paperDecoderOnnx(weights, count)));
    // Ten times the weights drive the sigmoids to 0 and 1, where rounding could break an inequality.
    const extreme = new Map([...weights].map(([name, values]) => [name, values.map((value) => 10 * value)]));
    sessions.push(await runtime.load(paperDecoderOnnx(extreme, count)));
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.constantFrom(...sessions), async (seed, session) => {
      const rng = Rng.seeded(seed);
      const length = count * AREA;
      const xm = Float32Array.from({ length }, () => rng.below(2));
      const xs = xm.map((m) => m * rng.below(2));
      const shape = [count, 1, PAPER_SIZE, PAPER_SIZE];
      const { partialness, segmentation } = await session.run({
        image: { data: Float32Array.from({ length }, () => rng.uniform()), shape },
        xm: { data: xm, shape },
        xs: { data: xs, shape },
        z: { data: rng.normals(count * LATENT_SIZE ** 2), shape: [count, 1, LATENT_SIZE, LATENT_SIZE] },
      });
      const wrong = xm.findIndex((given, i) => {
        const [m, s] = [partialness.data[i], segmentation.data[i]];
        const kept = !given || (m === 1 && s === xs[i]);
        return !(kept && s >= 0 && s <= m && m <= 1);
      });
      expect(wrong).toBe(-1);
    }),
    { numRuns: 30 },
  );
  for (const session of sessions) await session.close();
});

const BATCH = 3;
const SIDE = 6;
const LATENT = 2;

test("the loss is the paper's, Eqs. (2) and (3), computed the slow way", async () => {
  for (const weights of [
    { beta0: 1, beta1: 1e-3 },
    { beta0: 0.25, beta1: 2 },
  ]) {
    const session = await lossSession(weights);
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const values = lossInputs(Rng.seeded(seed));
        const entries = Object.entries(values).map(([name, data]) => {
          const side = data.length === BATCH * SIDE * SIDE ? SIDE : LATENT;
          return [name, { data, shape: [BATCH, 1, side, side] }];
        });
        const out = await session.run(Object.fromEntries(entries));
        // float32 against float64: about 1e-7 of sums below 100.
        for (const [name, expected] of Object.entries(slowLoss(values, weights)))
          expect(Math.abs(out[name].data[0] - expected) / Math.max(1, expected), name).toBeLessThan(1e-5);
      }),
      { numRuns: 20 },
    );
    await session.close();
  }
});

type LossInputs = Readonly<Record<"xm" | "ym" | "ys" | "m" | "s" | "mean" | "logVariance", Float32Array>>;

function lossSession(weights: LossWeights): Promise<Session> {
  return runtime.load(
    compileInference("loss", new Map(), (graph) => {
      const plane = (name: string, side = SIDE) => graph.input(name, [BATCH, 1, side, side]);
      const target = { xm: plane("xm"), ym: plane("ym"), ys: plane("ys") };
      const decoded = { partialness: plane("m"), segmentation: plane("s") };
      const posterior = { mean: plane("mean", LATENT), logVariance: plane("logVariance", LATENT) };
      const { loss, terms } = partialLoss(graph, target, decoded, posterior, weights);
      return { loss, ...terms };
    }),
  );
}

/** Random targets and estimates; the last sample adds nothing, the case where a plain ratio would be 0 / 0. */
function lossInputs(rng: Rng): LossInputs {
  const length = BATCH * SIDE * SIDE;
  const ym = Float32Array.from({ length }, () => rng.below(2));
  const xm = ym.map((y, i) => (i >= length - SIDE * SIDE ? y : y * rng.below(2)));
  const m = Float32Array.from({ length }, () => rng.uniform());
  return {
    xm,
    ym,
    ys: ym.map((y) => y * rng.below(2)),
    m,
    s: m.map((p) => p * rng.uniform()),
    mean: rng.normals(BATCH * LATENT * LATENT),
    logVariance: rng.normals(BATCH * LATENT * LATENT),
  };
}

function slowLoss({ xm, ym, ys, m, s, mean, logVariance }: LossInputs, { beta0, beta1 }: LossWeights) {
  let [segmentation, partialness, divergence] = [0, 0, 0];
  for (let n = 0; n < BATCH; n++) {
    const pixels = Array.from({ length: SIDE * SIDE }, (_, i) => n * SIDE * SIDE + i);
    segmentation += diceLoss(pixels, ys, s, (i) => ym[i] - xm[i]) / BATCH;
    partialness += diceLoss(pixels, ym, m, () => 1) / BATCH;
    for (let i = n * LATENT * LATENT; i < (n + 1) * LATENT * LATENT; i++)
      divergence += (mean[i] ** 2 + Math.exp(logVariance[i]) - 1 - logVariance[i]) / 2 / BATCH;
  }
  const loss = segmentation + beta0 * partialness + beta1 * divergence;
  return { loss, segmentation, partialness, divergence };
}

function diceLoss(pixels: number[], y: Float32Array, estimate: Float32Array, weight: (i: number) => number): number {
  let [shared, total] = [0, 0];
  for (const i of pixels) {
    shared += weight(i) * y[i] * estimate[i];
    total += weight(i) * (y[i] ** 2 + estimate[i] ** 2);
  }
  return 1 - (2 * shared + 1e-5) / (total + 1e-5);
}
