/** A folder of images with masks: what is taken, what is left out and named, and what is refused. */
import { appendFile, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { emptyMask, type Grid } from "../../src/core/index.ts";
import { encodeLabels } from "../../src/image/index.ts";
import {
  type AnnotatedImage,
  loadAnnotatedImages,
  loadOwnImages,
  type OwnImage,
} from "../../src/train/annotated-images.ts";
import { SCENES } from "../../src/train/scene-images.ts";
import { ALL_IMAGES, madeScene, put, SIDE, writeData } from "./made-data.ts";
import { placeForRuns } from "./tiny.ts";

let folder: string;

beforeEach(async () => {
  folder = await placeForRuns();
  onTestFinished(() => rm(folder, { recursive: true }));
});

const load = (leaveOut: string[] = [], imagesPerDataset: number | null = null) =>
  loadAnnotatedImages(folder, { leaveOut, imagesPerDataset });
const refusal = () =>
  load().then(
    () => "accepted",
    (error: Error) => `${error.name}: ${error.message}`,
  );

test("every image is there with its masks, pixel for pixel, and every label map without any", async () => {
  await writeData(folder);
  const { items, pixels, refused } = await load();
  expect(refused).toEqual([]);
  expect(items.map(({ kind }) => kind)).toEqual([...Array<string>(8).fill("image"), "labels"]);
  for (const [k, { masks, offset, ...item }] of items.slice(0, 8).entries()) {
    const of = (at: number) => pixels.slice(at, at + SIDE.width * SIDE.height);
    const { image, disks } = madeScene(k);
    expect(item).toMatchObject({
      ...SIDE,
      dataset: "disks",
      name: `subject${k >> 1}__${k % 2}`,
      subject: `subject${k >> 1}`,
    });
    expect([...of(offset)]).toEqual([...image]);
    expect(masks.map(({ structure }) => structure)).toEqual(["bright", "dim"]);
    for (const [m, mask] of masks.entries()) expect([...of(mask.offset)]).toEqual([...disks[m]]);
  }
});

test("images of one subject are held back together or not at all", async () => {
  for (const dataset of ["a", "b", "c"]) await writeData(folder, dataset);
  const splits = new Map<string, Set<string>>();
  for (const { dataset, subject, split, kind } of (await load()).items) {
    if (kind === "labels") continue;
    const key = `${dataset}/${subject}`;
    splits.set(key, (splits.get(key) ?? new Set()).add(split));
  }
  expect(splits.size).toBe(12);
  for (const [subject, found] of splits) expect(found.size, subject).toBe(1);
});

describe("scenes painted with textures of the images", () => {
  const scenesIn = async (images: number) => {
    const loaded = await loadAnnotatedImages(folder, { ...ALL_IMAGES, texturedScenes: { images } });
    const bytes = (offset: number, { width, height }: Grid) => loaded.pixels.slice(offset, offset + width * height);
    const scenes = loaded.items.filter(({ dataset }) => dataset === SCENES);
    return { loaded, scenes, bytesOf: (item: AnnotatedImage) => bytes(item.offset, item), bytes };
  };
  const change = async (subject: string) => {
    const name = `${subject}__0.png`;
    const { image } = madeScene(0);
    await put(
      join(folder, "disks", "images", name),
      encodeLabels(
        image.map((value, i) => (value * (1 + (i % 3))) % 256),
        SIDE,
      ),
    );
  };

  test("are images with masks, all to train on, and come beside those of the folder", async () => {
    await writeData(folder);
    const alone = await load();
    const { loaded, scenes, bytes, bytesOf } = await scenesIn(5);
    expect(loaded.items.slice(0, alone.items.length)).toEqual(alone.items);
    expect(scenes.map(({ split, kind }) => [split, kind])).toEqual(Array(5).fill(["train", "image"]));
    for (const scene of scenes) {
      for (const { offset } of scene.masks) expect(new Set(bytes(offset, scene))).toEqual(new Set([0, 1]));
      const { data, ...grid } = await loaded.original(scene);
      expect(grid).toEqual({ width: 192, height: 192 });
      expect(Buffer.from(data as Uint8Array).equals(bytesOf(scene))).toBe(true);
    }
  });

  test("are the same for the same images, however many there are", async () => {
    await writeData(folder);
    const [few, many] = [await scenesIn(2), await scenesIn(3)];
    for (const [n, scene] of few.scenes.entries()) expect(few.bytesOf(scene)).toEqual(many.bytesOf(many.scenes[n]));
    expect(many.bytesOf(many.scenes[2])).not.toEqual(many.bytesOf(many.scenes[1]));
  });

  test("show nothing of subjects that are held back", async () => {
    await writeData(folder);
    const before = await scenesIn(12);
    const subjectOf = (split: string) =>
      before.loaded.items.find((item) => item.split === split && item.kind === "image");
    const all = ({ scenes, bytesOf }: typeof before) => scenes.map(bytesOf);
    await change(subjectOf("validation")!.subject);
    expect(all(await scenesIn(12))).toEqual(all(before));
    await change(subjectOf("train")!.subject);
    expect(all(await scenesIn(12))).not.toEqual(all(before));
  });

  test("are refused beside a data set of their name", async () => {
    await writeData(folder, SCENES);
    await expect(scenesIn(1)).rejects.toThrow(`${SCENES} has the name of the scenes`);
    await expect(load()).resolves.toBeDefined();
  });
});

test("of a large dataset as many images are taken as were asked for, evenly spaced", async () => {
  for (const dataset of ["a", "b"]) await writeData(folder, dataset);
  const names = async (most: number) =>
    (await load([], most)).items
      .filter(({ kind }) => kind === "image")
      .map(({ dataset, name }) => `${dataset}/${name}`);
  // Eight images and a label map in each.
  expect(await names(3)).toEqual(
    ["a", "b"].flatMap((dataset) => ["subject0__0", "subject1__1", "subject3__0"].map((name) => `${dataset}/${name}`)),
  );
  expect(await names(100)).toHaveLength(16);
});

test("where chance would hold back every subject, all are trained on", async () => {
  // Of 60 folders with one image each, one in eight is held back: never the only one.
  for (let k = 0; k < 60; k += 1) {
    const alone = join(folder, `${k}`);
    await put(join(alone, "set", "images", `only${k}.png`), encodeLabels(madeScene(1).image, SIDE));
    await put(join(alone, "set", "masks", "disk", `only${k}.png`), encodeLabels(madeScene(1).disks[0], SIDE));
    expect((await loadAnnotatedImages(alone, ALL_IMAGES)).items.map(({ split }) => split)).toEqual(["train"]);
  }
});

test("masks of 0 and 1 count as those of 0 and 255: every pixel that is not black is inside", async () => {
  await writeData(folder);
  const before = await load();
  for (const [structure, k] of [
    ["bright", 0],
    ["dim", 1],
  ] as const)
    await put(join(folder, "disks", "masks", structure, "subject0__0.png"), encodeLabels(madeScene(0).disks[k], SIDE));
  const after = await load();
  expect(after.items).toEqual(before.items);
  expect(after.pixels).toEqual(before.pixels);
});

test("a large image is kept at 192 pixels, its intensities and masks averaged", async () => {
  const grid = { width: 400, height: 100 };
  const half = Uint8Array.from({ length: 40_000 }, (_, i) => Number(i % 400 < 200));
  await put(
    join(folder, "set", "images", "wide.png"),
    encodeLabels(
      half.map((value) => 50 + 100 * value),
      grid,
    ),
  );
  await put(join(folder, "set", "masks", "left", "wide.png"), encodeLabels(half, grid));
  const { items, pixels } = await load();
  expect(items[0]).toMatchObject({ width: 192, height: 48 });
  const row = pixels.subarray(items[0].offset, items[0].offset + 192);
  expect([row[0], row[95], row[96], row[191]]).toEqual([150, 150, 50, 50]);
  const mask = pixels.subarray(items[0].masks[0].offset, items[0].masks[0].offset + 192);
  expect([mask[0], mask[95], mask[96], mask[191]]).toEqual([1, 1, 0, 0]);
});

test("only the manifest's training sets are taken, and none that is left out by name", async () => {
  for (const dataset of ["a", "b", "c"]) await writeData(folder, dataset);
  const manifest = { datasets: { a: { split: "train" }, b: { split: "dev_heldout" }, c: { split: "train" } } };
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  const datasets = async (leaveOut: string[]) => [
    ...new Set((await load(leaveOut)).items.map(({ dataset }) => dataset)),
  ];
  expect(await datasets([])).toEqual(["a", "c"]);
  expect(await datasets(["a"])).toEqual(["c"]);
});

test("a damaged manifest is an error that says what it must hold, not a folder of which all is taken", async () => {
  await writeData(folder);
  for (const text of ["", "{", "[]", '{"datasets": 3}', '{"datasets": {"disks": {}}}']) {
    await writeFile(join(folder, "manifest.json"), text);
    expect(await refusal(), text).toMatch(
      /^DataError: .*manifest\.json does not say which datasets are for training\. It needs /,
    );
  }
});

test("a folder that is missing, empty, or holds images alone is an error that says what is needed", async () => {
  const needed =
    /holds no image with a mask\. It needs <dataset>\/images\/NAME\.png and <dataset>\/masks\/<structure>\/NAME\.png\./;
  expect(await refusal()).toMatch(needed);
  await put(join(folder, "set", "images", "a.png"), encodeLabels(madeScene(0).image, SIDE));
  expect(await refusal()).toMatch(needed);
  expect(await refusal()).toMatch(/1 files were left out, the first: set\/images\/a\.png has no mask\.$/);
  await rm(folder, { recursive: true });
  expect(await refusal()).toMatch(/^FileError: Can't read .*: it does not exist\./);
  await writeData(folder);
});

const spoilt: [
  what: string,
  path: string[],
  content: Uint8Array | string,
  said: RegExp,
  images: number,
  masks: number,
][] = [
  [
    "an image that is no PNG",
    ["images", "subject1__0.png"],
    "not an image",
    /^disks\/images\/subject1__0\.png is a text file/,
    7,
    14,
  ],
  ["an empty image file", ["images", "subject1__0.png"], "", /^disks\/images\/subject1__0\.png is empty/, 7, 14],
  [
    "a mask that is no PNG",
    ["masks", "dim", "subject1__0.png"],
    "x",
    /^disks\/masks\/dim\/subject1__0\.png is a text file/,
    8,
    15,
  ],
  [
    "a black mask",
    ["masks", "dim", "subject1__0.png"],
    encodeLabels(emptyMask(SIDE).data, SIDE),
    /^disks\/masks\/dim\/subject1__0\.png is empty/,
    8,
    15,
  ],
  [
    "a mask of another size",
    ["masks", "dim", "subject1__0.png"],
    encodeLabels(new Uint8Array(20 * 10).fill(255), { width: 20, height: 10 }),
    /^disks\/masks\/dim\/subject1__0\.png is 20x10, but its image is 48x40\. /,
    8,
    15,
  ],
];

test.each(spoilt)("%s is left out and named, and the rest is taken", async (_, path, content, said, images, masks) => {
  await writeData(folder);
  await writeFile(join(folder, "disks", ...path), content);
  const { items, refused } = await load();
  expect(refused).toHaveLength(1);
  expect(refused[0]).toMatch(said);
  expect(items.filter(({ kind }) => kind === "image")).toHaveLength(images);
  expect(items.reduce((sum, item) => sum + item.masks.length, 0)).toBe(masks);
});

test("an image without any mask is left out and named; one that lacks a structure is taken without it", async () => {
  await writeData(folder);
  for (const structure of ["bright", "dim"]) await rm(join(folder, "disks", "masks", structure, "subject2__1.png"));
  await rm(join(folder, "disks", "masks", "dim", "subject3__0.png"));
  const { items, refused } = await load();
  expect(refused).toEqual(["disks/images/subject2__1.png has no mask."]);
  expect(items.find(({ name }) => name === "subject3__0")?.masks.map(({ structure }) => structure)).toEqual(["bright"]);
});

test("an image cut short is left out and named, wherever it is cut", async () => {
  await writeData(folder);
  const path = join(folder, "disks", "images", "subject1__1.png");
  const whole = await readFile(path);
  for (const length of [1, 8, 30, 60, whole.length - 1]) {
    await writeFile(path, whole.subarray(0, length));
    const { items, refused } = await load();
    expect(refused.join(), `${length} bytes`).toMatch(/^disks\/images\/subject1__1\.png /);
    expect(items.filter(({ kind }) => kind === "image")).toHaveLength(7);
  }
  await writeFile(path, whole);
  await appendFile(join(folder, "disks", "images", "readme.txt"), "not a PNG by its name");
  expect((await load()).refused).toEqual([]);
});

describe("an annotator's own images", () => {
  const own = (...images: OwnImage[]) =>
    loadOwnImages(
      (async function* () {
        yield* images;
      })(),
    );
  const grid = { width: 400, height: 300 };
  const disk = Uint8Array.from({ length: 120_000 }, (_, i) =>
    Number(Math.hypot((i % 400) - 200, Math.floor(i / 400) - 150) < 60),
  );

  test("are all trained on, at working size, and stretched to 8 bits whatever their range", async () => {
    const data = Uint16Array.from(disk, (inside, i) => 30_000 + 900 * inside + (i % 10));
    data[0] = 65_535;
    const masks = [
      { structure: "disk", inside: disk },
      { structure: "speck", inside: disk.map((_, i) => Number(i === 7)) },
    ];
    const names = Array.from({ length: 20 }, (_, i) => `${i}`);
    const images = await own(...names.map((name) => ({ dataset: "own", name, image: { ...grid, data }, masks })));
    expect(images.items.map(({ name, split }) => [name, split])).toEqual(names.map((name) => [name, "train"]));
    const [{ width, height, offset, masks: kept }] = images.items;
    expect([width, height]).toEqual([192, 144]);
    // What is too small to be seen is no structure.
    expect(kept.map(({ structure }) => structure)).toEqual(["disk"]);
    const of = (at: number) => images.pixels.subarray(at, at + width * height);
    const middle = 72 * 192 + 96;
    expect([of(offset)[middle] > 250, of(offset)[0], of(offset)[192] < 10]).toEqual([true, 255, true]);
    expect([of(kept[0].offset)[middle], of(kept[0].offset)[192]]).toEqual([1, 0]);
    const original = await images.original(images.items[3]);
    expect([original.width, Math.round(original.data[middle] / 100)]).toEqual([192, 309]);
  });

  test("without anything inside are refused", async () => {
    const nothing = { dataset: "own", name: "a", image: { ...grid, data: disk }, masks: [] };
    await expect(own(nothing)).rejects.toThrow(/Nothing is marked inside/);
    await expect(own()).rejects.toThrow(/Annotate some first/);
  });
});
