import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import {
  decodeDicom,
  decodeNifti,
  encodeCoco,
  encodeDicomSeg,
  encodeLabels,
  encodeNiftiLabels,
  encodeSegNrrd,
  type LabelMap,
} from "../../src/image/index.ts";
import { ImageWork, importMask } from "../../src/project/index.ts";
import { nifti } from "../image/nifti.ts";
import { countingIds, fixture as segFixture } from "../image/seg-source.ts";
import { folder, folderWithImage, GRID } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const imported = (...args: string[]) => runHere("import", ...args);

async function insideOf(image: string): Promise<LabelMap["data"]> {
  const work = await ImageWork.open(image);
  const { data } = await work.labelMap();
  await work.close();
  return data;
}

const VOXELS = 12;
const labels = [
  { value: 1, name: "liver", color: "#e69f00" },
  { value: 2, name: "spleen", color: "#56b4e9" },
];
const values = Uint8Array.from({ length: VOXELS }, (_, i) => (i === 7 ? 2 : i > 4 ? 1 : 0));
const map: LabelMap = { size: [3, 2, 2], data: values, labels };

async function volume(): Promise<string> {
  const image = join(await folder(), "case_7.nii");
  writeFileSync(image, nifti({}));
  return image;
}

test("a mask of each format becomes the start of the work, and what it covers is inside", async () => {
  const image = await volume();
  const opened = decodeNifti(readFileSync(image), "case_7.nii");
  const one = values.map((value) => (value === 1 ? 1 : 0));
  const masks: readonly (readonly [string, Uint8Array])[] = [
    ["a.nii.gz", encodeNiftiLabels(values, opened).bytes],
    ["a.seg.nrrd", encodeSegNrrd(map, opened.toWorld)],
  ];
  for (const [name, bytes] of masks) {
    const copy = await volume();
    writeFileSync(join(copy, "..", name), bytes);
    expect(await imported(copy, join(copy, "..", name), "--label", "1")).toMatchObject({
      status: 0,
      stdout: `Imported label 1 (${name === "a.nii.gz" ? "Label 1" : "liver"}) of ${name}. Added voxels: 6.`,
    });
    expect(await insideOf(copy)).toEqual(one);
  }
  const flat = { size: [GRID.width, GRID.height, 1] as const, labels: [labels[0]] };
  const data = Uint8Array.from({ length: GRID.width * GRID.height }, (_, i) => (i % 7 === 3 ? 1 : 0));
  const flats: readonly (readonly [string, Uint8Array])[] = [
    ["m.png", encodeLabels(data, GRID)],
    ["m.json", encodeCoco([{ name: "scan.png", labels: { ...flat, data } }])],
  ];
  for (const [name, bytes] of flats) {
    const { folder: place, image: scan } = await folderWithImage();
    writeFileSync(join(place, name), bytes);
    expect((await imported(scan, join(place, name))).status).toBe(0);
    expect(await insideOf(scan)).toEqual(data);
  }
});

test("a DICOM Segmentation becomes the start of the work on its multi-frame source", async () => {
  const place = await folder();
  const image = join(place, "enhanced.dcm");
  writeFileSync(image, segFixture("enhanced.dcm"));
  const { series } = await decodeDicom([{ name: "enhanced.dcm", bytes: segFixture("enhanced.dcm") }]);
  const source = series[0].volume;
  const data = new Uint8Array(source.data.length);
  data[data.length - 3] = 1;
  const software = { name: "Tendril", version: "0" };
  const { bytes } = encodeDicomSeg({
    volume: source,
    labels: data,
    segments: [labels[0]],
    ids: countingIds(),
    software,
  });
  writeFileSync(join(place, "seg.dcm"), bytes);
  expect(await imported(image, join(place, "seg.dcm"))).toMatchObject({
    status: 0,
    stdout: "Imported label 1 (liver) of seg.dcm. Added voxels: 1.",
  });
  expect(await insideOf(image)).toEqual(data);
  const other = await volume();
  expect((await imported(other, join(place, "seg.dcm"))).stderr).toMatch(
    /seg\.dcm doesn't lie on case_7\.nii\. It is a DICOM file, .* Not loaded/,
  );
});

