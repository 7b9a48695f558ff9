import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng, ShapeError } from "../../src/core/index.ts";
import {
  type Affine,
  decodeNifti,
  encodeNiftiLabels,
  niftiHeaderOf,
  type Volume,
  worldOf,
} from "../../src/image/index.ts";
import { NIFTI1, NIFTI2 } from "../../src/image/nifti-fields.ts";
import { changed, nifti } from "./nifti.ts";
import { fixture, fixtureJson } from "./volumes.ts";

const names = Object.keys(fixtureJson<object>("nifti/expected.json"));
/** Every way the axes can run, oblique ones, both kinds of file, units, several volumes. */
const placed = names.filter((name) =>
  /^(axes|oblique|sheared|both|unit|two-|one-|times|channels|extension|int16)/.test(name),
);

interface Painted {
  readonly name: string;
  readonly source: Volume;
  readonly at: readonly [number, number, number];
  readonly bytes: Uint8Array;
  readonly extension: string;
}

/** One voxel of each volume, another one each time. */
const painted: readonly Painted[] = placed.map((name, round) => {
  const source = decodeNifti(fixture(`nifti/${name}`), name);
  const labels = new Uint16Array(source.data.length);
  const at = Rng.seeded(round).below(labels.length);
  labels[at] = round % 2 ? 1 : 1000;
  const [x, y] = source.size;
  const voxel = [at % x, Math.floor(at / x) % y, Math.floor(at / (x * y))] as const;
  return { name, source, at: voxel, ...encodeNiftiLabels(labels, source) };
});

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, i) => value - b[i]));
}

function only(data: ArrayLike<number>, [x, y]: readonly number[]): number[] {
  const at = Array.from(data).findIndex((value) => value !== 0);
  expect(Array.from(data).filter((value) => value !== 0)).toHaveLength(1);
  return [at % x, Math.floor(at / x) % y, Math.floor(at / (x * y))];
}

test.each(painted)("a voxel painted on $name comes back as the same voxel at the same place", (file) => {
  const { name, source, at, bytes, extension } = file;
  expect(extension).toBe(name.endsWith(".gz") ? ".nii.gz" : ".nii");
  const back = decodeNifti(bytes, "labels");
  expect(back.size).toEqual(source.size);
  expect(back).toMatchObject({ slope: 1, intercept: 0 });
  expect(only(back.data, back.size)).toEqual(at);
  expect(distance(worldOf(back.toWorld, at), worldOf(source.toWorld, at))).toBe(0);
});

/** Debian's Python with nibabel, where it is installed. */
const python = ["/usr/bin/python3", "python3"].find(
  (command) => spawnSync(command, ["-c", "import nibabel"], { encoding: "utf8" }).status === 0,
);

const READ = `
import json, sys, nibabel, numpy
for path in json.load(sys.stdin):
    image = nibabel.load(path)
    data = numpy.asanyarray(image.dataobj)
    at = [int(n) for n in (list(numpy.argwhere(data)[0]) + [0, 0])[:3]]
    print(json.dumps({"shape": data.shape, "type": str(data.dtype.newbyteorder("=")), "painted": int((data != 0).sum()),
                      "value": int(data.max()), "at": at, "world": (image.affine @ [*at, 1])[:3].tolist()}))
`;

