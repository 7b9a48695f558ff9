/** Volumes through `tendril export`, each with one voxel inside: wherever it is read, it lies where it was painted. */
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import type { Annotated } from "../../src/cli/annotated.ts";
import { type ExportSet, FORMATS } from "../../src/cli/export-formats.ts";
import { decodeDicom, decodeDicomSeg, decodeNifti, decodeNrrd, type Volume, worldOf } from "../../src/image/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import { root } from "../built.ts";
import { DCIODVFY, runOn, fixture as segFixture } from "../image/seg-source.ts";
import { folder, folderWithImage, imageBytes } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const NIFTI = join(root, "tests/fixtures/nifti");
/** Every order and direction of axes, placed by sform and by qform, and oblique ones. */
const PLACED = readdirSync(NIFTI).filter((name) => /^(axes|oblique)-/.test(name));
const NIBABEL = "/usr/bin/python3";

const LABELS = [{ value: 1, name: "Object", color: "#e69f00" }];

const exported = (...args: string[]) => runHere("export", ...args);

/** Marks one voxel by hand. */
async function paint(path: string, voxel: number): Promise<void> {
  const work = await ImageWork.open(path);
  const stroke = { points: [[0, 0]], width: 1 };
  const slice = { axis: 2, index: 0 };
  await work.append(0, [{ kind: "brush", mark: "inside", stroke, slice, delta: [voxel, 1, 0, 7], at: 1 }]);
  await work.close();
}

interface Painted extends Annotated {
  readonly source: Volume;
  readonly index: number;
  readonly ijk: readonly [number, number, number];
}

/** The volume with one voxel inside, another one in each. */
function painted(name: string, n: number): Painted {
  const source = decodeNifti(readFileSync(join(NIFTI, name)), name);
  const [ni, nj, nk] = source.size;
  const index = (7 * n + 5) % (ni * nj * nk);
  const data = new Uint8Array(ni * nj * nk);
  data[index] = 1;
  const ijk = [index % ni, Math.floor(index / ni) % nj, Math.floor(index / (ni * nj))] as const;
  return { name, source, labels: { size: source.size, data, labels: LABELS }, changes: new Map(), index, ijk };
}

/** Folders by format; nnU-Net wants a name of its own. */
const FOLDERS = { nifti: "nifti", nrrd: "nrrd", bids: "bids", nnunet: "Dataset001_Object" } as const;

/** What the formats of the command write of these volumes, without the command: no journal, and nothing waits for the disk. */
async function writeAll(volumes: readonly Painted[], place: string): Promise<void> {
  const set: ExportSet = { labels: LABELS, count: volumes.length, removeIdentifiers: false, note: () => undefined };
  const oneByOne = async function* () {
    yield* volumes;
  };
  for (const [format, name] of Object.entries(FOLDERS) as [keyof typeof FOLDERS, string][])
    for await (const { path, bytes } of FORMATS[format].write(oneByOne(), set)) {
      mkdirSync(dirname(join(place, name, path)), { recursive: true });
      writeFileSync(join(place, name, path), bytes);
    }
}

/** The only voxel inside, in mm. */
function worldOfOnly(volume: Volume): readonly number[] {
  const inside = [...volume.data.keys()].filter((i) => volume.data[i] !== 0);
  expect(inside.length).toBe(1);
  const [ni, nj] = volume.size;
  const [at] = inside;
  return worldOf(volume.toWorld, [at % ni, Math.floor(at / ni) % nj, Math.floor(at / (ni * nj))]);
}

const stem = (name: string) => name.replace(/\.nii(\.gz)?$/, "");

