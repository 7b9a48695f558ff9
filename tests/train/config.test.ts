/** Wrong configurations and wrong uses of `tendril train`: one clear sentence each, before anything is written. */
import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { UsageError } from "../../src/core/index.ts";
import { optimiserOf, parseConfig } from "../../src/train/index.ts";
import { tendril } from "./command.ts";
import { TINY_GENERAL } from "./made-data.ts";
import { placeForRuns, TINY } from "./tiny.ts";

type Json = Record<string, unknown>;

/** TINY as text, with the value at `path` replaced; `undefined` takes the key away. */
function configWith(path: string, value: unknown): string {
  const config = structuredClone(TINY) as unknown as Json;
  const keys = path.split(".");
  const last = keys.pop() as string;
  const holder = keys.reduce((object, key) => object[key] as Json, config);
  holder[last] = value;
  return JSON.stringify(config);
}

function refusal(text: string): string {
  try {
    parseConfig(text, "run.json");
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError);
    return (error as Error).message;
  }
  throw new Error(`accepted: ${text}`);
}

test("the shipped configuration and the tests' own are accepted as they stand", async () => {
  const paper = await readFile("configs/paper.json", "utf8");
  expect(parseConfig(paper, "paper.json")).toEqual(JSON.parse(paper));
  for (const name of ["disks.json", "general.json", "adapt.json"])
    expect(() => parseConfig(readFileSync(`configs/${name}`, "utf8"), name)).not.toThrow();
  expect(parseConfig(JSON.stringify(TINY), "tiny.json")).toEqual(TINY);
});

test("shares of a general run's tasks do not exceed one whole, and textured scenes are among them", () => {
  const withScenes = (texturedScenes: unknown) =>
    JSON.stringify({ ...TINY_GENERAL, data: { ...TINY_GENERAL.data, texturedScenes } });
  expect(() => parseConfig(withScenes({ images: 10, share: 0.5 }), "run.json")).not.toThrow();
  expect(refusal(withScenes({ images: 10, share: 0.6 }))).toContain("must not exceed 1 together");
  for (const [images, share] of [
    [0, 0.1],
    [1.5, 0.1],
    [10, -0.1],
  ])
    expect(refusal(withScenes({ images, share }))).toContain("data.texturedScenes.");
  expect(refusal(withScenes({ share: 0.1 }))).toContain("data.texturedScenes.images");
});

test("every key is needed, and no other is allowed", () => {
  const paths = (value: unknown, path: string): string[] =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => [
          ...(path ? [`${path}.${key}`] : [key]),
          ...paths(inner, path ? `${path}.${key}` : key),
        ])
      : [];
  const all = paths(TINY, "");
  expect(all.length).toBeGreaterThan(30);
  for (const path of all) {
    expect(refusal(configWith(path, undefined)), path).toContain(`${path}: `);
    const parent = path.split(".").slice(0, -1).join(".");
    const typo = refusal(configWith(`${parent ? `${parent}.` : ""}typo`, 1));
    expect(typo).toBe(
      `run.json: ${parent || "the file"}: Unrecognized key: "typo". Compare it with configs/paper.json.`,
    );
  }
});

const IMPOSSIBLE: [path: string, value: unknown][] = [
  ["name", ""],
  ["name", "../../etc"],
  ["name", "Über"],
  ["name", "a".repeat(65)],
  ["kind", "unet"],
  ["seed", -1],
  ["seed", 0.5],
  ["seed", 2 ** 60],
  ["seed", "1"],
  ["steps", 0],
  ["steps", 1e9],
  ["steps", null],
  ["batch", 0],
  ["batch", 5000],
  ["batch", 2.5],
  ["checkpointEvery", 0],
  ["checkpointEvery", true],
  ["data.images", 0],
  ["data.disks.size", 33],
  ["data.disks.disks", 0],
  ["data.disks.disks", 9],
  ["data.disks.radius", [9, 5]],
  ["data.disks.radius", [5]],
  ["data.disks.radius", [0, 5]],
  ["data.disks.intensity", [0.5, 0.4]],
  ["data.disks.intensity", [0.2, 1.5]],
  ["data.disks.background", 0],
  ["data.disks.noise", -0.1],
  ["data.pairs.labels", 1],
  ["data.pairs.given", [0, 1]],
  ["data.pairs.given", [1, 1.5]],
  ["loss.beta0", -1],
  ["loss.beta1", 1e300],
  ["optimiser.learningRate", 0],
  ["optimiser.learningRate", 2],
  ["optimiser.schedule", "linear"],
  ["optimiser.warmup", -1],
  ["optimiser.floor", 2],
  ["optimiser.beta1", 1],
  ["optimiser.beta2", -0.1],
  ["optimiser.epsilon", 0],
  ["optimiser.weightDecay", 1],
  ["optimiser.clipNorm", 0],
  ["optimiser.average", 1],
  ["optimiser", []],
  ["data", "disks"],
];

