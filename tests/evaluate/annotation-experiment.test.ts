import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import {
  annotateAll,
  type CaseFile,
  findCases,
  measureAnnotation,
  reportAnnotations,
  type Setting,
} from "../../src/evaluate/index.ts";
import type { Proposer } from "../../src/model/index.ts";
import { put, writeData } from "../train/made-data.ts";

let folder: string;
let files: CaseFile[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-experiment-"));
  await writeData(folder);
  await put(join(folder, "disks", "masks", "dim", "subject0__0.png"), "not a picture");
  files = (await findCases(folder, { datasets: [], split: null })).filter(({ name }) => name.startsWith("subject0"));
});
afterAll(() => rm(folder, { recursive: true }));

/** Proposes all that is left as outside, and counts the images that it encodes. */
function timid(encoded: number[]): Proposer {
  return {
    name: "timid",
    answers: 1,
    usesFeatures: true,
    probabilities: null,
    encode: async ({ data }) => {
      encoded.push(Math.max(...data));
      return { projected: new Float32Array(1), channels: new Float32Array(1) };
    },
    propose: async ({ width, height }, { segmentation }) => {
      const partial = { width, height, partialness: new Uint8Array(width * height).fill(1), segmentation };
      return [{ box: { x: 0, y: 0, width, height }, partial, support: 1, added: { inside: 0, outside: 1 } }];
    },
    prepareForFeatures: async () => undefined,
    close: async () => undefined,
  };
}

const settingOf = (proposer: Proposer, rest: Partial<Setting> = {}): Setting => ({
  ...{
    name: "asked",
    proposer,
    count: 8,
    steps: [1],
    encoder: new Uint8Array(1),
    opening: "stroke",
    pen: "scribble",
    isBlank: false,
  },
  ...rest,
});

test("settings see the same cases with the same strokes, and an image is encoded once for those that see it", async () => {
  const encoded: number[] = [];
  const proposer = timid(encoded);
  const settings = [settingOf(proposer), settingOf(proposer, { count: 1 }), settingOf(proposer, { isBlank: true })];
  const done: number[] = [];
  const { cases, refused, tooSmall } = await annotateAll(settings, files, Rng.seeded(1), (n) => done.push(n));
  expect(cases.map(({ structure, name }) => `${structure} ${name}`)).toEqual([
    "bright subject0__0",
    "bright subject0__1",
    "dim subject0__1",
  ]);
  expect([refused.length, tooSmall, done]).toEqual([1, 0, [0, 1, 2, 3, 4]]);
  expect(refused[0]).toContain("disks/masks/dim/subject0__0.png");
  // Once as it is and once gray all over, for each of three cases.
  expect(encoded).toEqual([255, 128, 255, 128, 255, 128]);
  for (const { annotations } of cases) expect(annotations[1]).toEqual(annotations[0]);
  // This proposer does not look: the blank image changes nothing.
  for (const { annotations } of cases) expect(annotations[2]).toEqual(annotations[0]);
});

test("the report has each data set and all together, and the first setting minus the others", async () => {
  const proposer = timid([]);
  const { cases } = await annotateAll([settingOf(proposer), settingOf(proposer)], files, Rng.seeded(1));
  const groups = reportAnnotations(
    cases.map((one, i) => ({ ...one, dataset: i === 0 ? "other" : one.dataset })),
    Rng.seeded(2),
  );
  expect(groups.map(({ group, cases: count }) => [group, count])).toEqual([
    ["disks", 2],
    ["other", 1],
    ["overall", 3],
  ]);
  const [, other, overall] = groups;
  expect(other.settings[0].auc.value).toBe(measureAnnotation(cases[0].annotations[0]).auc);
  expect(overall.differences).toHaveLength(1);
  expect(overall.differences[0].auc).toEqual({ value: 0, low: 0, high: 0 });
});
