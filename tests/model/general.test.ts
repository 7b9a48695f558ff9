/** The general model's networks: what holds whatever the weights, the loss against its definition, and its gradient. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { compileGradient, parametersOf, type Session, sizeOf, type Tensors } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import {
  candidatesOnnx,
  compare,
  describeGeneralLoss,
  type GeneralShape,
  imageMaps,
  PLANES,
  trunkOnnx,
  WeightsError,
} from "../../src/model/index.ts";
import { smoothLabelMap } from "../../src/synth/index.ts";
import { readModelFolder, writeModelFolder } from "../../src/train/index.ts";
import { LOSS, PLAIN, randomModel, WITH_FEATURES } from "./general-models.ts";

const runtime = nodeRuntime({ threads: 1 });
const COUNT = 4;
const { size: SIZE, latent: LATENT } = PLAIN;
const AREA = SIZE * SIZE;
const GRID = { width: SIZE, height: SIZE };

interface Networks {
  readonly trunk: Session;
  readonly many: Session;
  readonly one: Session;
  readonly shape: GeneralShape;
}

const loaded: Networks[] = [];

beforeAll(async () => {
  for (const [seed, shape] of [
    [1, PLAIN],
    [2, WITH_FEATURES],
  ] as const) {
    const { weights } = randomModel(seed, shape);
    loaded.push({
      shape,
      trunk: await runtime.load(trunkOnnx(weights, shape)),
      many: await runtime.load(candidatesOnnx(weights, shape, COUNT)),
      one: await runtime.load(candidatesOnnx(weights, shape, 1)),
    });
  }
});
afterAll(async () => {
  for (const { trunk, many, one } of loaded) for (const session of [trunk, many, one]) await session.close();
});

const plane = (data: Float32Array, channels = 1, side = SIZE) => ({ data, shape: [1, channels, side, side] });

/** A window with a structure, marks on it and around it, and the planes of both. */
function drawWindow(seed: number) {
  const rng = Rng.seeded(seed);
  const truth = smoothLabelMap(rng, SIZE, 2);
  const image = Float32Array.from(truth, (value) => Math.min(1, Math.max(0, 0.3 + 0.4 * value + 0.1 * rng.normal())));
  const kinds = truth.map((value) => (rng.uniform() < 0.05 ? 1 + value : 0));
  const is = (kind: number) => kinds.map((value) => Number(value === kind));
  const [outside, inside] = [is(1), is(2)];
  const maps = imageMaps(image, new Uint8Array(AREA).fill(1), GRID);
  const planes = new Float32Array(PLANES.length * AREA);
  compare(
    maps,
    { inside, outside, segmented: kinds.map((kind) => Number(kind > 0)), segmentedInside: inside },
    1,
    planes,
  );
  return { truth, inside, outside, planes, rng };
}

function features(shape: GeneralShape, rng: Rng): Tensors {
  if (shape.features === 0) return {};
  return { features: plane(rng.normals((shape.features * AREA) / 4), shape.features, SIZE / 2) };
}

async function decode({ trunk, many, one, shape }: Networks, seed: number, z: Float32Array) {
  const { planes, inside, outside, rng } = drawWindow(seed);
  const seen = await trunk.run({ planes: plane(planes, PLANES.length), ...features(shape, rng.at("features")) });
  const marks = { inside: plane(Float32Array.from(inside)), outside: plane(Float32Array.from(outside)) };
  const count = z.length / LATENT;
  const session = count === 1 ? one : many;
  const { partialness, segmentation } = await session.run({
    ...seen,
    ...marks,
    z: { data: z, shape: [count, LATENT] },
  });
  return { partialness, segmentation, inside, outside };
}

const network = fc.constantFrom(0, 1);

test("marks are kept exactly and all else is a probability, for every window and latent", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(), network, async (seed, which) => {
      const z = Rng.seeded(seed)
        .normals(COUNT * LATENT)
        .map((value) => 3 * value);
      const { partialness, segmentation, inside, outside } = await decode(loaded[which], seed, z);
      for (let k = 0; k < COUNT; k++) {
        for (let i = 0; i < AREA; i++) {
          const [m, s] = [partialness.data[k * AREA + i], segmentation.data[k * AREA + i]];
          if (inside[i]) expect([m, s]).toEqual([1, 1]);
          if (outside[i]) expect([m, s]).toEqual([1, 0]);
          expect(
            [m, s].every((p) => p >= 0 && p <= 1),
            `candidate ${k}, cell ${i}: m ${m}, s ${s}`,
          ).toBe(true);
        }
      }
    }),
    { numRuns: 15 },
  );
});

