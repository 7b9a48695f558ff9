import { gzipSync } from "node:zlib";
import { NIFTI1 as Reader1, NIFTI2 as Reader2, readHeader } from "nifti-reader-js";
import { describe, expect, test } from "vitest";
import { decodeNifti, niftiHeaderOf, orientationOf, type Volume } from "../../src/image/index.ts";
import { changed, nifti } from "./nifti.ts";
import { fixture, fixtureJson, refusalOf } from "./volumes.ts";

interface Expected {
  readonly size: readonly number[];
  readonly type: string;
  readonly data: readonly (number | "nan" | "inf" | "-inf")[];
  readonly slope: number;
  readonly intercept: number;
  readonly affine: readonly number[];
  readonly letters: string;
}

const golden = Object.entries(fixtureJson<Record<string, Expected>>("nifti/expected.json"));

const NAMED = { nan: Number.NaN, inf: Number.POSITIVE_INFINITY, "-inf": Number.NEGATIVE_INFINITY };

describe("golden files have the voxels and the place that nibabel reads", () => {
  test("there are as many as were made", () => expect(golden.length).toBeGreaterThanOrEqual(220));

  test.each(golden)("%s", (name, { size, type, data, slope, intercept, affine, letters }) => {
    const volume = decodeNifti(fixture(`nifti/${name}`), name);
    expect(volume).toMatchObject({ size, slope, intercept, modality: null });
    expect(volume.data.constructor.name.toLowerCase()).toBe(`${type}array`);
    expect(Array.from(volume.data)).toEqual(data.map((value) => (typeof value === "number" ? value : NAMED[value])));
    volume.toWorld.forEach((value, i) => {
      expect(Math.abs(value - affine[i])).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(affine[i])));
    });
    expect(orientationOf(volume.toWorld).letters).toBe(letters);
  });

  test.each(golden)("header fields of %s are those of nifti-reader-js", (name) => {
    const bytes = fixture(`nifti/${name}`);
    const { origin } = decodeNifti(bytes, name);
    const whole = (origin as Extract<Volume["origin"], { kind: "nifti" }>).header;
    const theirs = readHeader(whole.slice().buffer, true) as Reader1 | Reader2;
    const ours = Object.fromEntries(
      niftiHeaderOf(bytes, name)!
        .list()
        .map(({ name, value }) => [name, value]),
    );
    expect(theirs).toBeInstanceOf(name.includes("-v1") ? Reader1 : Reader2);
    expect(theirs.littleEndian).toBe(name.includes("le.nii"));
    expect(theirs.dims).toEqual(ours.dim);
    expect(theirs.pixDims).toEqual(ours.pixdim);
    // Where there is no sform, theirs is made up from other fields.
    if (theirs.sform_code > 0) expect(theirs.affine.slice(0, 3)).toEqual([ours.srow_x, ours.srow_y, ours.srow_z]);
    const single = {
      datatypeCode: "datatype",
      numBitsPerVoxel: "bitpix",
      vox_offset: "vox_offset",
      scl_slope: "scl_slope",
      scl_inter: "scl_inter",
      cal_min: "cal_min",
      cal_max: "cal_max",
      xyzt_units: "xyzt_units",
      qform_code: "qform_code",
      sform_code: "sform_code",
      quatern_b: "quatern_b",
      quatern_c: "quatern_c",
      quatern_d: "quatern_d",
      qoffset_x: "qoffset_x",
      qoffset_y: "qoffset_y",
      qoffset_z: "qoffset_z",
    } as const;
    for (const [theirName, ourName] of Object.entries(single))
      expect([ourName, [theirs[theirName as keyof typeof single]]]).toEqual([ourName, ours[ourName]]);
  });
});

describe("what the annotator should know is in the notes", () => {
  const notesOf = (name: string) => decodeNifti(fixture(`nifti/${name}`), name).notes;
  test.each([
    ["both-disagree-v1le.nii", [/two placements differ by up to 8.66 mm; its sform is used/]],
    ["none-v1le.nii", [/does not say where it lies/]],
    ["times-v1le.nii", [/holds 3 volumes; this is the first/]],
    ["times-v2le.nii.gz", [/holds 3 volumes; this is the first/]],
    ["channels-v1le.nii", [/holds 3 volumes/]],
    ["oblique-0-both-v2be.nii", []],
    ["dimensions-of-one-v1le.nii", []],
  ])("%s", (name, expected) => {
    const notes = notesOf(name);
    expect(notes).toHaveLength(expected.length);
    for (const [i, pattern] of expected.entries()) expect(notes[i]).toMatch(pattern);
  });

  test("spacing of 0 without a placement is taken as 1 mm, and a unit that is none as mm", () => {
    const bytes = changed(nifti({ sform: false }), { "pixdim[2]": 0, xyzt_units: 5 });
    const { toWorld, notes } = decodeNifti(bytes, "a.nii");
    expect(toWorld).toEqual([2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0]);
    expect(notes).toEqual([
      expect.stringContaining("code 5"),
      expect.stringContaining("does not say where"),
      expect.stringContaining("how large its voxels are"),
    ]);
  });

  test("a qform that places nothing does not matter where there is an sform, but is said", () => {
    const bytes = changed(nifti({}), { qform_code: 1, quatern_b: 2 });
    expect(decodeNifti(bytes, "a.nii").notes).toEqual([expect.stringContaining("qform places no volume")]);
  });
});

test("the window that the header asks for is kept", () => {
  expect(decodeNifti(fixture("nifti/window-v1le.nii"), "a").windows).toEqual([
    { name: "file", center: 40, width: 400 },
  ]);
  expect(decodeNifti(fixture("nifti/none-v1le.nii"), "a").windows).toEqual([]);
});

