/** Damaged and foreign checkpoints: every one is noticed, the message names the folder and a way on, and nothing is written over. */
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import {
  CheckpointError,
  loadLatestCheckpoint,
  type Metrics,
  type Origin,
  saveCheckpoint,
  sha256,
  train,
} from "../../src/train/index.ts";
import { filesOf, placeForRuns, resultOf, TINY } from "./tiny.ts";

const ORIGIN: Origin = { configSha256: sha256("config"), modelSha256: sha256("model"), runtime: "engine 1" };
const PENDING: Metrics = {
  step: 26,
  loss: 0.75,
  segmentation: 0.5,
  partialness: 0.25,
  divergence: 1.5,
  learningRate: 0.001,
  gradientNorm: 0.1,
};

let place: string;
/** A folder of checkpoints of steps 20 and 26, whole before each test. */
let folder: string;
let newest: string;

beforeAll(async () => {
  place = await placeForRuns();
});
afterAll(() => rm(place, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(place, "checkpoints-"));
  for (const step of [20, 26]) await saveCheckpoint(folder, checkpointOf(step), ORIGIN);
  newest = join(folder, "step-00000026");
});

function checkpointOf(step: number) {
  const vector = () => Rng.seeded(step).normals(50);
  const state = { parameters: vector(), moment1: vector(), moment2: vector(), step: Float32Array.of(step) };
  return { step, state, generator: Rng.seeded(1).state, pending: [PENDING] };
}

/** The message with which loading is refused; fails when it is not, or when loading has changed a file. */
async function refusal(origin: Origin = ORIGIN): Promise<string> {
  const before = await filesOf(folder);
  const error = await loadLatestCheckpoint(folder, origin).then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(await filesOf(folder)).toEqual(before);
  expect(error).toBeInstanceOf(CheckpointError);
  return (error as Error).message;
}

const DAMAGED = /^The checkpoint .*step-00000026 is damaged: .+\. Remove that folder to go on from step-00000020\.$/;

test("a checkpoint gives back what it was made of", async () => {
  expect(await loadLatestCheckpoint(folder, ORIGIN)).toEqual(checkpointOf(26));
  expect(await loadLatestCheckpoint(join(place, "absent"), ORIGIN)).toBeNull();
});

test("every flipped bit of the manifest is noticed", async () => {
  const path = join(newest, "manifest.json");
  const whole = await readFile(path);
  for (let byte = 0; byte < whole.length; byte++) {
    const bytes = Buffer.from(whole);
    bytes[byte] ^= 1 << (byte % 8);
    await writeFile(path, bytes);
    const load = loadLatestCheckpoint(folder, ORIGIN);
    await expect(load, `bit ${byte % 8} of byte ${byte}`).rejects.toThrow(DAMAGED);
  }
});

test("a flipped bit in each byte of the state's header, and anywhere in its values, is noticed", async () => {
  const path = join(newest, "state.safetensors");
  const whole = await readFile(path);
  for (let byte = 0; byte < whole.length; byte++) {
    const bytes = Buffer.from(whole);
    bytes[byte] ^= 1 << (byte % 8);
    await writeFile(path, bytes);
    await expect(loadLatestCheckpoint(folder, ORIGIN), `byte ${byte}`).rejects.toThrow(DAMAGED);
  }
});

test.each(["manifest.json", "state.safetensors"])("%s cut at any byte, or longer, is noticed", async (name) => {
  const path = join(newest, name);
  const whole = await readFile(path);
  for (let length = 0; length < whole.length; length += length < 64 ? 1 : 13) {
    await writeFile(path, whole.subarray(0, length));
    await expect(loadLatestCheckpoint(folder, ORIGIN), `${length} bytes`).rejects.toThrow(DAMAGED);
  }
  await writeFile(path, Buffer.concat([whole, Buffer.of(0)]));
  expect(await refusal()).toMatch(DAMAGED);
});

test.each(["manifest.json", "state.safetensors"])("a checkpoint without its %s is noticed", async (name) => {
  await rm(join(newest, name));
  expect(await refusal()).toBe(
    `The checkpoint ${newest} is damaged: its ${name} can't be read. Remove that folder to go on from step-00000020.`,
  );
});