test("an impossible value is refused with its place", () => {
  for (const [path, value] of IMPOSSIBLE) {
    const message = refusal(configWith(path, value));
    expect(message, message).toMatch(new RegExp(`^run\\.json: ${path.replaceAll(".", "\\.")}[:.]`));
    expect(message).toMatch(/\. Compare it with configs\/paper\.json\.$/);
    expect(message).not.toContain("\n");
  }
});

test("values that are possible alone but not together are refused with both", () => {
  expect(refusal(configWith("data.pairs.labels", 6))).toContain("given and added together must not exceed labels");
  expect(refusal(configWith("data.disks.contrast", 0.2))).toContain("2 x disks x contrast");
  expect(refusal(configWith("optimiser.warmup", 12))).toContain("optimiser.warmup must be smaller than steps");
});

test("two faults are told at once", () => {
  const text = JSON.stringify({ ...TINY, steps: 0, typo: 1 });
  const message = refusal(text);
  expect(message).toContain("steps: ");
  expect(message).toContain('"typo"');
});

test("what is not a configuration at all is refused in one line", () => {
  for (const text of [
    "",
    "{",
    "[]",
    "null",
    "3",
    '"text"',
    "{}\n{}",
    "\0",
    "\uFEFF",
    `{\n  "name": \n`,
    '{"__proto__": {}}',
  ])
    expect(refusal(text)).toMatch(/^run\.json(:| is not JSON:) [^\n]+ Compare it with configs\/paper\.json\.$/);
});

test("the schedule takes the run's length", () => {
  const { schedule: _, warmup, floor, ...rest } = TINY.optimiser;
  expect(optimiserOf(TINY)).toEqual({ ...rest, schedule: { kind: "cosine", warmup, steps: TINY.steps, floor } });
  const constant = { ...TINY, optimiser: { ...TINY.optimiser, schedule: "constant" as const } };
  expect(optimiserOf(constant)).toEqual({ ...rest, schedule: { kind: "constant", warmup } });
});

let place: string;
beforeAll(async () => {
  place = await placeForRuns();
});
afterAll(() => rm(place, { recursive: true }));

test("wrong uses of the command end with code 1 or 2, one sentence and no stack trace, and write nothing", async () => {
  const write = async (name: string, text: string) => {
    await writeFile(join(place, name), text);
    return join(place, name);
  };
  const good = await write("good.json", JSON.stringify(TINY));
  const typo = await write("typo.json", configWith("typo", 1));
  const impossible = await write("impossible.json", configWith("steps", -3));
  const noJson = await write("no-json.json", "steps: 3\nbatch: 2\n");
  const large = await write("large.json", " ".repeat(2 ** 20 + 1));
  await mkdir(join(place, "full"));
  await writeFile(join(place, "full", "letter.txt"), "mine");
  const before = (await readdir(place)).sort();
  const output = join(place, "out");

  const uses: [args: string[], code: number, says: RegExp][] = [
    [
      [typo, "-o", output],
      2,
      /^error typo\.json: the file: Unrecognized key: "typo"\. Compare it with configs\/paper\.json\.\n$/,
    ],
    [[impossible, "-o", output], 2, /^error impossible\.json: steps: .*\n$/],
    [[noJson, "-o", output], 2, /^error no-json\.json is not JSON: .*\n$/],
    [
      [large, "-o", output],
      1,
      /^error Can't read .*large\.json: it holds 1048577 bytes, and 1048576 is the limit\. .*\n$/,
    ],
    [[join(place, "absent.json"), "-o", output], 1, /^error Can't read .*absent\.json: it does not exist\. .*\n$/],
    [[place, "-o", output], 1, /^error Can't read .*: it is a folder\. Name a file\.\n$/],
    [
      [good, "-o", join(place, "full")],
      2,
      /^error .*full is not empty and holds no run\. Name another folder with -o\.\n$/,
    ],
    [[good, "-o", typo], 1, /^error Can't read .*: a part of its path is a file, not a folder\. .*\n$/],
    [
      [good, "-o", output, "--seed", "-1"],
      2,
      /^error: .*'--seed <number>' argument '-1' is invalid\. Give a whole number, 0 or more\./,
    ],
    [[good, "-o", output, "--threads", "two"], 2, /^error: .*'two' is invalid\. Give a whole number, 0 or more\./],
    [[good, "-o", output, "--typo"], 2, /^error: unknown option '--typo'/],
    [[], 2, /^error: missing required argument 'config'/],
  ];
  for (const [args, code, says] of uses) {
    const ended = await tendril(["train", ...args]);
    expect(ended.stderr, args.join(" ")).toMatch(says);
    expect(ended.stderr).not.toMatch(/\n\s+at /);
    expect(ended.stdout).toBe("");
    expect(ended.code, ended.stderr).toBe(code);
  }
  expect((await readdir(place)).sort()).toEqual(before);
  expect(await readdir(join(place, "full"))).toEqual(["letter.txt"]);
}, 120_000);