test("candidates that are decoded together are those decoded one by one from the same trunk", async () => {
  for (const networks of loaded) {
    const z = Rng.seeded(3).normals(COUNT * LATENT);
    const together = await decode(networks, 5, z);
    for (let k = 0; k < COUNT; k++) {
      const alone = await decode(networks, 5, z.slice(k * LATENT, (k + 1) * LATENT));
      // Sums in another order: float32 keeps 6 digits of a logit.
      for (const name of ["partialness", "segmentation"] as const)
        for (const [i, value] of alone[name].data.entries())
          expect(together[name].data[k * AREA + i]).toBeCloseTo(value, 5);
    }
  }
});

test("equal latents give equal candidates, and different ones different candidates", async () => {
  for (const networks of loaded) {
    const z = new Float32Array(COUNT * LATENT);
    z.set([1, -1, 2], 2 * LATENT);
    const { segmentation } = await decode(networks, 7, z);
    const candidate = (k: number) => segmentation.data.slice(k * AREA, (k + 1) * AREA);
    expect(candidate(1)).toEqual(candidate(0));
    expect(candidate(3)).toEqual(candidate(0));
    expect(candidate(2)).not.toEqual(candidate(0));
  }
});

test("the answer depends on the image, on what is marked, and on features where there are any", async () => {
  const [plain, featured] = loaded;
  const z = new Float32Array(LATENT);
  const seen = async (networks: Networks, planes: Float32Array, more: Tensors = {}) => {
    const trunk = await networks.trunk.run({ planes: plane(planes, PLANES.length), ...more });
    const none = plane(new Float32Array(AREA));
    return (await networks.one.run({ ...trunk, inside: none, outside: none, z: { data: z, shape: [1, LATENT] } }))
      .segmentation.data;
  };
  const { planes, rng } = drawWindow(11);
  const before = await seen(plain, planes);
  for (const name of PLANES) {
    const p = PLANES.indexOf(name);
    const changed = planes.slice();
    for (let i = p * AREA; i < (p + 1) * AREA; i++) changed[i] = 0.7 - changed[i];
    expect(await seen(plain, changed), name).not.toEqual(before);
  }
  const [one, other] = [features(WITH_FEATURES, rng.at(1)), features(WITH_FEATURES, rng.at(2))];
  expect(await seen(featured, planes, one)).not.toEqual(await seen(featured, planes, other));
});

const BATCH = 2;

/** A batch of two windows as training makes them. */
function drawBatch(shape: GeneralShape): Tensors {
  const windows = [drawWindow(21), drawWindow(22)];
  const rng = Rng.seeded(23);
  const joined = (parts: readonly ArrayLike<number>[], channels: number, side = SIZE) => ({
    data: Float32Array.from(parts.flatMap((part) => [...Array.from(part)])),
    shape: [BATCH, channels, side, side],
  });
  const ym = windows.map(({ inside, outside }) => inside.map((value, i) => value | outside[i] | rng.below(2)));
  const z = (...shape: number[]) => ({ data: rng.normals(sizeOf(shape)), shape });
  return {
    planes: joined(
      windows.map(({ planes }) => planes),
      PLANES.length,
    ),
    ym: joined(ym, 1),
    ys: joined(
      windows.map(({ truth }) => truth),
      1,
    ),
    noise: z(BATCH, LATENT),
    draws: z(LOSS.draws, BATCH, LATENT),
    ...(shape.features > 0
      ? {
          features: joined(
            windows.map(() => rng.normals((shape.features * AREA) / 4)),
            shape.features,
            SIZE / 2,
          ),
        }
      : {}),
  };
}

/** The loss's flat parameters: those of `randomModel`, in the graph's order. */
function flatParameters(seed: number, shape: GeneralShape): Float32Array {
  const { weights } = randomModel(seed, shape);
  return Float32Array.from(
    parametersOf(describeGeneralLoss(BATCH, shape, LOSS)).flatMap(({ name }) => [...weights.get(name)!]),
  );
}

