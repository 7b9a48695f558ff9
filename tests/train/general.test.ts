/** `tendril train` of a general model on a small folder: the same bytes every time, killed or not, and clear words about bad data. */
import { existsSync, readdirSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { readModelFolder } from "../../src/train/index.ts";
import { tendril } from "./command.ts";
import { TINY_GENERAL, writeData } from "./made-data.ts";
import { placeForRuns, resultOf } from "./tiny.ts";

const KILLS = 3;

let place: string;
let data: string;
let config: string;
let straight: Record<string, string>;

const train = (folder: string, ...more: string[]) => [
  "train",
  config,
  "--data",
  data,
  "-o",
  folder,
  "--threads",
  "1",
  ...more,
];

beforeAll(async () => {
  place = await placeForRuns();
  data = join(place, "data");
  config = join(place, "config.json");
  await writeData(data);
  await writeFile(config, JSON.stringify(TINY_GENERAL));
  const { code, stderr } = await tendril(train(join(place, "straight")));
  expect(code, stderr).toBe(0);
  straight = await resultOf(join(place, "straight"));
}, 300_000);
afterAll(() => rm(place, { recursive: true }));

const newest = (folder: string) => {
  const path = join(folder, "checkpoints");
  return existsSync(path)
    ? (readdirSync(path)
        .filter((name) => name.startsWith("step-"))
        .sort()
        .at(-1) ?? "")
    : "";
};

test("the same configuration and data give the same bytes again, however many threads make the samples", async () => {
  const { code, stderr } = await tendril(train(join(place, "again"), "--workers", "3"));
  expect(code, stderr).toBe(0);
  expect(await resultOf(join(place, "again"))).toEqual(straight);
}, 300_000);

test("a run that is killed again and again ends with the same bytes as one that was left alone", async () => {
  const folder = join(place, "killed");
  const rng = Rng.seeded(4);
  let killed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    // The first at the start; then within a session's rounds, or while a checkpoint or the model is written.
    const wait = kill === 0 ? 0 : rng.between(0, 400);
    let isDue = false;
    const { signal, code } = await tendril(train(folder, "--resume"), (child, stderr) => {
      if (isDue || !stderr.includes("/48")) return;
      isDue = true;
      setTimeout(() => child.kill("SIGKILL"), wait);
    });
    // A run that was quick enough has ended by itself, and has nothing left to do when it is resumed.
    expect(signal === "SIGKILL" || code === 0).toBe(true);
    if (signal === "SIGKILL") killed++;
  }
  expect(killed).toBeGreaterThan(0);
  const { code, stderr } = await tendril(train(folder, "--resume"));
  expect(code, stderr).toBe(0);
  expect(await resultOf(folder)).toEqual(straight);
}, 300_000);

test("an interrupted run stops between two cycles of sessions, and goes on to the same bytes", async () => {
  const folder = join(place, "interrupted");
  const interrupted = await tendril(train(folder), (child, stderr) => {
    if (stderr.includes("0/48") && !child.killed) child.kill("SIGINT");
  });
  expect(interrupted.code, interrupted.stderr).toBe(130);
  expect(interrupted.stderr).toMatch(/Stopped at step (0|24) of 48; go on with --resume\.\n$/);
  const said = /Stopped at step (\d+)/.exec(interrupted.stderr)?.[1];
  expect(newest(folder)).toBe(said === "0" ? "" : "step-00000024");
  const { code, stderr } = await tendril(train(folder, "--resume"));
  expect(code, stderr).toBe(0);
  const result = await resultOf(folder);
  for (const path of ["model/weights.safetensors", "metrics.jsonl"]) expect(result[path], path).toBe(straight[path]);
}, 300_000);

test("a run with --from begins with a trained model's weights, and its card says so", async () => {
  const [first, folder] = [join(place, "straight", "model"), join(place, "from")];
  const still = join(place, "still.json");
  const { optimiser } = TINY_GENERAL;
  await writeFile(still, JSON.stringify({ ...TINY_GENERAL, optimiser: { ...optimiser, learningRate: 1e-12 } }));
  const args = ["train", still, "--data", data, "-o", folder, "--threads", "1"];
  const { code, stderr } = await tendril([...args, "--from", first]);
  expect(code, stderr).toBe(0);
  const [before, after] = await Promise.all([first, join(folder, "model")].map(readModelFolder));
  expect(after.card.config).toMatchObject({
    from: { model: "tiny-general", weightsSha256: before.card.weightsSha256 },
  });
  for (const [name, values] of after.weights)
    for (const [i, value] of values.entries()) expect(value, name).toBeCloseTo(before.weights.get(name)![i], 6);
  const without = await tendril([...args, "--resume"]);
  expect(without.code).not.toBe(0);
  expect(without.stderr).toMatch(/configuration/);
}, 300_000);

