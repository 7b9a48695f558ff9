import dicomParser from "dicom-parser";
import { expect, test } from "vitest";
import { decodeDicom, type NamedFile } from "../../src/image/dicom.ts";
import { spacingOf } from "../../src/image/volume.ts";
import { CASES, type ExpectedSeries, golden, goldenFiles } from "./dicom.ts";

const TYPES: Readonly<Record<string, string>> = {
  uint8: "Uint8Array",
  int8: "Int8Array",
  uint16: "Uint16Array",
  int16: "Int16Array",
  uint32: "Uint32Array",
  int32: "Int32Array",
  float32: "Float32Array",
};

test.each(Object.keys(CASES))("%s has the voxels and the place that pydicom and NumPy give", async (name) => {
  const { series, refused } = await decodeDicom(goldenFiles(name));
  expect(refused.map(({ message }) => message)).toEqual([]);
  const { series: expected } = CASES[name];
  expect(series.map(({ label }) => label).sort()).toEqual(expected.map(({ label }) => label).sort());
  for (const wanted of expected) check(series.find(({ label }) => label === wanted.label)!, wanted);
});

function check(
  { volume, sliceCount }: Awaited<ReturnType<typeof decodeDicom>>["series"][number],
  wanted: ExpectedSeries,
) {
  expect(volume.size).toEqual(wanted.size);
  expect(sliceCount).toBe(wanted.size[2]);
  expect(volume.data.constructor.name).toBe(TYPES[wanted.type]);
  if (wanted.tolerance === 0) expect(Array.from(volume.data)).toEqual(wanted.data);
  else {
    expect(volume.data.length).toBe(wanted.data.length);
    const off = Array.from(volume.data, (value, i) => Math.abs(value - wanted.data[i]));
    expect(Math.max(...off)).toBeLessThanOrEqual(wanted.tolerance);
  }
  volume.toWorld.forEach((value, i) => {
    expect(Math.abs(value - wanted.toWorld[i])).toBeLessThan(1e-6);
  });
  expect([volume.slope, volume.intercept, volume.modality]).toEqual([wanted.slope, wanted.intercept, wanted.modality]);
  expect([volume.notes.length, volume.notes]).toEqual([wanted.notes.length, volume.notes]);
  for (const words of wanted.notes)
    expect(
      volume.notes.some((note) => note.includes(words)),
      words,
    ).toBe(true);
  if (wanted.windows)
    expect(volume.windows.map(({ name, center, width }) => [name, center, width])).toEqual(wanted.windows);
  if (volume.origin.kind !== "dicom") throw new Error("no DICOM origin");
  expect(volume.origin.slices.length).toBe(wanted.size[2]);
  if (wanted.frames) expect(volume.origin.slices.map(({ frame }) => frame)).toEqual(wanted.frames);
}

test("there are at least 80 golden files", () => {
  expect(Object.values(CASES).flatMap(({ files }) => files).length).toBeGreaterThan(80);
});

test("dicom-parser finds the same instances behind the slices", async () => {
  let compared = 0;
  for (const name of Object.keys(CASES)) {
    // It reads no deflated file without Node, no file without a meta header, and does not know the representation OV.
    if (/deflated|no-meta|extended-table/.test(name)) continue;
    const { series } = await decodeDicom(goldenFiles(name));
    for (const { volume } of series) {
      if (volume.origin.kind !== "dicom") throw new Error("no DICOM origin");
      for (const { file, sopInstanceUid } of volume.origin.slices) {
        const parsed = dicomParser.parseDicom(file[128] === 0x44 ? file : withPreamble(file));
        expect(parsed.string("x00080018")).toBe(sopInstanceUid);
        expect([parsed.uint16("x00280011"), parsed.uint16("x00280010")]).toEqual(volume.size.slice(0, 2));
        compared++;
      }
    }
  }
  expect(compared).toBeGreaterThan(150);
});

function withPreamble(file: Uint8Array): Uint8Array {
  return new Uint8Array([...new Uint8Array(128), 0x44, 0x49, 0x43, 0x4d, ...file]);
}

