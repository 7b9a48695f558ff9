import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ImageFormatError } from "../../src/image/errors.ts";
import { labelMapOf, type MaskTarget, readLabelMap, targetOf } from "../../src/image/labels-read.ts";
import { decodeNifti } from "../../src/image/nifti.ts";
import { encodeNiftiLabels } from "../../src/image/nifti-write.ts";
import { decodeNrrd } from "../../src/image/nrrd.ts";
import { type Affine, type Volume, worldOf } from "../../src/image/volume.ts";
import { changed, nifti } from "./nifti.ts";

const SIZE = [4, 3, 2] as const;
/** Turned by 30 degrees about x, of 0.5 x 0.75 x 2 mm. */
const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
const PLACE: Affine = [-0.5, 0, 0, 11.25, 0, 0.75 * cos, -2 * sin, -7, 0, 0.75 * sin, 2 * cos, 100.5];
const TARGET: MaskTarget = { name: "case_7.nii.gz", size: SIZE, toWorld: PLACE };

function volumeOf(toWorld: Affine, size: Volume["size"] = SIZE, data: Volume["data"] = new Uint8Array(24)): Volume {
  return {
    ...{ size, data, slope: 1, intercept: 0, toWorld, modality: null, windows: [], notes: [] },
    origin: { kind: "other" },
  };
}

/** The volume's voxels by where they are in the patient. */
function byPlace({ size, data, toWorld }: Pick<Volume, "size" | "data" | "toWorld">): Map<string, number> {
  const found = new Map<string, number>();
  for (let k = 0, at = 0; k < size[2]; k++)
    for (let j = 0; j < size[1]; j++)
      for (let i = 0; i < size[0]; i++, at++)
        found.set(
          worldOf(toWorld, [i, j, k])
            .map((mm) => Math.round(mm * 100) + 0)
            .join(),
          data[at],
        );
  return found;
}

/** Voxels that count up, stored along `order` of the target's axes, those of `turned` from the other end. */
function stored(order: readonly number[], turned: readonly boolean[]): Volume {
  const size = order.map((axis) => SIZE[axis]) as [number, number, number];
  const corner = [0, 1, 2].map((axis) => (turned[axis] ? SIZE[axis] - 1 : 0)) as [number, number, number];
  const origin = worldOf(PLACE, corner);
  const toWorld = [0, 4, 8].flatMap((row, world) => [
    ...order.map((axis) => (turned[axis] ? -1 : 1) * PLACE[row + axis]),
    origin[world],
  ]) as unknown as Affine;
  return volumeOf(
    toWorld,
    size,
    Uint8Array.from({ length: 24 }, (_, i) => i),
  );
}

test("a mask stored along other axes, or from their other ends, keeps every voxel where it is in the patient", () => {
  const orders = fc.constantFrom([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]);
  fc.assert(
    fc.property(orders, fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), (order, turned) => {
      const mask = stored(order, turned);
      const { data, size } = labelMapOf(mask, "a.nii.gz", TARGET);
      expect(byPlace({ data, size, toWorld: PLACE })).toEqual(byPlace(mask));
    }),
    { numRuns: 200 },
  );
});

/** Its voxels from `from` to before `to`, as programs cut them out. */
function cutOut({ data, size, toWorld }: Volume, from: readonly number[], to: readonly number[]): Volume {
  const kept = [...data.keys()].filter((at) =>
    [at % size[0], Math.floor(at / size[0]) % size[1], Math.floor(at / (size[0] * size[1]))].every(
      (index, axis) => index >= from[axis] && index < to[axis],
    ),
  );
  const origin = worldOf(toWorld, [from[0], from[1], from[2]]);
  const place = toWorld.map((value, i) => (i % 4 === 3 ? origin[Math.floor(i / 4)] : value)) as unknown as Affine;
  const sizes = to.map((end, axis) => end - from[axis]) as [number, number, number];
  return volumeOf(
    place,
    sizes,
    Uint8Array.from(kept, (at) => data[at]),
  );
}

