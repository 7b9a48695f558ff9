/** What a run leaves, that it is the same every time, and that it writes over nothing. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng, UsageError } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { LATENT_SIZE, modelCard, PAPER_SIZE, paperDecoderOnnx } from "../../src/model/index.ts";
import { makeDiskSet } from "../../src/synth/index.ts";
import {
  dataSha256,
  LOG_EVERY,
  type Metrics,
  readModelFolder,
  StoppedError,
  type TrainingConfig,
  train,
} from "../../src/train/index.ts";
import { filesOf, placeForRuns, resultOf, TINY } from "./tiny.ts";

let place: string;
/** The folder of a whole run of TINY. */
let straight: string;
const steps: Metrics[] = [];

beforeAll(async () => {
  place = await placeForRuns();
  straight = await run("straight", TINY, { onStep: (metrics: Metrics) => steps.push(metrics) });
});
afterAll(() => rm(place, { recursive: true }));

async function run(name: string, config: TrainingConfig, options: object = {}): Promise<string> {
  const folder = join(place, name);
  await train(config, { folder, runtime: nodeRuntime({ threads: 1 }), resume: false, ...options });
  return folder;
}

const weightsOf = async (folder: string) => (await filesOf(join(folder, "model")))["weights.safetensors"];

test("the same configuration gives the same bytes again", async () => {
  expect(await resultOf(await run("again", TINY))).toEqual(await resultOf(straight));
});

test("another seed gives other weights on the same images", async () => {
  const other = await run("other-seed", { ...TINY, seed: 2 });
  expect(await weightsOf(other)).not.toEqual(await weightsOf(straight));
  const cards = [straight, other].map(async (folder) => (await readModelFolder(join(folder, "model"))).card.dataSha256);
  expect((await cards[0]) === (await cards[1])).toBe(true);
});

test("the same number of threads gives the same bytes, and a checkpoint is not continued with another", async () => {
  // Sums are cut into as many parts as there are threads, so that another number can change the last bit.
  const threads = (count: number) => ({ runtime: nodeRuntime({ threads: count }) });
  for (const count of [2, 4]) {
    const [once, again] = [
      await run(`${count}-threads`, TINY, threads(count)),
      await run(`${count}b`, TINY, threads(count)),
    ];
    expect(await resultOf(again)).toEqual(await resultOf(once));
  }
  await expect(run("2-threads", TINY, { ...threads(4), resume: true })).rejects.toThrow(
    /step-00000012 was made by onnxruntime-node 1\.30\.0, cpu, 2 threads; this is onnxruntime-node 1\.30\.0, cpu, 4 threads,/,
  );
});

test("how often checkpoints are written does not change the weights nor the log", async () => {
  const seldom = await run("seldom", { ...TINY, checkpointEvery: 1000 });
  expect(await weightsOf(seldom)).toEqual(await weightsOf(straight));
  expect(await readFile(join(seldom, "metrics.jsonl"))).toEqual(await readFile(join(straight, "metrics.jsonl")));
});

test("the three newest checkpoints are kept", async () => {
  const folder = await run("many", { ...TINY, checkpointEvery: 2 });
  expect(await readdir(join(folder, "checkpoints"))).toEqual(["step-00000008", "step-00000010", "step-00000012"]);
});

test("the log holds the mean of every figure over the steps of its line, and the last line ends the run", async () => {
  expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: TINY.steps }, (_, i) => i + 1));
  const long = { ...TINY, steps: LOG_EVERY + 3, checkpointEvery: 10 };
  const seen: Metrics[] = [];
  const folder = await run("long", long, { onStep: (metrics: Metrics) => seen.push(metrics) });
  const lines = (await readFile(join(folder, "metrics.jsonl"), "utf8")).trim().split("\n");
  const spans = [seen.slice(0, LOG_EVERY), seen.slice(LOG_EVERY)];
  expect(lines).toHaveLength(2);
  for (const [i, span] of spans.entries()) {
    const line = JSON.parse(lines[i]) as Metrics;
    expect(line.step).toBe(span.at(-1)?.step);
    for (const key of ["loss", "segmentation", "partialness", "divergence", "learningRate", "gradientNorm"] as const) {
      const mean = span.reduce((sum, metrics) => sum + metrics[key] / span.length, 0);
      expect(line[key]).toBeCloseTo(mean, 12);
    }
  }
});

