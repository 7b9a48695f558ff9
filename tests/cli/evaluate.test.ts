/** `tendril evaluate` on the shipped model, as a process. */
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { expect, test } from "vitest";
import { DISK_MEASURES } from "../../src/evaluate/index.ts";
import { root, tendril } from "../built.ts";

const SHIPPED = join(root, "models", "paper");

test("one model's measures are JSON under the names of PAPER.md, each inside its interval, and the same every time", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tendril-"));
  const figure = join(folder, "figure.png");
  const first = await tendril(["evaluate", SHIPPED, "--images", "20", "--json", "--figure", figure]);
  expect(first).toMatchObject({ code: 0 });
  const report = JSON.parse(first.stdout);
  expect(report).toMatchObject({ model: "paper", images: 20, dice: expect.any(Number), diversity: expect.any(Number) });
  for (const name of Object.keys(DISK_MEASURES)) {
    const [low, high] = report.intervals[name];
    // The shipped model's inputs show nearly every disk: of those that they don't show there may be none in 20 images.
    if (report[name] === null) continue;
    expect(report[name]).toBeGreaterThanOrEqual(low);
    expect(report[name]).toBeLessThanOrEqual(high);
  }
  const second = await tendril(["evaluate", SHIPPED, "--images", "20", "--json"]);
  expect(JSON.parse(second.stdout)).toEqual(report);

  const other = await tendril(["evaluate", SHIPPED, "--images", "20", "--json", "--data-seed", "2027"]);
  expect(JSON.parse(other.stdout).dice).not.toBe(report.dice);

  const { width, height, data } = decode(await readFile(figure));
  expect(data).toHaveLength(width * height * 3);
  // Red over blue where inside, blue over red where outside: both are somewhere in the picture.
  const pixels = Array.from({ length: width * height }, (_, i) => data[3 * i] - data[3 * i + 2]);
  expect(pixels.some((difference) => difference > 80)).toBe(true);
  expect(pixels.some((difference) => difference < -80)).toBe(true);
});

test("several models are reported side by side with mean and standard deviation", async () => {
  const { stdout, code } = await tendril(["evaluate", SHIPPED, SHIPPED, "--images", "5", "--json"]);
  expect(code).toBe(0);
  const { models, mean, standardDeviation } = JSON.parse(stdout);
  expect(models).toHaveLength(2);
  expect(mean.dice).toBeCloseTo(models[0].dice, 12);
  expect(standardDeviation.dice).toBeCloseTo(0, 12);
});

test("a folder that holds no model, or a damaged one, is refused in one sentence", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tendril-"));
  const missing = await tendril(["evaluate", folder]);
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toMatch(/^error Can't read .*model\.json: it does not exist\. .*\n$/);

  await writeFile(join(folder, "model.json"), await readFile(join(SHIPPED, "model.json")));
  const weights = await readFile(join(SHIPPED, "weights.safetensors"));
  await writeFile(join(folder, "weights.safetensors"), weights.subarray(0, weights.length - 4));
  const cut = await tendril(["evaluate", folder]);
  expect(cut).toMatchObject({ code: 1, stdout: "" });
  expect(cut.stderr).toMatch(/^error .*weights\.safetensors.*\n$/);
});
