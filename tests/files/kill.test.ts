/** `kill -9` at random moments: what is on disk is from before a write or from after it, and nothing confirmed is lost. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { atomicWrite } from "../../src/files/index.ts";
import { buildCommands } from "../built.ts";

const KILLS = 20;
/** A fast disk leaves few moments in the middle of a write: kills go on until one has come at such a moment, but not for ever. */
const MOST_KILLS = 200;
const LINES = 20_000;

let folder: string;
beforeAll(buildCommands);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-kill-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Lets writer.mjs work until `milliseconds` after its first confirmed write. @returns the last write it confirmed */
function writeAndKill(kind: "file" | "folder", place: string, first: number, milliseconds: number): Promise<number> {
  const writer = spawn(process.execPath, [join(import.meta.dirname, "writer.mjs"), kind, place, String(first)]);
  let [confirmed, complaints] = ["", ""];
  writer.stdout.on("data", (chunk: Buffer) => {
    if (confirmed === "") setTimeout(() => writer.kill("SIGKILL"), milliseconds);
    confirmed += chunk;
  });
  writer.stderr.on("data", (chunk: Buffer) => {
    complaints += chunk;
  });
  return new Promise((resolve, reject) => {
    writer.on("close", (_, signal) =>
      signal === "SIGKILL" ? resolve(Number(confirmed.trim().split("\n").at(-1))) : reject(new Error(complaints)),
    );
  });
}

/** The number of the write that made a file; fails unless the file is whole. */
async function writeOf(path: string): Promise<number> {
  const lines = (await readFile(path, "utf8")).split("\n");
  expect(lines).toHaveLength(LINES + 1);
  expect(lines.pop()).toBe("");
  expect(new Set(lines).size).toBe(1);
  return Number(lines[0]);
}

const unfinished = async () => (await readdir(folder)).filter((name) => name.startsWith("."));

test("a file that was being replaced holds the last confirmed write or the one after", async () => {
  const rng = Rng.seeded(1);
  const path = join(folder, "file");
  let next = 0;
  let interrupted = 0;
  for (let kill = 0; kill < KILLS || (interrupted === 0 && kill < MOST_KILLS); kill++) {
    const confirmed = await writeAndKill("file", path, next, rng.between(0, 40));
    const found = await writeOf(path);
    expect([confirmed, confirmed + 1]).toContain(found);
    // What this kill has left, and no more: the writer cleaned up after the kill before.
    const left = await unfinished();
    expect(left.length).toBeLessThanOrEqual(1);
    interrupted += left.length;
    next = found + 1;
  }
  // Otherwise the kills came at harmless moments only, and the test has shown nothing.
  expect(interrupted).toBeGreaterThan(0);
  await atomicWrite(path, "done");
  expect(await readdir(folder)).toEqual(["file"]);
});

test("a folder that was being made is there with all its files or not at all", async () => {
  const rng = Rng.seeded(2);
  let next = 0;
  let interrupted = 0;
  for (let kill = 0; kill < KILLS || (interrupted === 0 && kill < MOST_KILLS); kill++) {
    const confirmed = await writeAndKill("folder", folder, next, rng.between(0, 40));
    const steps = (await readdir(folder)).filter((name) => name.startsWith("step-"));
    const numbers = steps.map((name) => Number(name.slice("step-".length))).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, i) => i));
    expect([confirmed, confirmed + 1]).toContain(numbers.at(-1));
    for (const i of numbers.slice(next))
      for (const name of ["a", "b", "c"]) expect(await writeOf(join(folder, `step-${i}`, name))).toBe(i);
    const left = await unfinished();
    expect(left.length).toBeLessThanOrEqual(1);
    interrupted += left.length;
    next = numbers.length;
  }
  expect(interrupted).toBeGreaterThan(0);
  await atomicWrite(join(folder, "file"), "done");
  expect(await unfinished()).toEqual([]);
});
