/** Several labels out of the program and into it: every format names them, and programs that are not ours read their values. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { decodeDicom, encodeLabels, encodeSegNrrd, readLabelMap } from "../../src/image/index.ts";
import { type Delta, ImageWork } from "../../src/project/index.ts";
import { nifti } from "../image/nifti.ts";
import { DCIODVFY, runOn, fixture as segFixture } from "../image/seg-source.ts";
import { folder, folderWithImage, GRID } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const PYTHON = "/usr/bin/python3";
const LABELS = [
  { value: 1, name: "Object", color: "#3ba7ff" },
  { value: 2, name: "Tumor", color: "#009e73" },
  { value: 3, name: "Empty one", color: "#cc79a7" },
];

/** Marks runs of pixels of the first and the second label by hand, in a project of three. */
async function paint(path: string, slice?: { axis: 2; index: number }): Promise<void> {
  const work = await ImageWork.open(path);
  for (const { name, color } of LABELS.slice(1)) await work.changeLabel({ name, color });
  const stroke = { points: [[0, 0]], width: 1 };
  const drawn = (delta: Delta) => ({ kind: "brush", mark: "inside", stroke, ...(slice && { slice }), delta, at: 1 });
  await work.append(0, [drawn([3, 4, 0, 7]), { ...drawn([5, 3, 0, 7]), label: 2 }]);
  await work.close();
}

/** Value of each pixel that has one, after `paint`. */
const PAINTED = { 3: 1, 4: 1, 5: 2, 6: 2, 7: 2 };

const valuesOf = (data: ArrayLike<number>) =>
  Object.fromEntries(Array.from(data).flatMap((value, i) => (value ? [[i, value]] : [])));

/** What a script prints as JSON; null where Python or one of the packages is missing. */
function python(needs: string, script: string, ...args: string[]): unknown {
  try {
    execFileSync(PYTHON, ["-c", `import ${needs}`], { stdio: "ignore" });
  } catch {
    console.warn(`${PYTHON} with ${needs} is not there; what it would read is not compared.`);
    return null;
  }
  return JSON.parse(execFileSync(PYTHON, ["-c", script, ...args], { encoding: "utf8" }));
}

async function exported(path: string, format: string, name: string = format): Promise<string> {
  const out = join(path, "..", name);
  expect(await runHere("export", path, "--format", format, "-o", out)).toMatchObject({ status: 0 });
  return out;
}

