/** `tendril adapt`: a project's own model from what is annotated in it, the real command on small networks; and `annotate` that proposes with it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ownImagesOf } from "../../src/cli/own-images.ts";
import { decodeNifti, encodeLabels, type Plane, planesOf } from "../../src/image/index.ts";
import type { Change } from "../../src/project/index.ts";
import { readModelFolder, writeModelFolder } from "../../src/train/index.ts";
import { nifti } from "../image/nifti.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { folder } from "../project/made.ts";
import { tendril } from "../train/command.ts";
import { madeScene, SIDE } from "../train/made-data.ts";
import { runHere } from "./in-process.ts";

/** A project with as many annotated images, and a small model to begin with. */
async function project(count: number): Promise<{ place: string; model: string }> {
  const place = join(await folder(), "disks");
  mkdirSync(place);
  for (let k = 0; k < count; k++) await annotateImage(place, k);
  const model = join(await folder(), "small-model");
  await writeRandom(model, 3);
  return { place, model };
}

async function writeRandom(path: string, seed: number): Promise<void> {
  const { card, weights } = randomModel(seed, PLAIN);
  const { format: _, parameters: __, weightsSha256: ___, ...facts } = card;
  await writeModelFolder(path, weights, facts);
}

async function annotateImage(place: string, k: number): Promise<void> {
  const { image, disks } = madeScene(k);
  const mask = join(await folder(), "mask.png");
  writeFileSync(join(place, `scan${k}.png`), encodeLabels(image, SIDE));
  writeFileSync(mask, encodeLabels(disks[0], SIDE));
  expect(await runHere("import", join(place, `scan${k}.png`), mask)).toMatchObject({ status: 0 });
}

/** A place for what is temporary that no other test uses. @returns what of ours is in it: the engine keeps files there too */
async function ownTemporary(): Promise<() => string[]> {
  const place = await folder();
  vi.stubEnv("TMPDIR", place);
  onTestFinished(() => void vi.unstubAllEnvs());
  return () => readdirSync(place).filter((name) => name.startsWith("tendril-adapt-"));
}

test("the project's model is what its images were trained on, and is made anew when there are more", async () => {
  const { place, model } = await project(2);
  const leftovers = await ownTemporary();
  const args = ["adapt", place, "--from", model, "--steps", "24", "--threads", "1", "--json"];
  const { code, stdout, stderr } = await tendril(args);
  expect(code, stderr).toBe(0);
  const own = join(place, "tendril-model");
  expect(JSON.parse(stdout)).toEqual({ model: own, images: 2, structures: ["Object"] });
  expect(stderr).toMatch(/Adapted to 2 images or slices of Object\.\n$/);
  expect(readdirSync(place).sort()).toEqual(["labels", "scan0.png", "scan1.png", "tendril-model", "tendril.json"]);
  const first = await readModelFolder(own);
  const from = await readModelFolder(model);
  expect(first.card).toMatchObject({ name: "adapted", kind: "general", steps: 24 });
  expect(first.card.config).toMatchObject({ model: PLAIN, from: { weightsSha256: from.card.weightsSha256 } });
  const moved = [...first.weights].filter(([name, values]) => values.some((v, i) => v !== from.weights.get(name)![i]));
  expect(moved.length).toBeGreaterThan(first.weights.size / 2);
  // No name of an image is in it.
  expect(readFileSync(join(own, "model.json"), "utf8")).not.toMatch(/scan|disks/);

  await annotateImage(place, 2);
  expect(await tendril(args)).toMatchObject({ code: 0 });
  const second = await readModelFolder(own);
  expect(second.card.dataSha256).not.toBe(first.card.dataSha256);
  expect(leftovers()).toEqual([]);
}, 120_000);

test("Ctrl+C ends it at once, leaves the older model as it was, and nothing else", async () => {
  const { place, model } = await project(1);
  const own = join(place, "tendril-model");
  await writeRandom(own, 4);
  const card = readFileSync(join(own, "model.json"));
  const leftovers = await ownTemporary();
  let isSent = false;
  const { code, stderr } = await tendril(["adapt", place, "--from", model, "--threads", "1"], (child, said) => {
    if (!isSent && said.includes("training")) isSent = child.kill("SIGINT");
  });
  expect([code, stderr.endsWith("Stopped. The project's model is as it was.\n")]).toEqual([130, true]);
  expect(readFileSync(join(own, "model.json"))).toEqual(card);
  expect(leftovers()).toEqual([]);
});

