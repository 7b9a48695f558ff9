/** P1 for label maps of other programs (COCO): whatever the text is, labels come out or an `ImageFormatError`, and soon. */
import { expect, test } from "vitest";
import type { Rng } from "../../src/core/index.ts";
import { ImageFormatError } from "../../src/image/errors.ts";
import type { LabelMap } from "../../src/image/labels.ts";
import { encodeCoco } from "../../src/image/labels-coco.ts";
import { readLabelMap } from "../../src/image/labels-read.ts";
import { copyWithin, cut, flip, HOSTILE, type Mutate, mutate, mutations, pick } from "../fuzzing.ts";
import { cheaply } from "./bombs.ts";

const map: LabelMap = {
  size: [7, 5, 1],
  data: Uint8Array.from({ length: 35 }, (_, at) => [0, 1, 1, 3][(at * at) % 4]),
  labels: [
    { value: 1, name: "liver", color: "#dd8265" },
    { value: 3, name: "tumour, large", color: "#00ff80" },
  ],
};
const target = { name: "a.png", size: map.size, toWorld: null };
const FILES = [true, false].flatMap((isCompressed) => [
  encodeCoco([{ name: "a.png", labels: map }], isCompressed),
  encodeCoco(
    ["a.png", "b.png"].map((name) => ({ name, labels: map })),
    isCompressed,
  ),
]);

function requireLabels(bytes: Uint8Array): void {
  const { data, labels } = readLabelMap(bytes, "all.json", target);
  const known = new Set([0, ...labels.map(({ value }) => value)]);
  if (data.length !== 35) throw new Error(`${data.length} labels`);
  for (const value of data) if (!known.has(value)) throw new Error(`label ${value}`);
}

test("a COCO file that is cut at any byte is refused", () => {
  for (const whole of FILES) {
    const end = whole.lastIndexOf("}".charCodeAt(0));
    requireLabels(whole);
    for (let length = 0; length <= end; length++)
      expect(() => requireLabels(whole.subarray(0, length))).toThrow(ImageFormatError);
  }
});

const TOKENS = [
  ...HOSTILE.map(String),
  "-1",
  "1e999",
  "0.5",
  "null",
  "true",
  '""',
  '"0"',
  '"~~~~~~~~"',
  "[]",
  "{}",
  "[[[]]]",
  '"\\ud800"',
];
/** One of what the pattern finds, with another in its place. */
const change =
  (pattern: RegExp, other: (rng: Rng, found: RegExpExecArray) => string): Mutate =>
  (rng, bytes) => {
    const written = new TextDecoder().decode(bytes);
    const found = pick(rng, [...written.matchAll(pattern)]);
    const after = found.index + found[0].length;
    return new TextEncoder().encode(written.slice(0, found.index) + other(rng, found) + written.slice(after));
  };
const CHANGES: readonly Mutate[] = [
  change(/-?\d+|"[^"]*"|[[\]{},:]/g, (rng, [found]) => pick(rng, [pick(rng, TOKENS), `${found},${found}`, ""])),
  change(/\d+/g, (rng) => `${rng.below(40)}`),
  change(/\d+/g, (rng) => pick(rng, HOSTILE).toString()),
  // A pixel of one run to the next.
  change(/(\d+),(\d+)/g, (_, [, a, b]) => `${+a + 1},${+b - 1}`),
  change(/"[^"]*"/g, (rng) => JSON.stringify(pick(rng, ["", "a.png", "b.png", "\ud800", "liver\n", "07", "~~~"]))),
  flip,
  cut,
  copyWithin,
];

mutations("COCO", {
  draw: (rng, round) => mutate(rng, FILES[round % FILES.length], CHANGES),
  read: requireLabels,
  readShare: [0.03, 0.8],
});

/** As many as are counted and let through; more are refused before they are made. */
const MANY = 1.9e6;
const coco = (fields: Readonly<Record<string, string>>) => {
  const all = {
    images: '[{"id":1,"file_name":"a.png","width":7,"height":5}]',
    categories: '[{"id":1,"name":"a"}]',
    annotations: "[]",
    ...fields,
  };
  return new TextEncoder().encode(`{${Object.entries(all).map(([name, value]) => `"${name}":${value}`)}}`);
};
const keys = (count: number) => Array.from({ length: count }, (_, i) => `"${i.toString(36)}a":0`);
const object = (counts: string) => `{"image_id":1,"category_id":1,"segmentation":{"size":[5,7],"counts":${counts}}}`;

test.each([
  ["brackets in each other, millions deep", "too-large", () => coco({ info: "[".repeat(MANY) + "]".repeat(MANY) })],
  ["braces in each other, a million deep", "too-large", () => coco({ info: '{"a":'.repeat(1e6) })],
  ["many empty lists", "too-large", () => coco({ info: `[${"[],".repeat(MANY)}[]]` })],
  ["many objects that are none", "bad-header", () => coco({ annotations: `[${"0,".repeat(MANY)}0]` })],
  ["many images that are none", "bad-header", () => coco({ images: `[${"0,".repeat(MANY)}0]` })],
  ["many categories", "bad-header", () => coco({ categories: `[${"0,".repeat(MANY)}0]` })],
  [
    "an image of 2^53 pixels",
    "too-large",
    () => coco({ images: '[{"id":1,"file_name":"a.png","width":94906265,"height":94906265}]' }),
  ],
  ["many runs of nothing, as text", "damaged", () => coco({ annotations: `[${object(`"${"0".repeat(MANY)}"`)}]` })],
  [
    "many runs of nothing, as numbers",
    "damaged",
    () => coco({ annotations: `[${object(`[${"0,".repeat(MANY)}0]`)}]` }),
  ],
  ["many runs of less than nothing", "damaged", () => coco({ annotations: `[${object(`[${"-1,".repeat(MANY)}0]`)}]` })],
  ["half a million names", "bad-header", () => coco({ images: `[{${keys(500_000)}}]` })],
  [
    "100,000 objects on each other",
    "too-large",
    () => coco({ annotations: `[${Array(100_000).fill(object("[0,35]"))}]` }),
  ],
  [
    "a name of many characters",
    "bad-header",
    () => coco({ categories: `[{"id":1,"name":"${"a".repeat(MANY)}"},{"id":1}]` }),
  ],
])("a COCO file that is a bomb is refused cheaply: %s", async (_, code, make) => {
  const bytes = make();
  const error = await cheaply(bytes, () => {
    try {
      requireLabels(bytes);
    } catch (error) {
      return error;
    }
  });
  expect(error).toBeInstanceOf(ImageFormatError);
  expect(error).toMatchObject({ code });
});