describe("one voxel in volumes of every order, direction and tilt of axes", () => {
  test("lies where it was painted in every format, and is in the same place of the file as in the image", async () => {
    expect(PLACED.length).toBeGreaterThan(90);
    const place = await folder();
    const volumes = PLACED.map(painted);
    await writeAll(volumes, place);
    const out = (name: string) => join(place, name);
    for (const { name, source: image, index, ijk } of volumes) {
      const there = worldOf(image.toWorld, ijk);
      const read = (path: string) => decodeNifti(readFileSync(out(path)), basename(path));
      const subject = stem(name).replace(/[^a-z0-9]+/gi, "");
      const labels = [
        read(`nifti/${stem(name)}_seg.nii`),
        decodeNrrd(readFileSync(out(`nrrd/${stem(name)}.seg.nrrd`)), "a.seg.nrrd").volume,
        read(`bids/sub-${subject}/anat/sub-${subject}_dseg.nii.gz`),
        read(`Dataset001_Object/labelsTr/${stem(name)}.nii.gz`),
      ];
      for (const map of labels) {
        expect(map.data[index]).toBe(1);
        worldOfOnly(map).forEach((mm, axis) => {
          expect(Math.abs(mm - there[axis])).toBeLessThan(1e-5);
        });
      }
      const copy = read(`Dataset001_Object/imagesTr/${stem(name)}_0000.nii.gz`);
      expect([copy.data, copy.slope, copy.intercept, copy.toWorld]).toEqual([
        ...[image.data, image.slope, image.intercept, image.toWorld],
      ]);
    }
    if (!hasNibabel()) return;
    const script = `
import glob, json, os, sys
import nibabel as nib, numpy as np
place, sources, voxels = sys.argv[1], sys.argv[2], json.load(sys.stdin)
for name, ijk in voxels.items():
    source = nib.load(os.path.join(sources, name))
    stem = name.split(".")[0]
    subject = "".join(c for c in stem if c.isalnum())
    for path in ("nifti/%s_seg.nii" % stem, "bids/sub-%s/anat/sub-%s_dseg.nii.gz" % (subject, subject),
                 "Dataset001_Object/labelsTr/%s.nii.gz" % stem, "Dataset001_Object/imagesTr/%s_0000.nii.gz" % stem):
        other = nib.load(os.path.join(place, path))
        assert np.array_equal(other.affine, source.affine), path
        for code in ("qform_code", "sform_code"):
            assert other.header[code] == source.header[code], path
        if "imagesTr" in path:
            assert np.array_equal(np.asanyarray(other.dataobj), np.asanyarray(source.dataobj)), path
            continue
        found = np.argwhere(np.asanyarray(other.dataobj))
        assert found.tolist() == [ijk], (path, found)
print(len(voxels))`;
    const input = JSON.stringify(Object.fromEntries(volumes.map(({ name, ijk }) => [name, ijk])));
    const read = execFileSync(NIBABEL, ["-c", script, place, NIFTI], { input, encoding: "utf8" });
    expect(read.trim()).toBe(`${PLACED.length}`);
  });

  test("is written from its journal as from memory, byte for byte, by the command", async () => {
    // Some of each kind: what a journal gives does not depend on how a volume lies.
    const some = PLACED.filter((_, i) => i % 17 === 0).map(painted);
    expect(new Set(some.map(({ name }) => name.split("-")[0])).size).toBe(2);
    const [place, expected] = [await folder(), await folder()];
    await writeAll(some, expected);
    for (const { name, index } of some) {
      copyFileSync(join(NIFTI, name), join(place, name));
      await paint(join(place, name), index);
    }
    const contentOf = (path: string) =>
      readdirSync(path, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => [join(relative(path, parentPath), name), readFileSync(join(parentPath, name))])
        .sort();
    for (const [format, name] of Object.entries(FOLDERS)) {
      expect(await exported(place, "--format", format, "-o", join(place, "out", name))).toMatchObject({ status: 0 });
      expect(contentOf(join(place, "out", name))).toEqual(contentOf(join(expected, name)));
    }
  });
});

test("of a packed volume the mask is packed, of another it is not", async () => {
  const place = await folder();
  const packed = readdirSync(NIFTI).find((name) => /^uint8.*\.nii\.gz$/.test(name))!;
  copyFileSync(join(NIFTI, packed), join(place, "case.v2.nii.gz"));
  await paint(join(place, "case.v2.nii.gz"), 3);
  const { stdout } = await exported(place, "--format", "nifti", "-o", join(place, "out"), "--json");
  expect(JSON.parse(stdout)).toEqual({ format: "nifti", images: 1, files: ["case.v2_seg.nii.gz"] });
  expect(gunzipSync(readFileSync(join(place, "out/case.v2_seg.nii.gz"))).at(-1)).toBeDefined();
});

test("a folder that exists is written into only when that is wanted, and what else is there stays", async () => {
  const place = await folder();
  copyFileSync(join(NIFTI, PLACED[0]), join(place, "a.nii"));
  await paint(join(place, "a.nii"), 3);
  const out = join(place, "out");
  mkdirSync(out);
  writeFileSync(join(out, "notes.txt"), "mine");
  writeFileSync(join(out, "a_seg.nii"), "old");
  const refused = await exported(place, "--format", "nifti", "-o", out);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/it exists already/)]);
  expect(readFileSync(join(out, "a_seg.nii"), "utf8")).toBe("old");
  expect((await exported(place, "--format", "nifti", "-o", out, "--force")).status).toBe(0);
  expect(readdirSync(out).sort()).toEqual(["a_seg.nii", "notes.txt"]);
  expect(readFileSync(join(out, "notes.txt"), "utf8")).toBe("mine");
  expect(decodeNifti(readFileSync(join(out, "a_seg.nii")), "a").data[3]).toBe(1);
});

