/** DICOM series, a folder each, through `tendril import` and `tendril export`: the folders are listed as the app lists them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeDicomSeg, decodeFiles, type Volume } from "../../src/image/index.ts";
import { findSeries, type ImageFiles, ImageWork, readImageFiles } from "../../src/project/index.ts";
import { fixture } from "../image/seg-source.ts";
import { folder } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const SLICES = [0, 1, 2, 3];

/** A folder with the slices of a series, named as scanners name them. */
async function seriesAt(place: string, series: string): Promise<ImageFiles> {
  mkdirSync(place, { recursive: true });
  for (const k of SLICES) writeFileSync(join(place, `IM00${k}`), fixture(`${series}-${k}.dcm`));
  const { series: found } = await findSeries(
    place,
    SLICES.map((k) => `IM00${k}`),
  );
  expect(found.length).toBe(1);
  return found[0];
}

/** Marks one voxel by hand. */
async function paint(files: ImageFiles, voxel: number): Promise<void> {
  const work = await ImageWork.open(files);
  const stroke = { points: [[0, 0]], width: 1 };
  await work.append(0, [
    { kind: "brush", mark: "inside", stroke, slice: { axis: 2, index: 0 }, delta: [voxel, 1, 0, 7], at: 1 },
  ]);
  await work.close();
}

async function volumeOf(files: ImageFiles): Promise<Volume> {
  const opened = await decodeFiles(await readImageFiles(files));
  if (opened.kind !== "volume") throw new Error("no volume");
  return opened.volume;
}

test("a study's folder gives a segmentation of each of its annotated series, called by its folder", async () => {
  const study = await folder();
  const first = await seriesAt(join(study, "CT chest"), "axial");
  await seriesAt(join(study, "untouched"), "oblique");
  await paint(first, 11);
  const out = join(study, "out");
  expect(await runHere("export", study, "--format", "dicom-seg", "-o", out)).toMatchObject({ status: 0 });
  expect(readdirSync(out).sort()).toEqual(["CT chest_seg.dcm", "CT chest_seg.json"]);
  const bytes = new Uint8Array(readFileSync(join(out, "CT chest_seg.dcm")));
  const { labels } = decodeDicomSeg(bytes, await volumeOf(first), { source: "seg", image: "CT chest" });
  expect([...labels.keys()].filter((i) => labels[i])).toEqual([11]);
});

test("an export says what was noticed of a series, since its mask cannot; a segmentation's frames say where they lie", async () => {
  const place = join(await folder(), "CT");
  mkdirSync(place);
  const names = [0, 1, 3].map((k) => `IM00${k}`);
  for (const name of names) writeFileSync(join(place, name), fixture(`axial-${name.at(-1)}.dcm`));
  const { series } = await findSeries(place, names);
  await paint(series[0], 11);
  const stderrOf = async (format: string) => {
    const { status, stderr } = await runHere("export", place, "--format", format, "-o", join(place, `out-${format}`));
    expect(status).toBe(0);
    return stderr;
  };
  for (const format of ["nifti", "nrrd", "csv"])
    expect(await stderrOf(format)).toMatch(/^CT: The slices are unevenly spaced, /);
  expect(await stderrOf("dicom-seg")).toBe("");
});

test("the mask of a series becomes the start of the work on the same series elsewhere", async () => {
  const place = await folder();
  const first = await seriesAt(join(place, "a"), "axial");
  await paint(first, 23);
  const out = join(place, "out");
  expect((await runHere("export", join(place, "a"), "--format", "nifti", "-o", out)).status).toBe(0);
  const [mask] = readdirSync(out);
  const second = await seriesAt(join(place, "b"), "axial");
  const done = await runHere("import", join(place, "b"), join(out, mask));
  expect(done).toMatchObject({ status: 0, stderr: "" });
  const work = await ImageWork.open(second);
  const { data } = await work.labelMap();
  await work.close();
  expect([...data.keys()].filter((i) => data[i])).toEqual([23]);
});

test("a folder of several images is no image to import into: they are listed", async () => {
  const place = await folder();
  await seriesAt(join(place, "a"), "axial");
  await seriesAt(join(place, "b"), "oblique");
  const { status, stderr } = await runHere("import", place, join(place, "mask.nii"));
  expect(status).toBe(2);
  expect(stderr).toMatch(/holds 2 images; name one of them, or the folder of one series:\n {2}a\n {2}b/);
});