test("the loss is its terms with their weights, and its gradient agrees with finite differences", async () => {
  for (const shape of [PLAIN, WITH_FEATURES]) {
    const { onnx, parameters } = compileGradient("general", describeGeneralLoss(BATCH, shape, LOSS));
    const session = await runtime.load(onnx);
    const batch = drawBatch(shape);
    const at = flatParameters(6, shape);
    const run = (data: Float32Array) => session.run({ ...batch, parameters: { data, shape: [data.length] } });
    const { loss, reconstruction, divergence, middle, best, gradient } = await run(at);
    const whole =
      reconstruction.data[0] +
      LOSS.betaKl * divergence.data[0] +
      LOSS.betaMean * middle.data[0] +
      LOSS.betaBest * best.data[0];
    expect(loss.data[0]).toBeCloseTo(whole, 4);

    // Along random directions within each tensor: all paths at once, and a slope large enough for float32.
    const rng = Rng.seeded(8);
    // A kink of ReLU or max pooling may lie within one step; it does not lie within all of them, and no step agrees with a wrong gradient.
    const steps = [2 ** -6, 2 ** -7, 2 ** -8, 2 ** -9, 2 ** -10, 2 ** -11];
    let start = 0;
    let checked = 0;
    const length = Math.sqrt(gradient.data.reduce((sum, value) => sum + value * value, 0));
    for (const { name, shape: dims } of parameters) {
      const size = sizeOf(dims);
      const direction = new Float32Array(at.length);
      for (let k = 0; k < size; k++)
        direction[start + k] = gradient.data[start + k] + (length / Math.sqrt(at.length)) * rng.normal();
      const scale = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
      const expected = direction.reduce((sum, value, k) => sum + (value / scale) * gradient.data[k], 0);
      const moved = async (by: number) =>
        (await run(at.map((value, k) => value + (by * direction[k]) / scale))).loss.data[0];
      const slopes: number[] = [];
      for (const step of steps) slopes.push(((await moved(step)) - (await moved(-step))) / (2 * step));
      // The loss is known to 7 digits, so that small steps drown in rounding and large ones in curvature.
      const off = Math.min(...slopes.map((slope) => Math.abs(slope - expected)));
      expect(off, `${name}: ${slopes} for ${expected}`).toBeLessThan(2e-3 + 0.03 * Math.abs(expected));
      if (Math.abs(expected) > 0.02) checked++;
      start += size;
    }
    expect(checked).toBeGreaterThan(parameters.length / 3);
    await session.close();
  }
}, 240_000);

test("cells beside the image and cells marked by hand cost nothing", async () => {
  const shape = PLAIN;
  const session = await runtime.load(
    compileGradient("general", describeGeneralLoss(BATCH, shape, { ...LOSS, draws: 0 })).onnx,
  );
  const at = flatParameters(6, shape);
  const { draws: _, ...batch } = drawBatch(shape);
  const onImage = PLANES.indexOf("onImage");
  const planes = batch.planes.data.slice();
  const beside = (i: number) => i % SIZE >= 24;
  for (let n = 0; n < BATCH; n++)
    for (let i = 0; i < AREA; i++)
      if (beside(i))
        for (const p of [onImage, PLANES.indexOf("inside"), PLANES.indexOf("outside")])
          planes[(n * PLANES.length + p) * AREA + i] = 0;
  const lossFor = async (change: (value: number, i: number) => number) => {
    const ys = batch.ys.data.map((value, i) => change(value, i % AREA));
    const outputs = await session.run({
      ...batch,
      planes: { ...batch.planes, data: planes },
      ys: { ...batch.ys, data: ys },
      parameters: { data: at, shape: [at.length] },
    });
    // The middle draw does not see the target, as the posterior does.
    return outputs.middle.data[0];
  };
  const before = await lossFor((value) => value);
  expect(await lossFor((value, i) => (beside(i) ? 1 - value : value))).toBeCloseTo(before, 5);
  expect(Math.abs((await lossFor((value, i) => (beside(i) ? value : 1 - value))) - before)).toBeGreaterThan(0.01);
  await session.close();
});

test("a general model's folder gives back its weights and networks, and refuses those of another shape", async () => {
  const place = await mkdtemp(join(tmpdir(), "tendril-model-"));
  for (const shape of [PLAIN, WITH_FEATURES]) {
    const { card, weights } = randomModel(4, shape);
    const { format: _, weightsSha256: __, parameters, ...facts } = card;
    const folder = join(place, `model-${shape.features}`);
    const written = await writeModelFolder(folder, weights, facts);
    expect(written.parameters).toBe(parameters);
    const read = await readModelFolder(folder);
    expect(read.card).toEqual(written);
    expect([...read.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    for (const [name, values] of weights) expect(read.weights.get(name), name).toEqual(values);
    expect(new Uint8Array(await readFile(join(folder, "trunk.onnx")))).toEqual(
      new Uint8Array(trunkOnnx(weights, shape)),
    );

    const wrong = join(place, `wrong-${shape.features}`);
    const other = { ...shape, latent: shape.latent + 1 };
    const otherCard = await writeModelFolder(wrong, randomModel(4, other).weights, {
      ...facts,
      config: { model: other },
    });
    await writeFile(join(wrong, "model.json"), JSON.stringify({ ...otherCard, config: { model: shape } }));
    await expect(readModelFolder(wrong)).rejects.toThrow(WeightsError);
    await writeFile(join(wrong, "model.json"), JSON.stringify({ ...otherCard, config: {} }));
    await expect(readModelFolder(wrong)).rejects.toThrow("does not give the shape of its network");
  }
  await rm(place, { recursive: true });
});