// Skipped without Python and nibabel; the same files are read back by our own reader above.
test.skipIf(!python)("nibabel finds each painted voxel where it is", () => {
  const folder = mkdtempSync(join(tmpdir(), "tendril-nifti-"));
  try {
    const paths = painted.map(({ bytes, extension }, i) => {
      const path = join(folder, `${i}${extension}`);
      writeFileSync(path, bytes);
      return path;
    });
    const { stdout, stderr } = spawnSync(python!, ["-c", READ], { input: JSON.stringify(paths), encoding: "utf8" });
    const read = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(read.length, stderr).toBe(painted.length);
    for (const [i, { name, source, at }] of painted.entries()) {
      const used = Math.min(3, niftiHeaderOf(fixture(`nifti/${name}`), name)!.number("dim"));
      expect(read[i], name).toMatchObject({
        shape: source.size.slice(0, used),
        type: i % 2 ? "uint8" : "uint16",
        painted: 1,
        value: i % 2 ? 1 : 1000,
        at,
      });
      // nibabel takes every unit for mm.
      const unit = name.includes("metres") ? 1000 : name.includes("microns") ? 0.001 : 1;
      const theirs = read[i].world.map((value: number) => value * unit);
      expect(distance(theirs, worldOf(source.toWorld, at)), name).toBeLessThan(1e-6 * Math.max(1, unit));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("of the image's header", () => {
  /** Everything about voxels and all texts; the rest is placement and acquisition. */
  const CHANGED =
    "data_type db_name dim intent_p1 intent_p2 intent_p3 intent_code datatype bitpix vox_offset scl_slope scl_inter cal_max cal_min glmax glmin descrip aux_file intent_name unused_str".split(
      " ",
    );

  test.each([NIFTI1, NIFTI2])("every other byte is kept, NIfTI-$version", ({ version, size, fields }) => {
    // Random bytes wherever reading does not mind: times, slices, slopes, texts and both placements.
    const rng = Rng.seeded(31);
    const source = nifti({ version });
    const spared =
      "sizeof_hdr magic dim pixdim datatype bitpix vox_offset scl_slope scl_inter sform_code srow_x srow_y srow_z";
    const spans = [...fields.values()].map((field, i, all) => ({ ...field, end: all[i + 1]?.at ?? size }));
    for (const { name, at, end } of spans)
      if (!spared.split(" ").includes(name)) for (let i = at; i < end; i++) source[i] = rng.below(256);
    const { bytes } = encodeNiftiLabels(new Uint8Array(12), decodeNifti(source, "a.nii"));
    for (const { name, at, end } of spans)
      if (!CHANGED.includes(name)) expect([name, bytes.subarray(at, end)]).toEqual([name, source.subarray(at, end)]);
    const header = niftiHeaderOf(bytes, "b.nii")!;
    const values = Object.fromEntries(header.list().map(({ name, value }) => [name, value]));
    expect(values).toMatchObject({
      datatype: [2],
      bitpix: [8],
      scl_slope: [1],
      scl_inter: [0],
      cal_max: [0],
      cal_min: [0],
    });
    expect(values).toMatchObject({ descrip: "Tendril", aux_file: "", intent_name: "", intent_code: [1002] });
    expect(values).toMatchObject({ vox_offset: [size + 4], dim: [3, 3, 2, 2, 1, 1, 1, 1] });
  });

  test("no text is left, and no extension, where a name may stand", () => {
    for (const layout of [NIFTI1, NIFTI2]) {
      const source = nifti({ version: layout.version });
      for (const { name, kind, at, count } of layout.fields.values())
        if (kind === "text" && name !== "magic") source.fill("Q".charCodeAt(0), at, at + count);
      const extended = changed(
        Buffer.concat([
          source.subarray(0, layout.size),
          Buffer.of(1, 0, 0, 0),
          Buffer.alloc(64, "Q"),
          source.subarray(layout.size + 4),
        ]),
        { vox_offset: layout.size + 68 },
      );
      const { bytes } = encodeNiftiLabels(new Uint8Array(12), decodeNifti(extended, "a.nii"));
      // One character of NIfTI-1, "regular", is none of a person.
      expect(Buffer.from(bytes).filter((byte) => byte === 81)).toHaveLength(layout.version === 1 ? 1 : 0);
      expect(bytes.length).toBe(layout.size + 4 + 12);
    }
  });
});

test("the same labels give the same bytes, in the smallest type that holds them", () => {
  const source = decodeNifti(fixture("nifti/int16-1-v1le.nii.gz"), "a");
  const labels = Uint16Array.from({ length: 24 }, (_, i) => i);
  const { bytes, extension } = encodeNiftiLabels(labels, source);
  expect(extension).toBe(".nii.gz");
  expect(encodeNiftiLabels(Uint8Array.from(labels), source).bytes).toEqual(bytes);
  expect(gunzipSync(bytes)).toHaveLength(352 + 24);
  labels[3] = 65_535;
  expect(decodeNifti(encodeNiftiLabels(labels, source).bytes, "a").data).toEqual(labels);
  expect(() => encodeNiftiLabels(labels.subarray(1), source)).toThrow(ShapeError);
});

describe("on an image that is not NIfTI", () => {
  const angle = fc.double({ min: -180, max: 180, noNaN: true });
  const length = fc.double({ min: 0.05, max: 20, noNaN: true });
  const offset = fc.double({ min: -500, max: 500, noNaN: true });
  const place = fc.record({
    angles: fc.tuple(angle, angle, angle),
    spacing: fc.tuple(length, length, length),
    offset: fc.tuple(offset, offset, offset),
    mirrored: fc.boolean(),
  });

  function affineOf({
    angles,
    spacing,
    offset,
    mirrored,
  }: typeof place extends fc.Arbitrary<infer T> ? T : never): Affine {
    const [[cx, sx], [cy, sy], [cz, sz]] = angles.map((degrees) => {
      const radians = (degrees * Math.PI) / 180;
      return [Math.cos(radians), Math.sin(radians)];
    });
    const [a, b, c] = [spacing[0], spacing[1], mirrored ? -spacing[2] : spacing[2]];
    return [
      cy * cz * a,
      -cy * sz * b,
      sy * c,
      offset[0],
      (sx * sy * cz + cx * sz) * a,
      (cx * cz - sx * sy * sz) * b,
      -sx * cy * c,
      offset[1],
      (sx * sz - cx * sy * cz) * a,
      (cx * sy * sz + sx * cz) * b,
      cx * cy * c,
      offset[2],
    ];
  }

  test("both placements say where it lies, to single precision", () => {
    fc.assert(
      fc.property(place, (how) => {
        const toWorld = affineOf(how);
        const source = { size: [4, 3, 2], toWorld, origin: { kind: "other" } } as const;
        const { bytes, extension } = encodeNiftiLabels(new Uint8Array(24), source);
        expect(extension).toBe(".nii.gz");
        const plain = new Uint8Array(gunzipSync(bytes));
        for (const fields of [{ qform_code: 0 }, { sform_code: 0 }]) {
          const back = decodeNifti(changed(plain, fields), "a");
          expect(back.notes).toEqual([]);
          back.toWorld.forEach((value, i) => {
            expect(Math.abs(value - toWorld[i])).toBeLessThan(1e-4);
          });
        }
        expect(decodeNifti(bytes, "a").notes).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("a sheared one has no qform, since a rotation cannot say it", () => {
    const toWorld: Affine = [1, 0.2, 0, 5, 0, 1, 0, 6, 0, 0, 2, 7];
    const { bytes } = encodeNiftiLabels(new Uint8Array(8), { size: [2, 2, 2], toWorld, origin: { kind: "other" } });
    expect(niftiHeaderOf(bytes, "a")!.number("qform_code")).toBe(0);
    expect(decodeNifti(bytes, "a").toWorld).toEqual(toWorld.map(Math.fround));
  });
});