test("what a format cannot hold is said, with those that can, and nothing is left behind", async () => {
  const { folder: place, image } = await folderWithImage("scan.png");
  copyFileSync(join(NIFTI, PLACED[0]), join(place, "a.nii"));
  await paint(join(place, "a.nii"), 3);
  const flat = await ImageWork.open(image);
  const stroke = { points: [[0, 0]], width: 1 };
  await flat.append(0, [{ kind: "brush", mark: "inside", stroke, delta: [5, 1, 0, 7], at: 1 }]);
  await flat.close();
  writeFileSync(join(place, "other.png"), imageBytes());
  const refused = async (format: string, path: string, ...more: string[]) => {
    const { status, stderr } = await exported(path, "--format", format, "-o", join(place, "Dataset002_Never"), ...more);
    expect(status).toBe(2);
    return stderr;
  };
  const volume = join(place, "a.nii");
  expect(await refused("png", volume)).toMatch(/a\.nii is a volume, and png is for images\. Choose nifti, nrrd/);
  expect(await refused("coco", volume)).toMatch(/a\.nii is a volume, and coco is for images/);
  expect(await refused("nifti", image)).toMatch(/scan\.png is an image, and nifti is for volumes\. Choose png/);
  expect(await refused("bids", image)).toMatch(/scan\.png is an image, and bids is for volumes/);
  expect(await refused("nnunet", place)).toMatch(/a\.nii and scan\.png are not both images or both volumes/);
  expect(await refused("dicom-seg", volume)).toMatch(/a\.nii was not read from DICOM files/);
  expect(await refused("dicom-seg", volume, "--fractional")).toMatch(/a\.nii was not read from DICOM files/);
  expect(await refused("nifti", volume, "--fractional")).toMatch(/--fractional is for dicom-seg/);
  expect(await refused("nifti", volume, "--remove-identifiers")).toMatch(/--remove-identifiers is for dicom-seg/);
  expect(
    readdirSync(place)
      .filter((name) => name !== "labels")
      .sort(),
  ).toEqual([...["a.nii", "other.png", "scan.png", "tendril.json"]]);
});

test("two images that would be written under one name are refused with both names", async () => {
  const { folder: place, image } = await folderWithImage("a.png");
  copyFileSync(join(NIFTI, PLACED[0]), join(place, "a.nii"));
  await paint(join(place, "a.nii"), 3);
  const flat = await ImageWork.open(image);
  const stroke = { points: [[0, 0]], width: 1 };
  await flat.append(0, [{ kind: "brush", mark: "inside", stroke, delta: [5, 1, 0, 7], at: 1 }]);
  await flat.close();
  const { status, stderr } = await exported(place, "--format", "nrrd", "-o", join(place, "never"));
  expect([status, stderr]).toEqual([2, expect.stringMatching(/a\.nii and a\.png, would be written under one name/)]);
});

test("a DICOM image gives a segmentation on it, with the metadata for dcmqi, and without identifiers when asked", async () => {
  const place = await folder();
  const image = join(place, "enhanced.dcm");
  writeFileSync(image, segFixture("enhanced.dcm"));
  const { series } = await decodeDicom([{ name: "enhanced.dcm", bytes: segFixture("enhanced.dcm") }]);
  const { volume } = series[0];
  const index = volume.data.length - 4;
  await paint(image, index);
  const out = join(place, "out");
  expect((await exported(image, "--format", "dicom-seg", "-o", out)).status).toBe(0);
  expect(readdirSync(out).sort()).toEqual(["enhanced_seg.dcm", "enhanced_seg.json"]);
  const bytes = new Uint8Array(readFileSync(join(out, "enhanced_seg.dcm")));
  const { labels, segments } = decodeDicomSeg(bytes, volume, { source: "seg", image: "enhanced.dcm" });
  expect([...labels.keys()].filter((i) => labels[i])).toEqual([index]);
  expect(segments[0].name).toBe("Object");
  expect(JSON.parse(readFileSync(join(out, "enhanced_seg.json"), "utf8")).segmentAttributes[0][0].labelID).toBe(1);
  if (DCIODVFY) expect(runOn(bytes, "dciodvfy", "-new").err).not.toMatch(/^Error/m);
  const bare = await exported(image, "--format", "dicom-seg", "-o", join(place, "bare"), "--remove-identifiers");
  expect(bare.stderr).toMatch(/enhanced\.dcm: left empty in the segmentation: Patient/);
  expect(existsSync(join(place, "bare/enhanced_seg.dcm"))).toBe(true);
});

function hasNibabel(): boolean {
  try {
    execFileSync(NIBABEL, ["-c", "import nibabel"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
