/** From DICOM files to a segmentation on them and back, through the reader that opens them: one voxel, and where it lies. */
import { describe, expect, test } from "vitest";
import { decodeDicom } from "../../src/image/dicom.ts";
import { decodeDicomSeg } from "../../src/image/dicom-seg-read.ts";
import { readLabelMap, targetOf } from "../../src/image/labels-read.ts";
import { encodeNiftiLabels } from "../../src/image/nifti-write.ts";
import { type Volume, worldOf } from "../../src/image/volume.ts";
import { emptyLabels, encode, fixture, fixtures, PYTHON, planeOf, runOn, SERIES, type Series } from "./seg-source.ts";

/** Files in an order that is not the slices'. */
async function opened(series: Series): Promise<Volume> {
  const names = series === "enhanced" ? ["enhanced.dcm"] : [2, 0, 3, 1].map((k) => `${series}-${k}.dcm`);
  const study = await decodeDicom(names.map((name) => ({ name, bytes: fixture(name) })));
  expect(study.refused).toEqual([]);
  expect(study.series.length).toBe(1);
  return study.series[0].volume;
}

/** Centre of a voxel in mm, LPS, by the plane of its own image as dicom-parser reads it. */
function placeOf({ origin }: Volume, [i, j, k]: readonly [number, number, number]): number[] {
  if (origin.kind !== "dicom") throw new Error("no DICOM");
  const { file, frame } = origin.slices[k];
  const { position, orientation, spacing } = planeOf(file, frame ?? undefined);
  return position.map((mm, a) => mm + orientation[a] * spacing[1] * i + orientation[3 + a] * spacing[0] * j);
}

function expectNear(found: readonly number[], expected: readonly number[]): void {
  found.forEach((mm, axis) => {
    expect(Math.abs(mm - expected[axis])).toBeLessThan(1e-6);
  });
}

describe.each(SERIES)("a voxel painted on the %s series", (series) => {
  const voxels = [
    [0, 0, 0],
    [4, 1, 2],
    [6, 4, 3],
  ] as const;

  test.each(voxels)("(%i, %i, %i) is read back as it was, and lies where its image says", async (...ijk) => {
    const volume = await opened(series);
    const [ni, nj] = volume.size;
    const at = ijk[0] + ni * (ijk[1] + nj * ijk[2]);
    const labels = emptyLabels(volume);
    labels[at] = 1;
    const seg = encode({ volume, labels });
    expect(decodeDicomSeg(seg, volume, { source: "seg.dcm", image: series }).labels).toEqual(labels);
    const place = placeOf(volume, ijk);
    // The matrix has one step for all slices, which uneven ones do not.
    if (series !== "uneven")
      expectNear(
        worldOf(volume.toWorld, [...ijk]).map((mm, axis) => (axis < 2 ? -mm : mm)),
        place,
      );
    if (PYTHON === null) return;
    const read = JSON.parse(runOn(seg, PYTHON, `${fixtures}/read.py`).out);
    expect(read.voxels.length).toBe(1);
    expect(read.voxels[0].slice(0, 2)).toEqual([1, 1]);
    expectNear(read.voxels[0].slice(2), place);
  });

  test("is the same as a mask, from a segmentation and from NIfTI with the rows turned round", async () => {
    const volume = await opened(series);
    const labels = emptyLabels(volume);
    labels[9] = 1;
    const target = targetOf(series, volume);
    // What a worker is sent.
    expect(readLabelMap(encode({ volume, labels }), "seg.dcm", structuredClone(target)).data).toEqual(labels);
    const [ni, nj, nk] = volume.size;
    const turned = emptyLabels(volume);
    turned[9 - ni * Math.floor(9 / ni) + ni * (nj - 1 - Math.floor(9 / ni))] = 1;
    const m = volume.toWorld;
    const [x, y, z] = worldOf(m, [0, nj - 1, 0]);
    const toWorld = [m[0], -m[1], m[2], x, m[4], -m[5], m[6], y, m[8], -m[9], m[10], z] as const;
    const mask = encodeNiftiLabels(turned, { size: [ni, nj, nk], toWorld, origin: { kind: "other" } });
    expect(readLabelMap(mask.bytes, "mask.nii.gz", target).data).toEqual(labels);
  });
});