test("what was marked by hand stays, undo takes the import back, and importing again adds nothing", async () => {
  const { folder: place, image } = await folderWithImage();
  const work = await ImageWork.open(image);
  const outside = {
    kind: "brush",
    mark: "outside",
    stroke: { points: [[1, 0]], width: 1 },
    delta: [1, 1, 0, 5],
    at: 1,
  };
  const inside = { kind: "brush", mark: "inside", stroke: { points: [[9, 0]], width: 1 }, delta: [9, 1, 0, 7], at: 2 };
  await work.append(0, [outside, inside]);
  await work.close();
  const data = new Uint8Array(GRID.width * GRID.height);
  data.fill(1, 0, 4);
  const mask = join(place, "m.png");
  writeFileSync(mask, encodeLabels(data, GRID));
  expect((await imported(image, mask)).stdout).toBe(
    "Imported label 1 (Label 1) of m.png. Added pixels: 3. Left as they are, since they are by hand outside: 1.",
  );
  const expected = data.slice();
  expected[1] = 0;
  expected[9] = 1;
  expect(await insideOf(image)).toEqual(expected);
  const before = readFileSync(join(place, "labels/scan.journal"));
  expect((await imported(image, mask)).stdout).toMatch(/^Nothing to add/);
  expect(readFileSync(join(place, "labels/scan.journal"))).toEqual(before);
  const again = await ImageWork.open(image);
  expect(again.journal.actions.at(-1)).toMatchObject({ kind: "import", mask: { label: 1 } });
  await again.append(3, [{ kind: "undo", at: 4 }]);
  await again.close();
  expect([...(await insideOf(image)).keys()].filter((i) => expected[i] && i !== 9).length).toBe(3);
  const undone = new Uint8Array(data.length);
  undone[9] = 1;
  expect(await insideOf(image)).toEqual(undone);
});

test("several labels are listed, and none is taken unless it is chosen", async () => {
  const image = await volume();
  const mask = join(image, "..", "a.seg.nrrd");
  writeFileSync(mask, encodeSegNrrd(map, decodeNifti(readFileSync(image), "a.nii").toWorld));
  const all = await imported(image, mask);
  expect(all.status).toBe(2);
  expect(all.stderr).toContain("a.seg.nrrd holds 2 labels. Choose one with --label:\n  1  liver (6)\n  2  spleen (1)");
  expect((await imported(image, mask, "--label", "kidney")).stderr).toMatch(/holds no label kidney\. Choose one/);
  expect(existsSync(join(image, "..", "labels"))).toBe(false);
  expect(JSON.parse((await imported(image, mask, "--label", "spleen", "--json")).stdout)).toMatchObject({
    ...{ image: "case_7.nii", value: 2, name: "spleen", voxels: 1, gained: 1, byHand: 0 },
  });
  expect(await insideOf(image)).toEqual(values.map((value) => (value === 2 ? 1 : 0)));
});

test("what cannot be imported is refused, and nothing is written", async () => {
  const { folder: place, image } = await folderWithImage();
  const refused = async (name: string, bytes: Uint8Array) => {
    writeFileSync(join(place, name), bytes);
    const { status, stderr } = await imported(image, join(place, name));
    expect(status).not.toBe(0);
    expect(existsSync(join(place, "labels"))).toBe(false);
    return stderr;
  };
  const small = { width: 3, height: 2 };
  expect(await refused("m.png", encodeLabels(new Uint8Array(6), small))).toMatch(
    /m\.png doesn't lie on scan\.png\. 3×2 against 40×30\. Not loaded; nothing changed\./,
  );
  expect(await refused("empty.png", encodeLabels(new Uint8Array(1200), GRID))).toMatch(/empty\.png is empty/);
  expect(await refused("text.txt", Buffer.from("no mask"))).toMatch(/is no mask that this version reads/);
  const { status, stderr } = await imported(image, join(place, "missing.png"));
  expect([status, stderr]).toEqual([1, expect.stringMatching(/it does not exist/)]);
  expect(stderr).not.toContain("defect");
});

test("a mask in more pieces than a journal takes at once is refused with the number", () => {
  const width = 2 ** 23 + 2;
  const data = Uint8Array.from({ length: width }, (_, i) => i % 2);
  const noise: LabelMap = { size: [width, 1, 1], data, labels: [labels[0]] };
  const annotation = { width, height: 1, data: new Uint8Array(width) };
  expect(() => importMask(annotation, noise, { sha256: "0".repeat(64), label: 1 })).toThrow(
    /is in 4,194,305 pieces along the rows, and 4,194,304 are the limit/,
  );
}, 120_000);

test("the journal keeps neither the mask's name nor those of its labels", async () => {
  const image = await volume();
  const mask = join(image, "..", "jane_doe.seg.nrrd");
  const secret = { ...map, labels: [{ ...labels[0], name: "Doe^Jane" }, labels[1]] };
  writeFileSync(mask, encodeSegNrrd(secret, decodeNifti(readFileSync(image), "a.nii").toWorld));
  expect((await imported(image, mask, "--label", "1")).status).toBe(0);
  const journal = readFileSync(join(image, "..", "labels", "case_7.journal"), "utf8");
  expect(journal).toContain('"kind":"import"');
  expect(journal).not.toMatch(/jane|Doe/i);
  expect(basename(mask)).toMatch(/jane/);
});