test("the loss is its terms with their weights", () => {
  for (const { loss, segmentation, partialness, divergence } of steps)
    expect(loss).toBeCloseTo(segmentation + TINY.loss.beta0 * partialness + TINY.loss.beta1 * divergence, 5);
});

test("model.json says what the model is and how to make it again", async () => {
  const card = modelCard.parse(JSON.parse(await readFile(join(straight, "model", "model.json"), "utf8")));
  const { data, seed, steps: count, name, kind } = TINY;
  expect(card).toEqual({
    format: 1,
    name,
    kind,
    seed,
    steps: count,
    parameters: 83_764,
    config: TINY,
    dataSha256: dataSha256(makeDiskSet(Rng.seeded(data.seed), "train", data.images, data.disks)),
    weightsSha256: await weightsOf(straight),
    runtime: nodeRuntime({ threads: 1 }).name,
  });
});

test("the run's folder holds its configuration and what it ran on", async () => {
  expect(JSON.parse(await readFile(join(straight, "config.json"), "utf8"))).toEqual(TINY);
  const environment = JSON.parse(await readFile(join(straight, "environment.json"), "utf8"));
  expect(environment).toMatchObject({ node: process.version, runtime: nodeRuntime({ threads: 1 }).name });
  expect(environment.processor).toContain(`${cpus().length} x `);
});

test("curves.svg is a drawing of the four curves", async () => {
  const folder = await run("curves", { ...TINY, steps: 2 * LOG_EVERY, checkpointEvery: 100, batch: 1 });
  const svg = await readFile(join(folder, "curves.svg"), "utf8");
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg.trim().endsWith("</svg>")).toBe(true);
  const opened = svg.match(/<[a-z][^>/]*>|<[a-z][^>]*[^/]>/gi)?.length;
  expect(svg.match(/<\/[a-z]+>/gi)?.length).toBe(opened);
  for (const title of ["loss L", "segmentation, WDL", "partialness, DL", "divergence, KL (nats)"])
    expect(svg).toContain(`>${title}</text>`);
  // Two lines of the log: each curve is one line from a point to another, and none goes nowhere.
  const curves = svg.match(/aria-roledescription="line mark"[^>]*d="M[\d.-]+,[\d.-]+L[\d.-]+,[\d.-]+"/g);
  expect(curves).toHaveLength(4);
  expect(svg).not.toContain("NaN");
});

test("decoder.onnx gives the outputs of the trained decoder in the engine, and repeats the input where it is given", async () => {
  const { weights } = await readModelFolder(join(straight, "model"));
  const runtime = nodeRuntime({ threads: 1 });
  const exported = await runtime.load(await readFile(join(straight, "model", "decoder.onnx")));
  const ours = await runtime.load(paperDecoderOnnx(weights, 8));
  const rng = Rng.seeded(4);
  const plane = (value: () => number) => ({
    data: Float32Array.from({ length: 8 * PAPER_SIZE ** 2 }, value),
    shape: [8, 1, PAPER_SIZE, PAPER_SIZE],
  });
  const image = plane(() => rng.uniform());
  const xm = plane(() => rng.below(2));
  const xs = { ...xm, data: xm.data.map((value) => value * rng.below(2)) };
  const z = { data: rng.normals(8 * LATENT_SIZE ** 2), shape: [8, 1, LATENT_SIZE, LATENT_SIZE] };
  const [theirs, expected] = [await exported.run({ image, xm, xs, z }), await ours.run({ image, xm, xs, z })];
  expect(theirs).toEqual(expected);
  expect(Object.keys(theirs).sort()).toEqual(["partialness", "segmentation"]);
  for (let i = 0; i < xm.data.length; i++)
    if (xm.data[i]) expect([theirs.partialness.data[i], theirs.segmentation.data[i]]).toEqual([1, xs.data[i]]);
  // Trained weights, not the first ones: z moves the open pixels.
  const still = { ...z, data: new Float32Array(z.data.length) };
  expect((await exported.run({ image, xm, xs, z: still })).segmentation.data).not.toEqual(theirs.segmentation.data);
  await exported.close();
  await ours.close();
});

test("a model whose weights have one wrong bit is refused", async () => {
  const folder = join(place, "flipped");
  await mkdir(folder);
  const model = join(straight, "model");
  for (const name of await readdir(model)) await writeFile(join(folder, name), await readFile(join(model, name)));
  expect((await readModelFolder(folder)).weights.size).toBeGreaterThan(0);
  const bytes = await readFile(join(folder, "weights.safetensors"));
  bytes[bytes.length - 1000] ^= 1;
  await writeFile(join(folder, "weights.safetensors"), bytes);
  await expect(readModelFolder(folder)).rejects.toThrow(
    `${basename(folder)}/weights.safetensors does not match the checksum in model.json. Copy or train it again.`,
  );
});

