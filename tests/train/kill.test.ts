/** `tendril train` killed and interrupted at any moment, and resumed: the same bytes as a run that was left alone. */
import { existsSync, readdirSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import type { Finished } from "../built.ts";
import { tendril } from "./command.ts";
import { filesOf, placeForRuns, resultOf, TINY } from "./tiny.ts";

const CONFIG = { ...TINY, steps: 80, checkpointEvery: 3 };
const KILLS = 8;
/** Quicker on a busy machine; tests/train/loop.test.ts has more. */
const ONE_THREAD = ["--threads", "1"];

let place: string;
let config: string;
let straight: Record<string, string>;
let leftAlone: Finished;

beforeAll(async () => {
  place = await placeForRuns();
  config = join(place, "config.json");
  await writeFile(config, JSON.stringify(CONFIG));
  leftAlone = await tendril(["train", config, "-o", join(place, "straight"), ...ONE_THREAD]);
  expect(leftAlone.code).toBe(0);
  straight = await resultOf(join(place, "straight"));
});
afterAll(() => rm(place, { recursive: true }));

/** Names of the checkpoints that are whole, oldest first. */
function checkpoints(folder: string): string[] {
  const path = join(folder, "checkpoints");
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => name.startsWith("step-"))
        .sort()
    : [];
}

const newest = (folder: string) => checkpoints(folder).at(-1) ?? "";

test("a run that is killed again and again ends with the same weights, log, curves and model", async () => {
  const folder = join(place, "killed");
  const rng = Rng.seeded(5);
  let reached = "";
  for (let kill = 0; kill < KILLS; kill++) {
    const wait = rng.between(0, 80);
    let watching: NodeJS.Timeout | undefined;
    const { signal } = await tendril(["train", config, "-o", folder, "--resume", ...ONE_THREAD], (child) => {
      // A moment after this life's first checkpoint: within a step, or while a checkpoint, the log or the model is written.
      watching ??= setInterval(() => {
        if (newest(folder) === reached) return;
        clearInterval(watching);
        setTimeout(() => child.kill("SIGKILL"), wait);
      }, 2);
    });
    clearInterval(watching);
    expect(signal).toBe("SIGKILL");
    expect(newest(folder) > reached).toBe(true);
    reached = newest(folder);
  }
  const { code, stderr } = await tendril(["train", config, "-o", folder, "--resume", ...ONE_THREAD]);
  expect(code, stderr).toBe(0);
  expect(await resultOf(folder)).toEqual(straight);
  expect((await readdir(folder)).filter((name) => name.startsWith("."))).toEqual([]);
}, 180_000);

test("a run that was killed before its first checkpoint starts again with --resume", async () => {
  const folder = join(place, "early");
  const slow = join(place, "slow.json");
  await writeFile(slow, JSON.stringify({ ...CONFIG, checkpointEvery: 1000 }));
  const { signal } = await tendril(["train", slow, "-o", folder, ...ONE_THREAD], (child) => child.kill("SIGKILL"));
  expect(signal).toBe("SIGKILL");
  expect(await readdir(folder)).toContain("config.json");
  expect(checkpoints(folder)).toEqual([]);
  const { code, stderr } = await tendril(["train", slow, "-o", folder, "--resume", ...ONE_THREAD]);
  expect(code, stderr).toBe(0);
  const result = await resultOf(folder);
  for (const path of ["model/weights.safetensors", "metrics.jsonl"]) expect(result[path]).toBe(straight[path]);
});

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)(
  "%s stops a run after its step, with a checkpoint, and --resume goes on to the same bytes",
  async (signal, exitCode) => {
    const folder = join(place, signal);
    let isSent = false;
    const interrupted = await tendril(["train", config, "-o", folder, ...ONE_THREAD], (child, stderr) => {
      // Once: the second signal ends the process at once.
      if (isSent || !stderr.includes("0/80")) return;
      isSent = true;
      setTimeout(() => child.kill(signal), 300);
    });
    expect(interrupted.code).toBe(exitCode);
    expect(interrupted.stdout).toBe("");
    const said = /Stopped at step (\d+) of 80; go on with --resume\.\n$/.exec(interrupted.stderr);
    expect(said, interrupted.stderr).not.toBeNull();
    expect(interrupted.stderr).not.toMatch(/\n\s+at /);
    expect(newest(folder)).toBe(`step-${said?.[1].padStart(8, "0")}`);
    const resumed = await tendril(["train", config, "-o", folder, "--resume", "--json", ...ONE_THREAD]);
    expect(resumed.code).toBe(0);
    const result = await resultOf(folder);
    for (const path of ["model/weights.safetensors", "metrics.jsonl", "curves.svg"])
      expect(result[path], path).toBe(straight[path]);
    expect(JSON.parse(resumed.stdout)).toMatchObject({ model: join(folder, "model"), folder, step: 80 });
  },
);

test("a second run in the same folder is refused and changes nothing", async () => {
  const folder = join(place, "straight");
  const before = await filesOf(folder);
  const { code, stdout, stderr } = await tendril(["train", config, "-o", folder, ...ONE_THREAD]);
  expect(code).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    `error ${folder} holds a run already. Add --resume to go on with it, or name another folder with -o.\n`,
  );
  expect(await filesOf(folder)).toEqual(before);
});

test("standard output holds the model's folder alone, and standard error the terms of the loss, speed and time", async () => {
  const folder = join(place, "straight");
  const { stdout, stderr } = leftAlone;
  expect(stdout).toBe(`${join(folder, "model")}\n`);
  expect(stderr).toMatch(
    /80\/80 {2}took \d+ s {2}\d+ samples\/s \(\d+ % waiting\) {2}loss \d\.\d{3}: segmentation \d\.\d\d, partialness \d\.\d\d, divergence \d+\.\d\d/,
  );
  expect((await readFile(join(folder, "metrics.jsonl"), "utf8")).trim().split("\n")).toHaveLength(4);
});