test("the header is kept byte for byte, with the extensions", () => {
  for (const name of ["extension-v1le.nii", "extension-v2le.nii.gz"]) {
    const { origin } = decodeNifti(fixture(`nifti/${name}`), name);
    const plain = fixture("nifti/extension-v1le.nii");
    if (origin.kind !== "nifti") throw new Error("no NIfTI");
    expect(origin.isCompressed).toBe(name.endsWith(".gz"));
    expect(Buffer.from(origin.header).toString("latin1")).toContain("a comment of 24 bytes...");
    if (!origin.isCompressed) expect(origin.header).toEqual(plain.subarray(0, 352 + 32));
  }
});

test("bytes in the middle of a larger buffer, at any alignment, are read like any other", () => {
  for (const name of ["float64-v1le.nii", "float64-v2be.nii", "int16-1-v1le.nii.gz"]) {
    const bytes = fixture(`nifti/${name}`);
    for (const shift of [1, 2, 4]) {
      const within = new Uint8Array(bytes.length + 9).subarray(shift, shift + bytes.length);
      within.set(bytes);
      expect(decodeNifti(within, name)).toEqual(decodeNifti(bytes, name));
    }
  }
});

describe("what is not read is refused by name", () => {
  const refusal = (bytes: Uint8Array) => refusalOf(() => decodeNifti(bytes, "a.nii"));
  test.each([
    ["binary", 1, 1, /binary, which is not read/],
    ["complex64", 32, 64, /complex64/],
    ["float128", 1536, 128, /float128/],
    ["complex128", 1792, 128, /complex128/],
    ["complex256", 2048, 256, /complex256/],
  ])("%s voxels", (_, datatype, bitpix, message) => {
    expect(refusal(changed(nifti({}), { datatype, bitpix }))).toMatchObject({
      code: "unsupported",
      offset: 70,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ["a negative size", { "dim[3]": -4 }, "bad-header", 46, /dim\[3\] is -4 at byte 46; a size must be 1 or more/],
    ["no dimensions", { "dim[0]": 0 }, "bad-header", 40, /dim\[0\] is 0/],
    ["eight dimensions", { "dim[0]": 8 }, "bad-header", 40, /dim\[0\] is 8/],
    ["a sixth dimension", { "dim[0]": 6, "dim[6]": 2 }, "unsupported", 52, /only space, time and channel/],
    ["an unknown type", { datatype: 3 }, "bad-header", 70, /datatype is 3 at byte 70/],
    ["a wrong number of bits", { bitpix: 8 }, "bad-header", 72, /int16 takes 16 bits/],
    ["voxels within the header", { vox_offset: 348 }, "bad-header", 108, /352 or more/],
    ["a broken offset", { vox_offset: 352.5 }, "bad-header", 108, /whole number/],
    ["an intercept that is none", { scl_slope: 2, scl_inter: Number.NaN }, "bad-header", 116, /scl_inter is NaN/],
    ["a flat matrix", { "srow_x[0]": 0 }, "bad-header", 280, /sform .* places no volume/],
    ["a matrix with NaN", { "srow_y[1]": Number.NaN }, "bad-header", 280, /places no volume/],
    ["more voxels than the limit", { "dim[1]": 32767, "dim[2]": 32767 }, "too-large", undefined, /536,870,912/],
    ["more than there is", { "dim[1]": 200 }, "cut-short", undefined, /cut short/],
  ])("%s", (_, fields, code, offset, message) => {
    expect(refusal(changed(nifti({}), fields))).toMatchObject({
      code,
      offset,
      message: expect.stringMatching(message),
    });
  });

  test.each([
    ["a quaternion longer than 1", { quatern_b: 1.1 }],
    ["a spacing of 0", { "pixdim[1]": 0 }],
    ["a handedness that is none", { "pixdim[0]": -0.5 }],
  ])("%s in the qform that counts", (_, fields) => {
    const bytes = changed(nifti({ sform: false }), { qform_code: 1, ...fields });
    expect(refusal(bytes)).toMatchObject({ code: "bad-header", message: expect.stringContaining("qform") });
  });

  test("64-bit integers that float64 cannot hold", () => {
    for (const [datatype, value] of [
      [1024, 2n ** 53n],
      [1024, -(2n ** 53n)],
      [1280, 2n ** 64n - 1n],
    ] as const) {
      const bytes = changed(nifti({ bits: 64 }), { datatype, bitpix: 64 });
      new DataView(bytes.buffer).setBigUint64(352 + 8, BigInt.asUintN(64, value), true);
      expect(refusal(bytes)).toMatchObject({ code: "unsupported", message: expect.stringContaining("in voxel 1") });
    }
  });

  test("header pairs, ANALYZE, and other files in gzip", () => {
    const pair = nifti({}).slice(0, 352);
    pair.set(Buffer.from("ni1\0"), 344);
    const analyze = nifti({}).fill(0, 344, 348);
    // Either is a file of its own, without the four bytes that follow in a single file.
    for (const length of [348, 352]) {
      const found = refusal(pair.slice(0, length)).message;
      expect(found).toMatch(/header of a NIfTI-1 pair; its voxels are in a second file \(\.img\)/);
      expect(refusal(analyze.slice(0, length)).message).toMatch(/ANALYZE 7\.5 header/);
    }
    expect(refusal(nifti({}).slice(0, 348)).code).toBe("cut-short");
    expect(refusal(gzipSync("something else")).message).toMatch(/holds no NIfTI volume/);
    expect(refusal(new Uint8Array(0)).code).toBe("cut-short");
  });
});
