import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode, encode } from "fast-png";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng, visitStroke } from "../../src/core/index.ts";
import { decodeImage, encodeLabels } from "../../src/image/index.ts";
import type { Model } from "../../src/model/index.ts";
import { writeModelFolder } from "../../src/train/index.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { initialModel } from "../model/models.ts";

const GRID = { width: 75, height: 50 };
const folder = mkdtempSync(join(tmpdir(), "tendril-propose-"));
const at = (name: string) => join(folder, name);
const MARKED = ["--inside", at("inside.png"), "--outside", at("outside.png")];

const inside = marks([30, 25], [45, 25]);
const outside = marks([20, 8], [55, 8]);

beforeAll(async () => {
  const rng = Rng.seeded(5);
  const data = Uint16Array.from({ length: GRID.width * GRID.height }, (_, i) => 20_000 + 5 * i + rng.below(3000));
  writeFileSync(at("scan.png"), encode({ ...GRID, data, depth: 16, channels: 1 }));
  writeFileSync(at("inside.png"), encodeLabels(inside, GRID));
  writeFileSync(
    at("outside.png"),
    encodeLabels(
      outside.map((value) => 255 * value),
      GRID,
    ),
  );
  writeFileSync(at("nothing.png"), encodeLabels(new Uint8Array(GRID.width * GRID.height), GRID));
  writeFileSync(at("all.png"), encodeLabels(new Uint8Array(GRID.width * GRID.height).fill(1), GRID));
  writeFileSync(at("larger.png"), encodeLabels(new Uint8Array(76 * 50).fill(1), { width: 76, height: 50 }));
  writeFileSync(at("text.png"), "not a picture");
  await writeModel("model", initialModel(3));
  await writeModel("general", randomModel(6, PLAIN));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function writeModel(name: string, { card, weights }: Model): Promise<void> {
  const { kind, seed, steps, dataSha256, config, runtime } = card;
  await writeModelFolder(at(name), weights, { name: card.name, kind, seed, steps, dataSha256, config, runtime });
}

function marks(from: [number, number], to: [number, number]): Uint8Array {
  const out = new Uint8Array(GRID.width * GRID.height);
  visitStroke({ points: [from, to], width: 4 }, GRID, (i) => {
    out[i] = 1;
  });
  return out;
}

function propose(...args: string[]) {
  const command = ["bin/tendril.mjs", "propose", "--threads", "1", ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: "utf8" });
  return { status, stdout, stderr };
}

const withGeneral = (...args: string[]) => propose(at("scan.png"), "--model", at("general"), ...args);
const withModel = (...args: string[]) => propose(at("scan.png"), "--model", at("model"), ...args);

test("candidates are written as masks of the image's size that keep what was marked, with a sheet and a list", () => {
  const { status, stdout, stderr } = withModel(...MARKED, "-k", "3", "-o", at("first"));
  expect([status, stderr]).toEqual([0, ""]);
  const list = JSON.parse(readFileSync(at("first/candidates.json"), "utf8"));
  expect(list).toMatchObject({ image: "scan.png", width: 75, height: 50, seed: 1 });
  expect(list.model).toMatch(/^untrained-3-[0-9a-f]{8}$/);
  expect(list.candidates.length).toBeGreaterThan(0);
  expect(list.candidates.length).toBeLessThanOrEqual(3);
  const files = list.candidates.map((_: unknown, i: number) => `candidate-${i + 1}.png`);
  expect(list.candidates.map(({ file }: { file: string }) => file)).toEqual(files);
  expect(readdirSync(at("first")).sort()).toEqual([...files, "candidates.json", "candidates.png"].sort());
  for (const { file, box, added } of list.candidates) {
    expect(stdout).toContain(`${file}  adds ${added.inside} pixels inside and ${added.outside} outside`);
    const { width, height, data } = readPng(`first/${file}`);
    expect([width, height]).toEqual([75, 50]);
    const count = { inside: 0, outside: 0 };
    for (const [i, value] of data.entries()) {
      if (inside[i]) expect(value).toBe(1);
      else if (outside[i]) expect(value).toBe(2);
      else if (value === 1) count.inside++;
      else if (value === 2) count.outside++;
      else expect(value).toBe(0);
      const [x, y] = [i % width, Math.floor(i / width)];
      const inBox = x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
      if (!inBox && !inside[i] && !outside[i]) expect(value).toBe(0);
    }
    expect(count).toEqual(added);
  }
});

test("the sheet shows the marks in the first tile, inside red and outside blue", () => {
  const { status } = withModel(...MARKED, "-k", "1", "-o", at("sheet"), "--json");
  expect(status).toBe(0);
  const { candidates } = JSON.parse(readFileSync(at("sheet/candidates.json"), "utf8"));
  const { width, colour } = readColours("sheet/candidates.png");
  const { box } = candidates[0];
  const zoom = 320 / Math.max(box.width, box.height);
  expect(width).toBe(6 + 2 * (Math.floor(box.width * zoom) + 6));
  const shown = (x: number, y: number) =>
    colour(6 + Math.floor((x - box.x + 0.5) * zoom), 6 + Math.floor((y - box.y + 0.5) * zoom));
  const [red, , blueInRed] = shown(38, 25);
  expect(red).toBeGreaterThan(blueInRed + 80);
  const [redInBlue, , blue] = shown(38, 8);
  expect(blue).toBeGreaterThan(redInBlue + 80);
  const [r, g, b] = shown(38, 40);
  expect([g, b]).toEqual([r, r]);
});

test("the same seed writes the same bytes, another seed others, and --json prints the list", () => {
  const once = withModel(...MARKED, "--seed", "7", "-o", at("once"), "--json");
  const twice = withModel(...MARKED, "--seed", "7", "-o", at("twice"), "--json");
  const other = withModel(...MARKED, "--seed", "8", "-o", at("other"), "--json");
  expect(JSON.parse(once.stdout)).toEqual(JSON.parse(readFileSync(at("once/candidates.json"), "utf8")));
  expect(twice.stdout).toBe(once.stdout);
  for (const name of readdirSync(at("once")))
    expect(readFileSync(join(at("twice"), name)).equals(readFileSync(join(at("once"), name)))).toBe(true);
  expect(JSON.parse(other.stdout).candidates).not.toEqual(JSON.parse(once.stdout).candidates);
});

test("where everything is marked already the answer is that no larger region was found", () => {
  const { status, stdout } = withModel("--inside", at("all.png"), "-o", at("full"));
  expect([status, stdout.trim()]).toEqual([0, "No larger region found. Mark a few pixels where it should grow."]);
  expect(JSON.parse(readFileSync(at("full/candidates.json"), "utf8")).candidates).toEqual([]);
});

test("a general model's candidates come likeliest first, keep what is marked, and follow the step", () => {
  const whole = withGeneral(...MARKED, "-o", at("whole"), "--json");
  expect([whole.status, whole.stderr]).toEqual([0, ""]);
  const list = JSON.parse(whole.stdout);
  expect(list).toMatchObject({ step: 1, features: false });
  const [, ...others] = list.candidates.map(({ support }: { support: number }) => support);
  expect(others).toEqual(others.toSorted((a: number, b: number) => b - a));
  for (const { file } of list.candidates) {
    const { data } = readPng(`whole/${file}`);
    for (const [i, value] of data.entries()) {
      if (inside[i]) expect(value).toBe(1);
      else if (outside[i]) expect(value).toBe(2);
    }
  }
  const little = withGeneral(...MARKED, "--step", "0.1", "-o", at("little"));
  expect(little.stdout).toMatch(/ {2}\d+ of 26 answers\n/);
  const littleList = JSON.parse(readFileSync(at("little/candidates.json"), "utf8"));
  expect(littleList.step).toBe(0.1);
  expect(littleList.candidates).not.toEqual(list.candidates);
});

const refusals: [string, string[], number, string][] = [
  [
    "a mask of another size",
    [...["--inside", at("larger.png")], "-o", at("no")],
    2,
    "larger.png is 76 x 50 but scan.png is 75 x 50.",
  ],
  ["masks in which nothing is marked", ["--inside", at("nothing.png"), "-o", at("no")], 2, "Nothing is marked."],
  ["no masks at all", ["-o", at("no")], 2, "Nothing is marked."],
  [
    "pixels both inside and outside",
    ["--inside", at("all.png"), "--outside", at("outside.png"), "-o", at("no")],
    2,
    `all.png and outside.png mark the same pixels, ${outside.filter(Boolean).length} of them, the first at x 20, y 6.`,
  ],
  ["a missing mask", ["--inside", at("gone.png"), "-o", at("no")], 1, "gone.png: it does not exist."],
  ["a mask that is no picture", ["--inside", at("text.png"), "-o", at("no")], 1, "text.png "],
  ["a missing model", [...MARKED, "-o", at("no"), "--model", at("gone")], 1, "model.json: it does not exist."],
  ["an output folder that exists", [...MARKED, "-o", at("model")], 1, "it exists already."],
  ["a count that is too large", [...MARKED, "-o", at("no"), "-k", "65"], 2, "Give a whole number from 1 to 64."],
  ["a step beyond all", [...MARKED, "-o", at("no"), "--step", "1.5"], 2, "Give a number above 0 and at most 1"],
  [
    "insisting on features that the model does not use",
    [...MARKED, "-o", at("no"), "--features"],
    2,
    "uses no features of the image. Leave out --features.",
  ],
  ["a missing output folder", MARKED, 2, "required option '-o, --output <folder>' not specified"],
];

test.each(refusals)("%s is refused in a sentence, and nothing is written", (_, args, code, sentence) => {
  const before = readdirSync(folder);
  const { status, stdout, stderr } = withModel(...args);
  expect(stderr).toContain(sentence);
  expect(stderr).not.toMatch(/\n\s+at /);
  expect([status, stdout]).toEqual([code, ""]);
  expect(readdirSync(folder)).toEqual(before);
});

function readPng(name: string) {
  return decodeImage(readFileSync(at(name)), name);
}

function readColours(name: string) {
  const { width, data, channels } = decode(readFileSync(at(name)));
  expect(channels).toBe(3);
  return { width, colour: (x: number, y: number) => [0, 1, 2].map((c) => data[3 * (y * width + x) + c]) };
}