describe("a mask that was cut out of the image", () => {
  const golden = (name: string) =>
    new Uint8Array(readFileSync(join(import.meta.dirname, "../fixtures/cropped", `${name}.seg.nrrd`)));

  test("by Teem, as 3D Slicer does, is put back where it was, and says so", () => {
    const { volume } = decodeNrrd(golden("whole"), "whole.seg.nrrd");
    const target: MaskTarget = { name: "scan.nrrd", size: volume.size, toWorld: volume.toWorld };
    const map = readLabelMap(golden("cropped"), "cropped.seg.nrrd", target);
    expect(map.data).toEqual(volume.data);
    expect(map.data.filter((value) => value > 0).length).toBe(60);
    expect(map.labels.map(({ name }) => name)).toEqual(["liver", "spleen"]);
    expect([map.size, map.notes]).toEqual([[9, 8, 7], ["It covers 5×4×3 of the 9×8×7 voxels."]]);
    expect(readLabelMap(golden("whole"), "whole.seg.nrrd", target).notes).toBeUndefined();
  });

  test("in any place, order and direction keeps every voxel where it is in the patient, with 0 around it", () => {
    const orders = fc.constantFrom([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]);
    const turns = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());
    const ends = fc.tuple(fc.nat(), fc.nat(), fc.nat());
    fc.assert(
      fc.property(orders, turns, ends, ends, (order, turned, one, other) => {
        const whole = stored(order, turned);
        const from = whole.size.map((size, axis) => one[axis] % size);
        const to = whole.size.map((size, axis) => from[axis] + 1 + (other[axis] % (size - from[axis])));
        const part = cutOut(whole, from, to);
        const { data, size } = labelMapOf(part, "a.nii.gz", TARGET);
        const there = byPlace({ data, size, toWorld: PLACE });
        const kept = byPlace(part);
        expect(there.size).toBe(24);
        for (const [place, value] of there) expect(value).toBe(kept.get(place) ?? 0);
        for (const place of kept.keys()) expect(there.has(place)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  const part = cutOut(stored([0, 1, 2], [false, false, false]), [1, 0, 0], [3, 2, 2]);
  /** Moved along i by a part of a voxel. */
  const moved = (voxels: number) =>
    part.toWorld.map((value, i) => (i === 3 ? value - 0.5 * voxels : value)) as unknown as Affine;
  const read = (toWorld: Affine) => labelMapOf({ ...part, toWorld }, "a.nii.gz", TARGET);

  test("lies on the image's voxels to a thousandth of one", () => {
    for (const voxels of [0.0009, -0.0009]) expect(read(moved(voxels)).data).toEqual(read(part.toWorld).data);
    for (const voxels of [0.002, -0.002, 0.5])
      expect(() => read(moved(voxels))).toThrow("2×2×2 against 4×3×2. Not loaded; nothing changed.");
    // One voxel on it still lies in the grid, one more it does not; nor does it before the grid.
    expect(read(moved(1)).data).not.toEqual(read(part.toWorld).data);
    for (const voxels of [2, -2]) expect(() => read(moved(voxels))).toThrow(/2×2×2 against 4×3×2/);
  });

  test("has the image's spacing and directions", () => {
    const wider = part.toWorld.map((value, i) => (i % 4 === 1 ? value * 1.01 : value)) as unknown as Affine;
    expect(() => read(wider)).toThrow(/2×2×2 against 4×3×2/);
    const { toWorld } = part;
    const turned = toWorld.map((value, i) => (i % 4 === 0 ? value + 0.01 : value)) as unknown as Affine;
    expect(() => read(turned)).toThrow(/2×2×2 against 4×3×2/);
    for (const hostile of [Number.NaN, Number.POSITIVE_INFINITY, 1e308])
      for (let i = 0; i < 12; i++)
        expect(() => read(toWorld.with(i, hostile) as unknown as Affine)).toThrow(ImageFormatError);
  });
});

describe("a mask that does not lie on the image is refused with what differs", () => {
  const refusal = (mask: Volume) => {
    try {
      labelMapOf(mask, "a.nii.gz", TARGET);
    } catch (error) {
      if (error instanceof ImageFormatError && error.code === "other-grid") return error.message;
      throw error;
    }
    throw new Error("was not refused");
  };
  const moved = (change: (value: number, i: number) => number) => volumeOf(PLACE.map(change) as unknown as Affine);

  test.each([
    ["size", () => volumeOf(PLACE, [4, 3, 3], new Uint8Array(36)), "4×3×3 against 4×3×2"],
    ["size, in no order", () => volumeOf(PLACE, [6, 2, 2]), "6×2×2 against 4×3×2"],
    [
      "spacing",
      () => moved((value, i) => (i % 4 === 2 ? value * 1.25 : value)),
      "Its voxels are 0.5×0.75×2.5 mm against 0.5×0.75×2 mm",
    ],
    ["direction", () => moved((value, i) => (i % 4 === 0 ? -value : value)), "Its axes run RAS against LAS"],
    ["position", () => moved((value, i) => (i === 7 ? value + 3 : value)), "Their corners lie up to 3.00 mm apart"],
    [
      "angle",
      () => {
        const [c, s] = [Math.cos(Math.PI / 6 + 0.02), Math.sin(Math.PI / 6 + 0.02)];
        return volumeOf([-0.5, 0, 0, 11.25, 0, 0.75 * c, -2 * s, -7, 0, 0.75 * s, 2 * c, 100.5]);
      },
      "It is turned by 1.15 degrees, and corners lie up to 0.0500 mm apart",
    ],
  ])("%s", (_, mask, why) => {
    expect(refusal(mask())).toBe(`a.nii.gz doesn't lie on case_7.nii.gz. ${why}. Not loaded; nothing changed.`);
  });
});

test("a mask from its other end by one voxel less is elsewhere: the axes alone do not make it fit", () => {
  const mask = stored([0, 1, 2], [true, false, false]);
  const shifted = mask.toWorld.map((value, i) => (i === 3 ? value + 0.5 : value)) as unknown as Affine;
  expect(() => labelMapOf({ ...mask, toWorld: shifted }, "a.nii.gz", TARGET)).toThrow(/Their corners|Its axes/);
});

test("a NIfTI label map is a mask; one of several volumes is not", () => {
  const image = decodeNifti(nifti({}), "case_7.nii");
  const target = targetOf("case_7.nii", image);
  const labels = Uint8Array.from({ length: 12 }, (_, i) => i % 3);
  const { bytes } = encodeNiftiLabels(labels, image);
  expect(readLabelMap(bytes, "m.nii", target)).toMatchObject({
    data: labels,
    labels: [{ name: "Label 1" }, { name: "Label 2" }],
  });
  const twice = new Uint8Array(352 + 48);
  twice.set(nifti({}));
  const several = changed(twice, { "dim[0]": 4, "dim[4]": 2 });
  expect(() => readLabelMap(several, "m.nii", target)).toThrow(/holds 2 volumes, and a mask is one/);
});

const NIBABEL = "/usr/bin/python3";

test.skipIf(!hasNibabel())("masks that nibabel has reoriented in all 48 ways land on the image", () => {
  const folder = mkdtempSync(join(tmpdir(), "tendril-"));
  try {
    const labels = Uint8Array.from({ length: 24 }, (_, i) => i);
    writeFileSync(join(folder, "mask.nii.gz"), encodeNiftiLabels(labels, volumeOf(PLACE)).bytes);
    const script = `
import itertools, sys, nibabel as nib
folder = sys.argv[1]
mask = nib.load(folder + "/mask.nii.gz")
for order in itertools.permutations(range(3)):
    for flips in itertools.product((1, -1), repeat=3):
        turned = mask.as_reoriented(list(zip(order, flips)))
        nib.save(turned, "%s/%s.nii.gz" % (folder, "".join(map(str, order + flips))))
        print("".join(map(str, order + flips)))`;
    const names = execFileSync(NIBABEL, ["-c", script, folder], { encoding: "utf8" }).trim().split("\n");
    expect(names.length).toBe(48);
    for (const name of names)
      expect(readLabelMap(readFileSync(join(folder, `${name}.nii.gz`)), `${name}.nii.gz`, TARGET).data).toEqual(labels);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(!hasNibabel())("parts that nibabel has cut out land where they were", () => {
  const folder = mkdtempSync(join(tmpdir(), "tendril-"));
  try {
    const labels = Uint8Array.from({ length: 24 }, (_, i) => i + 1);
    writeFileSync(join(folder, "mask.nii.gz"), encodeNiftiLabels(labels, volumeOf(PLACE)).bytes);
    const script = `
import sys, nibabel as nib
folder = sys.argv[1]
mask = nib.load(folder + "/mask.nii.gz")
nib.save(mask.slicer[1:3, 1:, :1], folder + "/part.nii.gz")
nib.save(mask.slicer[:, 2:, 1:].as_reoriented([[1, -1], [0, -1], [2, 1]]), folder + "/turned.nii.gz")`;
    execFileSync(NIBABEL, ["-c", script, folder]);
    const read = (name: string) => [...readLabelMap(readFileSync(join(folder, name)), name, TARGET).data];
    const only = (kept: readonly number[]) => Array.from(labels, (value) => (kept.includes(value) ? value : 0));
    expect(read("part.nii.gz")).toEqual(only([6, 7, 10, 11]));
    expect(read("turned.nii.gz")).toEqual(only([21, 22, 23, 24]));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

function hasNibabel(): boolean {
  try {
    execFileSync(NIBABEL, ["-c", "import nibabel"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
