/** `tendril shrink`, and the sizes of the models that come with the package. */
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readModelFolder, writeModelFolder } from "../../src/train/index.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { tendril } from "../train/command.ts";

const folder = mkdtempSync(join(tmpdir(), "tendril-shrink-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A model's folder with random weights. */
async function writeRandom(path: string, seed: number) {
  const { card, weights } = randomModel(seed, PLAIN);
  const { format: _, parameters: __, weightsSha256: ___, ...facts } = card;
  return { weights, card: await writeModelFolder(path, weights, facts) };
}

const sizeOf = (path: string) => readdirSync(path).reduce((sum, name) => sum + statSync(join(path, name)).size, 0);

test("a shrunk model is read like any other, its weights off by at most half a step, and its card names where it comes from", async () => {
  const [whole, small] = [join(folder, "whole"), join(folder, "small")];
  const { card, weights } = await writeRandom(whole, 3);
  const { code, stdout, stderr } = await tendril(["shrink", whole, "-o", small]);
  expect(code, stderr).toBe(0);
  expect(stdout).toBe(`${small}\n`);
  const read = await readModelFolder(small);
  expect(read.card).toMatchObject({
    name: "small",
    kind: "general",
    shrunkFrom: card.weightsSha256,
    config: card.config,
  });
  for (const [name, values] of weights) {
    const largest = Math.max(...values.map(Math.abs));
    for (const [i, value] of values.entries())
      expect(Math.abs(read.weights.get(name)![i] - value)).toBeLessThanOrEqual(largest / 250);
  }
});

test("a folder that is there already is left as it is", async () => {
  const whole = join(folder, "another");
  await writeRandom(whole, 4);
  const there = join(folder, "there.txt");
  writeFileSync(there, "mine");
  const { code, stderr } = await tendril(["shrink", whole, "-o", there]);
  expect(code).not.toBe(0);
  expect(stderr).toMatch(/there\.txt: it exists already\. Choose another name\.\n$/);
});

test("the shipped models keep to their sizes, and the small one is the general one's copy", async () => {
  expect(sizeOf("models/general")).toBeLessThan(12e6);
  expect(sizeOf("models/small")).toBeLessThan(2.5e6);
  const [general, small] = await Promise.all(["models/general", "models/small"].map(readModelFolder));
  expect(small.card.shrunkFrom).toBe(general.card.weightsSha256);
});