test("slices come in the order of places whatever the order of the files", async () => {
  const files = goldenFiles("orientation-oblique");
  const first = await decodeDicom(files);
  for (const order of [
    [2, 1, 0],
    [1, 2, 0],
    [0, 2, 1],
  ]) {
    const { series } = await decodeDicom(order.map((i) => files[i]));
    expect(series[0].volume).toEqual(first.series[0].volume);
  }
});

test("the largest series comes first, and a file that is none does not keep the others from being opened", async () => {
  const others: NamedFile[] = [
    { name: "notes.txt", bytes: new TextEncoder().encode("a text that is no image") },
    { name: "cut.dcm", bytes: golden("explicit-u8.dcm").subarray(0, 300) },
    { name: "none.dcm", bytes: new Uint8Array(0) },
  ];
  const files = [...goldenFiles("explicit-u8"), ...others, ...goldenFiles("missing"), ...goldenFiles("film")];
  const { series, refused } = await decodeDicom(files);
  expect(series.map(({ sliceCount }) => sliceCount)).toEqual([6, 4, 1]);
  expect(refused.map(({ source, code }) => [source, code])).toEqual([
    ["notes.txt", "unsupported"],
    ["cut.dcm", "cut-short"],
    ["none.dcm", "empty"],
  ]);
});

test("a slice whose pixels are damaged is left out and named; the rest of its series opens", async () => {
  const files = goldenFiles("orientation-axial");
  const one = { name: "broken.dcm", bytes: broken(golden("jpeg-ls-u12.dcm")) };
  const { series, refused } = await decodeDicom([...files, one]);
  expect(series.map(({ sliceCount }) => sliceCount)).toEqual([3]);
  expect(refused.map(({ source, code }) => [source, code])).toEqual([["broken.dcm", "damaged"]]);
  const film = golden("frames-empty-table.dcm");
  // The first bytes of the second frame's codestream.
  const at = indexOf(film, [0xff, 0xd8], indexOf(film, [0xff, 0xd8], 0) + 2);
  const partly = await decodeDicom([{ name: "film.dcm", bytes: film.with(at + 1, 0xd7) }]);
  expect(partly.series[0].sliceCount).toBe(2);
  expect(partly.series[0].volume.notes.join()).toMatch(/1 image of this series cannot be read/);
  const { volume } = (await decodeDicom([{ name: "film.dcm", bytes: film }])).series[0];
  const size = volume.size[0] * volume.size[1];
  expect(Array.from(partly.series[0].volume.data)).toEqual([
    ...volume.data.slice(0, size),
    ...volume.data.slice(2 * size),
  ]);
});

function indexOf(bytes: Uint8Array, pattern: readonly number[], from: number): number {
  for (let at = from; at < bytes.length; at++) if (pattern.every((byte, i) => bytes[at + i] === byte)) return at;
  throw new Error("not found");
}

/** With the frame header of its codestream overwritten. */
function broken(file: Uint8Array): Uint8Array {
  const copy = file.slice();
  const at = indexOf(copy, [0xff, 0xf7], 0);
  copy.fill(0, at, at + 8);
  return copy;
}

test("a Buffer, wherever it begins in memory, is read as any other array of bytes", async () => {
  for (const name of ["explicit-u16", "jpeg-lossless-u16", "jpeg-2000-u16", "big-u12"]) {
    const bytes = golden(`${name}.dcm`);
    const shifted = Buffer.concat([Buffer.of(1, 2, 3), bytes]).subarray(3);
    const { series } = await decodeDicom([{ name, bytes: shifted }]);
    expect(Array.from(series[0].volume.data)).toEqual(CASES[name].series[0].data);
  }
});

test("spacing is that of the file", async () => {
  const { series } = await decodeDicom(goldenFiles("orientation-turned"));
  spacingOf(series[0].volume).forEach((value, i) => {
    expect(value).toBeCloseTo([0.6, 0.8, 2.5][i], 8);
  });
});
