/** `tendril evaluate --data` as a process, on made-up images with a general model of random weights. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ANNOTATION_MEASURES } from "../../src/evaluate/index.ts";
import { writeModelFolder } from "../../src/train/index.ts";
import { tendril } from "../built.ts";
import { imageOf, rectangle } from "../evaluate/masks.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { TINY_GENERAL } from "../train/made-data.ts";

const GRID = { width: 40, height: 30 };

let folder: string;
let model: string;
let data: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-evaluate-"));
  model = join(folder, "model");
  data = join(folder, "data");
  const { card, weights } = randomModel(2, PLAIN);
  const { format: _, weightsSha256: __, parameters: ___, ...facts } = card;
  await writeModelFolder(model, weights, { ...facts, config: { ...TINY_GENERAL } });
  for (const [dataset, names] of Object.entries({ first: ["a__0", "b__0"], second: ["c__0"] })) {
    await mkdir(join(data, dataset, "images"), { recursive: true });
    await mkdir(join(data, dataset, "masks", "organ"), { recursive: true });
    for (const [i, name] of names.entries()) {
      const mask = rectangle(GRID, 6 + 4 * i, 8, 14, 12);
      const png = (values: ArrayLike<number>) =>
        encode({ ...GRID, data: Uint8Array.from(values), depth: 8, channels: 1 });
      await writeFile(join(data, dataset, "images", `${name}.png`), png(imageOf(mask, GRID).data));
      await writeFile(join(data, dataset, "masks", "organ", `${name}.png`), png(mask.map((value) => 255 * value)));
    }
  }
  await writeFile(join(data, "second", "masks", "organ", "c__0.png"), "not a picture");
});
afterAll(() => rm(folder, { recursive: true }));

const evaluate = (...args: string[]) => tendril(["evaluate", model, "--data", data, "--threads", "1", ...args]);

test("JSON holds every annotation and every measure by data set and overall, with the controls paired", async () => {
  const { code, stdout, stderr } = await evaluate("-k", "4", "--single", "--blank", "--json");
  expect([code, stderr]).toEqual([
    0,
    "left out: second/masks/organ/c__0.png is a text file, which is not opened here. Open the image itself.\n",
  ]);
  const report = JSON.parse(stdout);
  const names = report.settings.map(({ name }: { name: string }) => name);
  expect(names).toEqual([expect.stringMatching(/^random-2-/), "one candidate", "blank image"]);
  expect(report.settings).toMatchObject([{ count: 4, isBlank: false }, { count: 1 }, { count: 4, isBlank: true }]);
  expect(report.groups.map(({ group, cases }: { group: string; cases: number }) => [group, cases])).toEqual([
    ["first", 2],
    ["overall", 2],
  ]);
  const { settings, firstMinus } = report.groups[1];
  for (const measure of Object.keys(ANNOTATION_MEASURES)) {
    const [asked, single] = [settings[names[0]][measure], settings["one candidate"][measure]];
    expect(asked.low).toBeLessThanOrEqual(asked.value);
    expect(asked.high).toBeGreaterThanOrEqual(asked.value);
    expect(firstMinus["one candidate"][measure].value).toBeCloseTo(asked.value - single.value, 9);
  }
  for (const { annotations } of report.cases) {
    // Before the first answer the settings cannot differ: the opening strokes are the same.
    expect(new Set(names.map((name: string) => annotations[name][0].ink)).size).toBe(1);
    expect(annotations["one candidate"].every(({ action }: { action: string }) => action !== "pick")).toBe(true);
  }
});

test("the table has a row for each data set and setting, and says what its columns mean", async () => {
  const { code, stdout } = await evaluate("--limit", "1", "--datasets", "first");
  expect(code).toBe(0);
  const [head, first, overall] = stdout.split("\n");
  expect(head).toMatch(/^data +cases +setting +dice@1 .* auc +noi +never +seconds +ink$/);
  expect(first).toMatch(/^first +1 +random-2-[0-9a-f]{8} +0\.\d{3} /);
  expect(overall.replace("overall", "first  ").split(/ +/)).toEqual(first.split(/ +/));
  expect(stdout).toContain("noi      interactions to Dice 0.9; 20 when never");
});

test("--worst draws the cases that went worst, the worst first, and names its rows", async () => {
  const path = join(folder, "worst.png");
  const { code, stdout, stderr } = await evaluate("--datasets", "first", "--worst", path, "--json");
  expect(code).toBe(0);
  const { width, height, channels } = decode(await readFile(path));
  // Four tiles of 128 pixels in a row, twice as large, two rows.
  expect([width, height, channels]).toEqual([6 + 4 * 262, 6 + 2 * 262, 3]);
  const lines = stderr.trim().split("\n");
  expect(lines[0]).toMatch(/case +dice@1 +dice@3 +at last +interactions$/);
  expect(lines).toHaveLength(3);
  for (const line of lines.slice(1))
    expect(line).toMatch(/^row \d +first\/organ\/[ab]__0 +\d\.\d{3} +\d\.\d{3} +\d\.\d{3} +\d+$/);
  const dicesOf = ({ annotations }: { annotations: Record<string, { dice: number }[]> }) =>
    Object.values(annotations)[0].map(({ dice }) => dice.toFixed(3));
  for (const one of JSON.parse(stdout).cases) {
    const dices = dicesOf(one);
    const line = lines.find((text) => text.includes(`/${one.name} `))!;
    expect(line).toContain(` ${dices[0]} `);
    expect(line).toContain(` ${dices.at(-1)} `);
  }
});

test("a folder without cases, damaged cases, and a general model without --data are refused in a sentence", async () => {
  const none = await tendril(["evaluate", model, "--data", join(data, "first", "masks")]);
  expect(none).toMatchObject({ code: 1, stdout: "" });
  expect(none.stderr).toContain("holds no image with a mask.");
  const gone = await tendril(["evaluate", model, "--data", join(folder, "gone")]);
  expect(gone.stderr).toMatch(/^error Can't read .*gone: it does not exist\./);
  const damaged = await evaluate("--datasets", "second");
  expect(damaged).toMatchObject({ code: 1, stdout: "" });
  expect(damaged.stderr).toContain("None of the 1 cases in");
  const disks = await tendril(["evaluate", model]);
  expect(disks).toMatchObject({ code: 2, stdout: "" });
  expect(disks.stderr).toContain("was not trained on disks: they are not its experiment. Use --data.");
});