describe("two labels and an empty one, of an image", () => {
  async function image(): Promise<string> {
    const { image } = await folderWithImage();
    await paint(image);
    return image;
  }

  test("PNG holds their values, as Pillow, OpenCV and scikit-image read them", async () => {
    const out = await exported(await image(), "png");
    const file = join(out, "scan_seg.png");
    const script = `
import json, sys
import cv2, numpy as np
from PIL import Image
from skimage import io
read = [np.asarray(Image.open(sys.argv[1])), cv2.imread(sys.argv[1], cv2.IMREAD_UNCHANGED), io.imread(sys.argv[1])]
print(json.dumps([{int(i): int(a.ravel()[i]) for i in np.flatnonzero(a)} for a in read]))`;
    const read = python("cv2, numpy, PIL, skimage", script, file);
    if (read) expect(read).toEqual([PAINTED, PAINTED, PAINTED]);
    const target = { name: "scan.png", size: [GRID.width, GRID.height, 1] as const, toWorld: null };
    expect(valuesOf(readLabelMap(readFileSync(file), "scan_seg.png", target).data)).toEqual(PAINTED);
  });

  test("COCO and nnU-Net name them all", async () => {
    const path = await image();
    const coco = JSON.parse(readFileSync(join(await exported(path, "coco"), "annotations.json"), "utf8"));
    expect(coco.categories).toEqual(LABELS.map(({ value, name }) => ({ id: value, name })));
    expect(coco.annotations.map(({ category_id, area }: Record<string, number>) => [category_id, area])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    const set = await exported(path, "nnunet", "Dataset007_Three");
    expect(JSON.parse(readFileSync(join(set, "dataset.json"), "utf8")).labels).toEqual({
      ...{ background: 0, Object: 1, Tumor: 2 },
      "Empty one": 3,
    });
  });

  test("statistics have a row for each", async () => {
    const path = await image();
    const lines = readFileSync(join(await exported(path, "csv"), "statistics.csv"), "utf8").split("\n");
    const script = `
import json, sys
import numpy as np
from PIL import Image
a = np.asarray(Image.open(sys.argv[1])).ravel()
print(json.dumps(["%.4f" % a[3:5].mean(), "%.4f" % a[5:8].mean()]))`;
    const means = (python("numpy, PIL", script, path) as string[] | null) ?? [1, 2].map((i) => lines[i].split(",")[7]);
    expect(lines).toEqual([
      "image,label,name,voxels,volume_ml,slices,largest_area_mm2,mean_intensity",
      `scan.png,1,Object,2,,,,${means[0]}`,
      `scan.png,2,Tumor,3,,,,${means[1]}`,
      "scan.png,3,Empty one,0,,,,",
      "",
    ]);
  });
});

describe("two labels and an empty one, of a volume", () => {
  async function volume(): Promise<string> {
    const image = join(await folder(), "case_7.nii");
    writeFileSync(image, nifti({ size: [4, 3, 2] }));
    await paint(image, { axis: 2, index: 0 });
    return image;
  }

  test("NIfTI and BIDS hold their values, as nibabel reads them, and the table names and colors them", async () => {
    const path = await volume();
    const files = [
      join(await exported(path, "nifti"), "case_7_seg.nii"),
      join(await exported(path, "bids"), "sub-case7/anat/sub-case7_dseg.nii.gz"),
    ];
    const script = `
import json, sys
import nibabel as nib, numpy as np
read = [np.asanyarray(nib.load(path).dataobj).ravel(order="F") for path in sys.argv[1:]]
print(json.dumps([{int(i): int(a[i]) for i in np.flatnonzero(a)} for a in read]))`;
    const read = python("nibabel, numpy", script, ...files);
    if (read) expect(read).toEqual([PAINTED, PAINTED]);
    expect(readFileSync(join(path, "../bids/dseg.tsv"), "utf8")).toBe(
      "index\tname\tcolor\n1\tObject\t#3BA7FF\n2\tTumor\t#009E73\n3\tEmpty one\t#CC79A7\n",
    );
  });

  test("the app's own mask and table hold them too, and NRRD names them as Slicer does", async () => {
    const path = await volume();
    const work = await ImageWork.open(path);
    expect((await work.export()).inside).toBe(5);
    await work.close();
    const table = readFileSync(join(path, "../labels/case_7_stats.csv"), "utf8");
    // 2 x 3 x 4 mm; the fixture's intensities are the voxels' numbers.
    expect(table).toContain("1,Object,whole,,,2,,0.048000,3.5000\n");
    expect(table).toContain("2,Tumor,whole,,,3,,0.072000,6.0000\n3,Empty one,whole,,,0,,0.000000,\n");
    const csv = readFileSync(join(await exported(path, "csv"), "statistics.csv"), "utf8");
    expect(csv).toContain("case_7.nii,2,Tumor,3,0.072000,1,18.0000,6.0000\n");
    const header = readFileSync(join(await exported(path, "nrrd"), "case_7.seg.nrrd"), "latin1").split("\n\n")[0];
    for (const [i, { value, name }] of LABELS.entries()) {
      expect(header).toContain(`Segment${i}_LabelValue:=${value}\n`);
      expect(header).toContain(`Segment${i}_Name:=${name}\n`);
    }
    expect(header).toContain("Segment2_Extent:=0 -1 0 -1 0 -1\n");
  });
});

test("a DICOM Segmentation has a segment for each, as pydicom reads it, and the checker has no error", async () => {
  const place = await folder();
  const image = join(place, "enhanced.dcm");
  writeFileSync(image, segFixture("enhanced.dcm"));
  await paint(image, { axis: 2, index: 0 });
  const file = join(await exported(image, "dicom-seg"), "enhanced_seg.dcm");
  const script = `
import json, sys
import pydicom, numpy as np
data = pydicom.dcmread(sys.argv[1])
frames = data.pixel_array.reshape(-1, data.Rows * data.Columns)
numbers = [int(f.SegmentIdentificationSequence[0].ReferencedSegmentNumber) for f in data.PerFrameFunctionalGroupsSequence]
print(json.dumps([[[int(s.SegmentNumber), s.SegmentLabel] for s in data.SegmentSequence],
                  [[n, np.flatnonzero(f).tolist()] for n, f in zip(numbers, frames)]]))`;
  const read = python("pydicom, numpy", script, file);
  if (read)
    expect(read).toEqual([
      LABELS.map(({ value, name }) => [value, name]),
      [
        [1, [3, 4]],
        [2, [5, 6, 7]],
      ],
    ]);
  if (DCIODVFY) expect(runOn(new Uint8Array(readFileSync(file)), "dciodvfy", "-new").err).not.toMatch(/^Error/m);
  expect((await decodeDicom([{ name: "a.dcm", bytes: segFixture("enhanced.dcm") }])).series).toHaveLength(1);
});

describe("a mask of several labels comes in", () => {
  const size = [GRID.width, GRID.height, 1] as const;
  const data = new Uint8Array(GRID.width * GRID.height).fill(7, 0, 4).fill(9, 10, 13);
  const named = (...names: [string, string]) =>
    encodeSegNrrd({ size, data, labels: [7, 9].map((value, i) => ({ value, name: names[i], color: "#123456" })) });

  async function withMask(name: string, bytes: Uint8Array): Promise<{ image: string; mask: string }> {
    const { folder, image } = await folderWithImage();
    const mask = join(folder, name);
    writeFileSync(mask, bytes);
    return { image, mask };
  }

  async function result(image: string) {
    const work = await ImageWork.open(image);
    const map = await work.labelMap();
    await work.close();
    return { values: valuesOf(map.data), names: map.labels.map(({ value, name }) => [value, name]) };
  }

  test("with the names of its file: known ones to their labels, new ones to new labels, one change each", async () => {
    const { image, mask } = await withMask("a.seg.nrrd", named("Vessel", "object"));
    const done = await runHere("import", image, mask, "--all-labels");
    expect(done.stderr).toBe("");
    expect(done.stdout).toBe(
      "Imported label 7 (Vessel) of a.seg.nrrd. Added pixels: 4.\nImported label 9 (object) of a.seg.nrrd. Added pixels: 3.",
    );
    const { values, names } = await result(image);
    expect(values).toEqual({ 0: 2, 1: 2, 2: 2, 3: 2, 10: 1, 11: 1, 12: 1 });
    expect(names).toEqual([
      [1, "Object"],
      [2, "Vessel"],
    ]);
    expect((await runHere("import", image, mask, "--all-labels")).stdout).toContain("Nothing to add");
    expect((await result(image)).names).toHaveLength(2);
  });

  test("without names by their values, and not where the project has none of them", async () => {
    const { image, mask } = await withMask("m.png", encodeLabels(data, GRID));
    const refused = await runHere("import", image, mask, "--all-labels");
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/gives no names to its labels, and the project has none of value 7, 9/);
    writeFileSync(
      join(image, "../tendril.json"),
      '{"tendril":1,"labels":[{"value":9,"name":"Organ"},{"value":7,"name":"Vessel"}]}',
    );
    expect((await runHere("import", image, mask, "--all-labels")).status).toBe(0);
    expect((await result(image)).values).toEqual({ 0: 7, 1: 7, 2: 7, 3: 7, 10: 9, 11: 9, 12: 9 });
  });

  test("a single one goes to the label of its name, else to the first", async () => {
    const { image, mask } = await withMask("a.seg.nrrd", named("Vessel", "Bone"));
    const work = await ImageWork.open(image);
    await work.changeLabel({ name: "Vessel", color: "#009e73" });
    await work.close();
    expect((await runHere("import", image, mask, "--label", "Vessel")).status).toBe(0);
    expect((await runHere("import", image, mask, "--label", "Bone")).status).toBe(0);
    expect((await result(image)).values).toEqual({ 0: 2, 1: 2, 2: 2, 3: 2, 10: 1, 11: 1, 12: 1 });
    expect((await runHere("import", image, mask, "--label", "7", "--all-labels")).stderr).toMatch(/not both/);
  });
});

test("work on a label that the project does not list is not left out of an export in silence", async () => {
  const { image } = await folderWithImage();
  await paint(image);
  writeFileSync(join(image, "../tendril.json"), '{"tendril":1,"labels":[{"value":1,"name":"Object"}]}');
  const { status, stderr } = await runHere("export", image, "--format", "png", "-o", join(image, "../out"));
  expect(status).toBe(2);
  expect(stderr).toMatch(/scan\.png has work on label 2, which tendril\.json does not list/);
});