test("Ctrl+C at the end of training leaves the older model whole, or the new one, as it says", async () => {
  const { place, model } = await project(1);
  const own = join(place, "tendril-model");
  await writeRandom(own, 4);
  const older = await readModelFolder(own);
  let isSent = false;
  const args = ["adapt", place, "--from", model, "--steps", "24", "--threads", "1"];
  const { code, stderr } = await tendril(args, (child, said) => {
    if (!isSent && said.includes("24/24")) isSent = child.kill("SIGINT");
  });
  expect([0, 130], stderr).toContain(code);
  expect(stderr.includes("Stopped. The project's model is as it was.")).toBe(code === 130);
  const { card } = await readModelFolder(own);
  expect(card.weightsSha256 === older.card.weightsSha256).toBe(code === 130);
});

test("what cannot be adapted to is said, and which way out there is", async () => {
  const { place, model } = await project(1);
  const other = (await project(1)).place;
  const empty = await folder();
  writeFileSync(join(empty, "scan.png"), encodeLabels(madeScene(1).image, SIDE));
  const refused = (...args: string[]) => runHere("adapt", ...args, "--from", model);
  expect(await refused(empty)).toMatchObject({ status: 2, stderr: expect.stringMatching(/holds no annotated images/) });
  expect(await refused(place, other)).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/belong to 2 projects.*Name the model's folder with -o\./),
  });
  expect(await refused(place, "--steps", "50")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/Give a multiple of 24, such as 48\./),
  });
  expect(await runHere("adapt", place, "--from", "paper")).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(/^error paper is no general model/),
  });
  expect(readdirSync(place)).not.toContain("tendril-model");
});

const LABELS = [
  { value: 1, name: "one", color: "#e69f00" },
  { value: 2, name: "two", color: "#56b4e9" },
];

test("of a volume the slices are taken on which a label was worked, in the plane where it was, with their masks", () => {
  const volume = decodeNifti(nifti({ size: [6, 7, 8] }), "case.nii");
  const planes = planesOf(volume);
  const data = new Uint8Array(6 * 7 * 8);
  for (let i = 0; i < data.length; i++) data[i] = i % 6 < 3 ? 1 : 2;
  const on = ({ axis }: Plane, index: number): Change => ({
    kind: "brush",
    mark: "inside",
    stroke: { points: [[0, 0]], width: 1 },
    slice: { axis, index },
    delta: [],
  });
  const changes = new Map([
    [1, [on(planes.coronal, 2), on(planes.coronal, 5)]],
    [2, [on(planes.axial, 4)]],
  ]);
  const one = { name: "case.nii", source: volume, labels: { size: volume.size, data, labels: LABELS }, changes };
  const images = [...ownImagesOf(one, "own", 3)];
  expect(images.map(({ name, masks }) => [name, masks.map(({ structure }) => structure)])).toEqual([
    ["3-case.nii-coronal-2", ["one"]],
    ["3-case.nii-coronal-5", ["one"]],
    ["3-case.nii-axial-4", ["two"]],
  ]);
  for (const { image, masks } of images) {
    expect(masks[0].inside.length).toBe(image.width * image.height);
    // Half of the voxels of every slice across j or k are of either label.
    expect(masks[0].inside.reduce((sum, each) => sum + each, 0)).toBe((image.width * image.height) / 2);
  }
  // An imported mask was not made slice by slice: all that it fills are taken, across the patient's axis.
  const imported = [...ownImagesOf({ ...one, changes: new Map() }, "own", 1)];
  expect(imported.map(({ name }) => basename(name))).toEqual(
    Array.from({ length: 8 }, (_, k) => `1-case.nii-axial-${k}`),
  );
  expect(imported[0].masks.map(({ structure }) => structure)).toEqual(["one", "two"]);
});
