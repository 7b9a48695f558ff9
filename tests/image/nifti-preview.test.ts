import { constants, gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { decodeNifti, previewNifti } from "../../src/image/index.ts";
import { nifti } from "./nifti.ts";
import { parts } from "./parts.ts";

const SIZE = [40, 30, 8] as const;
const SLICE = 40 * 30;

test("the middle slice is read from the file's beginning and its own bytes alone", async () => {
  for (const version of [1, 2] as const) {
    const file = nifti({ version, size: SIZE });
    const whole = decodeNifti(file, "a.nii");
    const { part, given } = parts(file);
    const preview = (await previewNifti(part, "a.nii"))!;
    expect(preview.size).toEqual([40, 30, 1]);
    expect(preview.data).toEqual(whole.data.subarray(4 * SLICE, 5 * SLICE));
    expect(preview.toWorld).toEqual(whole.toWorld);
    expect(given.bytes).toBe(1024 + 2 * SLICE);
  }
});

test("of a packed file the middle slice is shown, or the last that is in the part read", async () => {
  const file = nifti({ size: SIZE });
  const rng = Rng.seeded(1);
  for (let i = 352; i < file.length; i++) file[i] = rng.below(256);
  const whole = decodeNifti(file, "a.nii");
  const packed = new Uint8Array(gzipSync(file, { level: 1, strategy: constants.Z_HUFFMAN_ONLY, memLevel: 1 }));
  const slice = (k: number) => whole.data.slice(k * SLICE, (k + 1) * SLICE);
  expect((await previewNifti(parts(packed).part, "a.nii.gz"))!.data).toEqual(slice(4));
  const { data } = (await previewNifti(parts(packed.subarray(0, packed.length * 0.4)).part, "a.nii.gz"))!;
  expect([1, 2].some((k) => Buffer.compare(Buffer.from(slice(k)), Buffer.from(data)) === 0)).toBe(true);
});

test("there is no preview of what is no NIfTI, and none where no slice is whole", async () => {
  expect(await previewNifti(parts(new Uint8Array(9000)).part, "a.nii")).toBeNull();
  const file = nifti({ size: SIZE });
  expect(await previewNifti(parts(file.subarray(0, 1024)).part, "a.nii")).toBeNull();
  const packed = new Uint8Array(gzipSync(file.subarray(0, 1200)));
  expect(await previewNifti(parts(packed).part, "a.nii.gz")).toBeNull();
});
