import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { encode } from "fast-png";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CaseFile, chooseCases, findCases, readCase, SIDE } from "../../src/evaluate/index.ts";
import { isHeldBack } from "../../src/train/index.ts";
import { count, rectangle } from "./masks.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-evaluate-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function png(path: string, data: Uint8Array, width: number, height: number): Promise<void> {
  const file = join(folder, path);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, encode({ width, height, data, depth: 8, channels: 1 }));
}

/** A bright rectangle of 12 x 9 on a dark ramp, and its mask for each structure. */
async function subject(dataset: string, name: string, structures: readonly string[], width = 40, height = 30) {
  const inside = rectangle({ width, height }, 8, 6, 12, 9);
  const image = inside.map((value, i) => 10 + (i % width) + 150 * value);
  await png(`${dataset}/images/${name}.png`, image, width, height);
  for (const structure of structures)
    await png(
      `${dataset}/masks/${structure}/${name}.png`,
      inside.map((value) => 255 * value),
      width,
      height,
    );
}

const all = { datasets: [], split: null };
const label = ({ dataset, structure, name }: CaseFile) => `${dataset}/${structure}/${name}`;

describe("a case", () => {
  test("is scaled to the square, padded, and stretched over all values", async () => {
    await subject("scaled", "p1__0", ["organ"]);
    const [file] = await findCases(join(folder, "scaled"), all);
    const { image, valid, truth, dataset } = (await readCase(file))!;
    expect([image.width, image.height, dataset]).toEqual([SIDE, SIDE, "scaled"]);
    // 40 x 30 becomes 128 x 96, 16 rows from the top.
    expect(valid).toEqual(rectangle({ width: SIDE, height: SIDE }, 0, 16, 128, 96));
    const onImage = image.data.filter((_, i) => valid[i] === 1);
    expect([Math.min(...onImage), Math.max(...onImage)]).toEqual([0, 255]);
    expect(image.data.every((value, i) => valid[i] === 1 || value === 0)).toBe(true);
    // 12 x 9 pixels at 3.2 times the size are 38.4 x 28.8.
    expect(Math.abs(count(truth) - 38.4 * 28.8)).toBeLessThan(38 + 29);
    const inside = image.data.filter((_, i) => truth[i] === 1);
    expect(Math.min(...inside)).toBeGreaterThan(100);
  });

  test("is read at another size when that is asked", async () => {
    await subject("larger", "p1__0", ["organ"]);
    const [file] = await findCases(join(folder, "larger"), all);
    const [usual, larger] = [(await readCase(file))!, (await readCase({ ...file, size: 320 }))!];
    expect([larger.image.width, larger.image.height, larger.valid.length]).toEqual([320, 320, 320 * 320]);
    expect(larger.valid).toEqual(rectangle({ width: 320, height: 320 }, 0, 40, 320, 240));
    expect(Math.abs(count(larger.truth) / count(usual.truth) / 2.5 ** 2 - 1)).toBeLessThan(0.05);
  });

  test("of a structure under 30 pixels is none", async () => {
    await subject("small", "p1__0", ["organ"], 300, 280);
    const [file] = await findCases(join(folder, "small"), all);
    expect(await readCase(file)).toBeNull();
  });

  test("with a mask of another size, or a file that is no image, is refused by name", async () => {
    await subject("broken", "p1__0", ["organ", "other"]);
    await png("broken/masks/organ/p1__0.png", new Uint8Array(25), 5, 5);
    await writeFile(join(folder, "broken/masks/other/p1__0.png"), "not a picture");
    const [organ, other] = await findCases(join(folder, "broken"), all);
    await expect(readCase(organ)).rejects.toThrow("broken/masks/organ/p1__0.png is 5x5, but its image is 40x30.");
    await expect(readCase(other)).rejects.toThrow("broken/masks/other/p1__0.png ");
  });
});

describe("the cases of a folder", () => {
  beforeAll(async () => {
    for (let s = 0; s < 24; s++) await subject("data/trained", `p${s}__0`, s < 20 ? ["large"] : ["large", "rare"]);
    await subject("data/unseen", "q1__0", ["organ"]);
    // A mask without an image, and an image without a mask, are no cases.
    await png("data/unseen/masks/organ/q2__0.png", new Uint8Array(4), 2, 2);
    await png("data/unseen/images/q3__0.png", new Uint8Array(4), 2, 2);
    await writeFile(
      join(folder, "data/manifest.json"),
      JSON.stringify({ datasets: { trained: { split: "train" }, unseen: { split: "dev" } } }),
    );
  });
  const data = () => join(folder, "data");

  test("are its images with masks, each structure one", async () => {
    const cases = await findCases(data(), all);
    expect(cases).toHaveLength(24 + 4 + 1);
    expect(cases.slice(-5).map(label)).toEqual([
      "trained/rare/p20__0",
      "trained/rare/p21__0",
      "trained/rare/p22__0",
      "trained/rare/p23__0",
      "unseen/organ/q1__0",
    ]);
    expect((await findCases(data(), { datasets: ["unseen"], split: null })).map(label)).toEqual(["unseen/organ/q1__0"]);
  });

  test("can be those of held-back subjects alone, of the others, or of one of the manifest's splits", async () => {
    const [validation, train, dev] = await Promise.all(
      ["validation", "train", "dev"].map((split) => findCases(data(), { datasets: [], split })),
    );
    expect(validation.length).toBeGreaterThan(0);
    expect(validation.every((file) => file.dataset === "trained" && isHeldBack(file))).toBe(true);
    expect(train.some(isHeldBack)).toBe(false);
    expect(validation.length + train.length).toBe(28);
    expect(dev.map(label)).toEqual(["unseen/organ/q1__0"]);
  });

  test("are limited by data set, a rare structure having its turn, and the same for the same seed", async () => {
    const cases = await findCases(data(), all);
    const chosen = chooseCases(cases, 6, 1);
    expect(chosen.map(({ dataset }) => dataset)).toEqual([...Array(6).fill("trained"), "unseen"]);
    expect(chosen.filter(({ structure }) => structure === "rare")).toHaveLength(3);
    expect(new Set(chosen.map(label)).size).toBe(7);
    expect(chooseCases(cases, 6, 1)).toEqual(chosen);
    expect(chooseCases(cases, 6, 2)).not.toEqual(chosen);
    expect(chooseCases(cases, 0, 1).map(label).sort()).toEqual(cases.map(label).sort());
  });

  test("that are none are an error which says what is needed", async () => {
    await expect(findCases(join(folder, "nowhere"), all)).rejects.toThrow("nowhere: it does not exist.");
    await expect(findCases(data(), { datasets: ["gone"], split: null })).rejects.toThrow(
      "holds no image with a mask in gone. It needs <dataset>/images/NAME.png",
    );
    await expect(findCases(data(), { datasets: [], split: "test" })).rejects.toThrow(
      "belongs to the split test. There are: validation, train, dev.",
    );
    await writeFile(join(folder, "scaled/manifest.json"), "[]");
    await mkdir(join(folder, "odd/one/images"), { recursive: true });
    await expect(findCases(join(folder, "odd"), all)).rejects.toThrow("holds no image with a mask.");
    await subject("manifest/one", "p1__0", ["organ"]);
    await writeFile(join(folder, "manifest/manifest.json"), "{}");
    await expect(findCases(join(folder, "manifest"), { datasets: [], split: "train" })).rejects.toThrow(
      "does not name the splits",
    );
  });
});
