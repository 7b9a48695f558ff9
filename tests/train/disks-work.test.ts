/** The general model's networks on the paper's disks: what a step is given, that a run is repeatable, and that its model is measured. */
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { evaluateOnDisks, heldOut } from "../../src/evaluate/index.ts";
import { imageMaps, loadNetworks, type Model, marksByHand, PLANES } from "../../src/model/index.ts";
import { makeDiskSet, unionOf } from "../../src/synth/index.ts";
import { type DisksConfig, disksWork, parseConfig, readModelFolder, train } from "../../src/train/index.ts";
import { placeForRuns, resultOf, TINY } from "./tiny.ts";

const CONFIG: DisksConfig = {
  ...TINY,
  name: "tiny-disks",
  kind: "disks",
  model: { size: 32, widths: [4, 4, 4, 4, 4], features: 0, latent: 2 },
  loss: { beta0: 0.3, betaKl: 0.02, betaMean: 1, betaBest: 1, draws: 2 },
  latentScale: 1,
};
const AREA = 32 * 32;
const runtime = nodeRuntime({ threads: 1 });

let place: string;
let model: Model;

beforeAll(async () => {
  place = await placeForRuns();
  model = await readModelFolder(await train(CONFIG, { folder: join(place, "straight"), runtime, resume: false }));
});
afterAll(() => rm(place, { recursive: true }));

test("a step asks about the input as marks by hand, and wants the truth on the whole image", async () => {
  const rng = Rng.seeded(5);
  const set = makeDiskSet(Rng.seeded(CONFIG.data.seed), "train", CONFIG.data.images, CONFIG.data.disks);
  for (let step = 0; step < 4; step++) {
    const { names, tensors } = await disksWork(CONFIG, rng).batch(step);
    for (const [n, index] of names.entries()) {
      const plane = (name: (typeof PLANES)[number]) => {
        const from = (n * PLANES.length + PLANES.indexOf(name)) * AREA;
        return tensors.planes.data.subarray(from, from + AREA);
      };
      const [ym, ys] = [tensors.ym, tensors.ys].map(({ data }) => [...data.subarray(n * AREA, (n + 1) * AREA)]);
      const { disks, image } = set[Number(index)];
      expect([...plane("image")]).toEqual([...image.map((value) => value - 0.5)]);
      expect(Array.from({ length: 7 }, (_, i) => [...unionOf(disks, i + 1)].join(""))).toContain(ys.join(""));
      const [inside, outside] = [plane("inside"), plane("outside")];
      let [given, wanted] = [0, 0];
      for (let i = 0; i < AREA; i++) {
        const marked = inside[i] + outside[i];
        given += marked;
        wanted += ym[i];
        if (marked) expect([inside[i], ym[i]]).toEqual([ys[i], 1]);
      }
      expect(plane("step")[0]).toBeCloseTo((wanted - given) / (AREA - given), 6);
      expect(plane("onImage").every((value) => value === 1)).toBe(true);
    }
  }
});

test("a run that is stopped and resumed ends with the same bytes as one that is not", async () => {
  const controller = new AbortController();
  const onStep = ({ step }: { step: number }) => step === 7 && controller.abort();
  const options = { folder: join(place, "stopped"), runtime };
  await expect(train(CONFIG, { ...options, resume: false, signal: controller.signal, onStep })).rejects.toThrow(
    "step 7",
  );
  await train(CONFIG, { ...options, resume: true });
  const last = async (folder: string) => (await resultOf(join(place, folder)))[join("model", "weights.safetensors")];
  expect(await last("stopped")).toBe(await last("straight"));
});

test("the trained model says of which kind it is, and offers its networks as ONNX files", async () => {
  expect(model.card).toMatchObject({ kind: "disks", name: "tiny-disks", steps: CONFIG.steps, config: CONFIG });
  const files = await readdir(join(place, "straight", "model"));
  expect(files.sort()).toEqual(["candidates.onnx", "model.json", "trunk.onnx", "weights.safetensors"]);
});

test("its candidates keep the input, are inside only where segmented, and are asked about the paper's held-out images", async () => {
  const paper = await readModelFolder(await train(TINY, { folder: join(place, "paper"), runtime, resume: false }));
  const rows = async (of: Model, dataSeed?: number) => {
    const found = [];
    for await (const row of heldOut(of, runtime, 3, { dataSeed })) found.push(row);
    return found;
  };
  const [ours, theirs, others] = [await rows(model), await rows(paper), await rows(model, 2027)];
  for (const [i, { image, input, candidates }] of ours.entries()) {
    expect({ image, input }).toEqual({ image: theirs[i].image, input: theirs[i].input });
    expect(image).not.toEqual(others[i].image);
    expect(candidates).toHaveLength(theirs[i].candidates.length);
    for (const { partialness, segmentation } of candidates) {
      expect(segmentation.every((value, p) => value <= partialness[p])).toBe(true);
      expect(
        input.partialness.every((value, p) => !value || (partialness[p] && segmentation[p] === input.segmentation[p])),
      ).toBe(true);
    }
  }
});

test("a latent scale of 2 makes of z what the decoder makes of 2 z without it", async () => {
  const wide = disksWork({ ...CONFIG, latentScale: 2 }, Rng.seeded(1)).published(model.weights);
  const plain = disksWork(CONFIG, Rng.seeded(1)).published(model.weights);
  expect(plain).toEqual(model.weights);
  const rng = Rng.seeded(2);
  const maps = imageMaps(rng.normals(AREA), new Uint8Array(AREA).fill(1), { width: 32, height: 32 });
  const partial = {
    partialness: Uint8Array.from({ length: AREA }, (_, i) => Number(i < 40)),
    segmentation: new Uint8Array(AREA),
  };
  const question = { maps, marks: marksByHand(partial), step: 0.5, features: null };
  const latents = rng.normals(3 * CONFIG.model.latent);
  const answers = async (weights: Model["weights"], z: Float32Array) => {
    const networks = await loadNetworks({ ...model, weights }, runtime, 3);
    const found = await networks.answer(question, z);
    await networks.close();
    return found;
  };
  const doubled = await answers(
    plain,
    latents.map((value) => 2 * value),
  );
  expect(await answers(wide, latents)).toEqual(doubled);
  expect(await answers(plain, latents)).not.toEqual(doubled);
});

test("the step that is asked for reaches the networks", async () => {
  const [little, all] = [0.01, 1].map((step) => evaluateOnDisks(model, runtime, { images: 3, step }));
  expect(await little).not.toEqual(await all);
});

test("configs/disks.json is accepted as it stands; another size or features are not", async () => {
  const text = await readFile("configs/disks.json", "utf8");
  expect(parseConfig(text, "disks.json")).toEqual(JSON.parse(text));
  for (const wrong of [{ size: 64 }, { features: 32 }])
    expect(() =>
      parseConfig(JSON.stringify({ ...CONFIG, model: { ...CONFIG.model, ...wrong } }), "disks.json"),
    ).toThrow("disks.json: model: size must be 32 and features 0");
});