test("with a blend the model lies between the weights that the run begins with and those that it ends with", async () => {
  const first = join(place, "straight", "model");
  const runs = await Promise.all(
    [{}, { blend: 0.25 }].map(async (more, i) => {
      const [config, folder] = [join(place, `blend${i}.json`), join(place, `blend${i}`)];
      await writeFile(config, JSON.stringify({ ...TINY_GENERAL, seed: 8, ...more }));
      const args = ["train", config, "--data", data, "-o", folder, "--threads", "1"];
      const { code, stderr } = await tendril([...args, "--from", first]);
      expect(code, stderr).toBe(0);
      if (i === 1) {
        const without = await tendril([...args.slice(0, 5), join(place, "never"), "--threads", "1"]);
        expect([without.code, without.stderr]).toEqual([2, expect.stringMatching(/asks for a blend.*--from/)]);
        expect(existsSync(join(place, "never"))).toBe(false);
      }
      return readModelFolder(join(folder, "model"));
    }),
  );
  const [before, [whole, blended]] = [await readModelFolder(first), runs];
  let moved = 0;
  for (const [name, values] of blended.weights)
    for (const [i, value] of values.entries()) {
      const [from, to] = [before.weights.get(name)![i], whole.weights.get(name)![i]];
      moved = Math.max(moved, Math.abs(to - from));
      expect(value, name).toBeCloseTo(from + 0.25 * (to - from), 6);
    }
  expect(moved).toBeGreaterThan(0.01);
}, 300_000);

test("a model of another shape is refused as a beginning", async () => {
  const folder = join(place, "other-shape");
  const { code, stderr } = await tendril(train(folder, "--from", "disks"));
  expect(code).toBe(2);
  expect(stderr).toMatch(
    /^error A run of tiny-general cannot begin with the weights of disks\S*, which is another network: trunk\.\S+ has \d+ values and should have \[[\d,]+\]\.\n/m,
  );
}, 300_000);

test("the model's card says what it was trained on and how, and its folder holds the networks that propose", async () => {
  const { card, weights } = await readModelFolder(join(place, "straight", "model"));
  expect(card).toMatchObject({ kind: "general", name: "tiny-general", steps: 48, config: TINY_GENERAL });
  expect(card.dataSha256).toMatch(/^[0-9a-f]{64}$/);
  expect([...weights.values()].every((values) => values.every(Number.isFinite))).toBe(true);
  expect(
    Object.keys(straight)
      .filter((path) => path.startsWith("model/"))
      .sort(),
  ).toEqual(["candidates.onnx", "model.json", "trunk.onnx", "weights.safetensors"].map((name) => `model/${name}`));
  const last = JSON.parse(
    (await readFile(join(place, "straight", "metrics.jsonl"), "utf8")).trim().split("\n").at(-1)!,
  );
  expect(Object.keys(last).sort()).toEqual([
    "best",
    "divergence",
    "gradientNorm",
    "learningRate",
    "loss",
    "middle",
    "reconstruction",
    "step",
  ]);
});

test("files that are left out are named, five of them and then their number", async () => {
  const spoilt = join(place, "spoilt");
  await writeData(spoilt);
  for (let k = 0; k < 7; k++) await writeFile(join(spoilt, "disks", "images", `bad${k}.png`), "no image");
  const { code, stderr } = await tendril([
    "train",
    config,
    "--data",
    spoilt,
    "-o",
    join(place, "with-spoilt"),
    "--threads",
    "1",
  ]);
  expect(code, stderr).toBe(0);
  expect(stderr.match(/^left out: disks\/images\/bad\d\.png /gm)).toHaveLength(5);
  expect(stderr).toContain("left out: 2 more files\n");
}, 300_000);

test("a folder that holds nothing to train on, no folder, and none named are one sentence, and write nothing", async () => {
  const empty = join(place, "empty");
  await mkdir(empty);
  const said = async (...more: string[]) => {
    const folder = join(place, "refused");
    const { code, stderr, stdout } = await tendril(["train", config, "-o", folder, ...more]);
    expect([stdout, existsSync(folder)]).toEqual(["", false]);
    expect(stderr).not.toMatch(/\n\s+at /);
    return `${code} ${stderr}`;
  };
  expect(await said("--data", empty)).toMatch(/^1 error .*empty holds no image with a mask\. It needs /);
  expect(await said("--data", join(place, "nowhere"))).toMatch(/^1 error Can't read .*nowhere: it does not exist\./);
  expect(await said()).toMatch(
    /^2 error tiny-general is a general model: name a folder of images with masks with --data/,
  );
}, 300_000);