test("a run refuses to write over another, with another configuration even when asked to resume", async () => {
  const before = await filesOf(straight);
  const refused = async (config: TrainingConfig, resume: boolean) => {
    const error = await run("straight", config, { resume }).catch((cause: unknown) => cause);
    expect(await filesOf(straight)).toEqual(before);
    return (error as Error).message.replace(straight, "FOLDER");
  };
  expect(await refused(TINY, false)).toBe(
    "FOLDER holds a run already. Add --resume to go on with it, or name another folder with -o.",
  );
  for (const other of [
    { ...TINY, seed: 2 },
    { ...TINY, steps: 13 },
    { ...TINY, loss: { beta0: 2, beta1: 0.001 } },
  ])
    expect(await refused(other, true)).toBe(
      "The checkpoint FOLDER/checkpoints/step-00000012 is of another configuration or seed. " +
        "Use those it was started with, or another output folder.",
    );
});

test("a run refuses to write among other files", async () => {
  const folder = join(place, "documents");
  await mkdir(folder);
  await writeFile(join(folder, "letter.txt"), "mine");
  for (const resume of [false, true]) {
    const error = await run("documents", TINY, { resume }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(UsageError);
    expect((error as Error).message).toBe(`${folder} is not empty and holds no run. Name another folder with -o.`);
  }
  expect(await readdir(folder)).toEqual(["letter.txt"]);
});

test("resuming a run that has ended changes nothing and names its model", async () => {
  const before = await filesOf(straight);
  await run("straight", TINY, { resume: true });
  expect(await filesOf(straight)).toEqual(before);
});

test("a model that was not yet written when the run was killed is written on resuming", async () => {
  const folder = await run("no-model", TINY);
  const before = await filesOf(folder);
  await rm(join(folder, "model"), { recursive: true });
  await rm(join(folder, "curves.svg"));
  await run("no-model", TINY, { resume: true });
  expect(await filesOf(folder)).toEqual(before);
});

test("a run that is stopped at any step goes on to the same bytes", async () => {
  const config = { ...TINY, steps: LOG_EVERY + 5, checkpointEvery: 7 };
  const expected = await resultOf(await run("unstopped", config));
  const stops = [0, 1, 5, 7, 8, 23, 24, 25, 28];
  for (const stop of stops) {
    const controller = new AbortController();
    if (stop === 0) controller.abort();
    const onStep = ({ step }: Metrics) => step === stop && controller.abort();
    const stopped = run("stopped", config, { resume: stop !== stops[0], signal: controller.signal, onStep });
    const error = await stopped.catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(StoppedError);
    expect((error as Error).message).toBe(`Stopped at step ${stop} of 29; go on with --resume.`);
  }
  const folder = await run("stopped", config, { resume: true });
  const result = await resultOf(folder);
  // It wrote checkpoints where it was stopped, and so keeps others; all else is equal.
  expect(Object.keys(result)).toContain("checkpoints/step-00000029/state.safetensors");
  for (const [path, hash] of Object.entries(expected)) if (path in result) expect(result[path], path).toBe(hash);
  for (const path of ["metrics.jsonl", "curves.svg", "model/weights.safetensors", "model/model.json"])
    expect(result[path], path).toBe(expected[path]);
});

test("a damaged log is named with its line, and without it the run goes on", async () => {
  const config = { ...TINY, steps: 2 * LOG_EVERY, checkpointEvery: LOG_EVERY, batch: 1 };
  const controller = new AbortController();
  const onStep = ({ step }: Metrics) => step === LOG_EVERY && controller.abort();
  await expect(run("log", config, { signal: controller.signal, onStep })).rejects.toThrow(StoppedError);
  const path = join(place, "log", "metrics.jsonl");
  await writeFile(path, `${await readFile(path, "utf8")}{"step":`);
  await expect(run("log", config, { resume: true })).rejects.toThrow(
    `${path} is damaged in line 2. Remove it to go on without the figures of the first 24 steps.`,
  );
  await rm(path);
  await run("log", config, { resume: true });
  const lines = (await readFile(path, "utf8")).trim().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as Metrics).step)).toEqual([2 * LOG_EVERY]);
});