test("a state of another checkpoint, and a folder of another name, are noticed", async () => {
  await cp(join(folder, "step-00000020", "state.safetensors"), join(newest, "state.safetensors"));
  expect(await refusal()).toContain("state.safetensors does not match its checksum");
  await rm(newest, { recursive: true });
  await rename(join(folder, "step-00000020"), newest);
  expect(await refusal()).toBe(
    `The checkpoint ${newest} is damaged: its manifest.json is of step 20. Start the run again in another folder.`,
  );
});

test("removing the damaged folder, as advised, goes on from the one before", async () => {
  await writeFile(join(newest, "manifest.json"), "");
  expect(await refusal()).toMatch(DAMAGED);
  await rm(newest, { recursive: true });
  expect((await loadLatestCheckpoint(folder, ORIGIN))?.step).toBe(20);
});

test("a checkpoint of another configuration, model or runtime is named as such", async () => {
  const other = sha256("other");
  expect(await refusal({ ...ORIGIN, configSha256: other })).toBe(
    `The checkpoint ${newest} is of another configuration or seed. Use those it was started with, or another output folder.`,
  );
  expect(await refusal({ ...ORIGIN, modelSha256: other })).toBe(
    `The checkpoint ${newest} is of another model: this version of Tendril builds other layers. ` +
      "Go on with the version that it was started with, or start the run again in another folder.",
  );
  expect(await refusal({ ...ORIGIN, runtime: "engine 2" })).toBe(
    `The checkpoint ${newest} was made by engine 1; this is engine 2, which would not come to the same weights. ` +
      "Use the same, and as many --threads, or start the run again in another folder.",
  );
});

test("a checkpoint of another format is said to be of another version", async () => {
  const path = join(newest, "manifest.json");
  const { sha256: _, ...manifest } = JSON.parse(await readFile(path, "utf8"));
  const later = { ...manifest, format: 2 };
  const sealed = { ...later, sha256: sha256(JSON.stringify(later)) };
  await writeFile(path, `${JSON.stringify(sealed, null, 2)}\n`);
  expect(await refusal()).toBe(
    `The checkpoint ${newest} was written by another version of Tendril (format 2; this one reads 1). ` +
      "Go on with that version, or start the run again in another folder.",
  );
});

test("a checkpoint that exists is not written over", async () => {
  const before = await filesOf(folder);
  await expect(saveCheckpoint(folder, checkpointOf(26), ORIGIN)).rejects.toThrow("it exists already");
  expect(await filesOf(folder)).toEqual(before);
});

test("what is no checkpoint is left alone: files of the user's, and what a killed write left", async () => {
  await writeFile(join(folder, "step-notes.txt"), "mine");
  for (const step of [27, 28, 29, 30]) await saveCheckpoint(folder, checkpointOf(step), ORIGIN);
  expect(await readdir(folder)).toEqual(["step-00000028", "step-00000029", "step-00000030", "step-notes.txt"]);
});

test("a run whose newest checkpoint is damaged writes nothing, and goes on from the one before to the same bytes", async () => {
  const options = { folder: join(place, "run"), runtime: nodeRuntime({ threads: 1 }) };
  await train(TINY, { ...options, resume: false });
  const whole = await resultOf(options.folder);
  const last = join(options.folder, "checkpoints", "step-00000012");
  await rm(join(options.folder, "model"), { recursive: true });
  const state = await readFile(join(last, "state.safetensors"));
  state[state.length - 1] ^= 1;
  await writeFile(join(last, "state.safetensors"), state);
  const before = await filesOf(options.folder);
  await expect(train(TINY, { ...options, resume: true })).rejects.toThrow(
    `The checkpoint ${last} is damaged: state.safetensors does not match its checksum. Remove that folder to go on from step-00000008.`,
  );
  expect(await filesOf(options.folder)).toEqual(before);
  await rm(last, { recursive: true });
  await train(TINY, { ...options, resume: true });
  expect(await resultOf(options.folder)).toEqual(whole);
});
