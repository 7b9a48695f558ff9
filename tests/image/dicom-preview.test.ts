/** One image out of an archive or a multi-frame file: it is one of those that the reader of the whole finds there, and little is read for it. */
import { zipSync } from "fflate";
import { expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { type Attributes, encodeDicomFile } from "../../src/image/dicom-seg-write.ts";
import { decodeFiles, framePreview, ImageFormatError, type Volume, zipPreview } from "../../src/image/index.ts";
import { parts } from "./parts.ts";

const SIDE = 400;
const AREA = SIDE * SIDE;
const SLICES = 12;
const CT = "1.2.840.10008.5.1.4.1.1.2";

/** Noise, so that it packs badly. */
function pixels(frames: number, seed: number): Uint8Array {
  const rng = Rng.seeded(seed);
  return Uint8Array.from({ length: frames * AREA }, () => rng.below(256));
}

function dicom(name: string, own: Attributes): Uint8Array {
  return encodeDicomFile(
    {
      ...{ SOPClassUID: CT, SOPInstanceUID: `1.2.3.${name}`, SeriesInstanceUID: "1.2.5", Modality: "CT" },
      ...{ Rows: SIDE, Columns: SIDE, SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2" },
      ...{ BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelRepresentation: 0, PixelSpacing: ["0.5", "0.5"] },
      ...own,
    },
    CT,
    `1.2.3.${name}`,
  );
}

const slice = (k: number) =>
  dicom(`${k}`, {
    ...{ ImageOrientationPatient: ["1", "0", "0", "0", "1", "0"], ImagePositionPatient: ["0", "0", `${2 * k}`] },
    PixelData: pixels(1, k),
  });

async function volumeOf(bytes: Uint8Array, name: string): Promise<Volume> {
  const opened = await decodeFiles([{ name, bytes }]);
  if (opened.kind !== "volume") throw new Error("no volume");
  return opened.volume;
}

test.each([0, 6] as const)("of an archive, packed with level %d, the middle file is cut out", async (level) => {
  const files = Object.fromEntries(Array.from({ length: SLICES }, (_, k) => [`study/IM${100 + k}`, slice(k)]));
  const archive = zipSync({ "study/": new Uint8Array(0), ...files, "study/.DS_Store": slice(50) }, { level });
  const { part, given } = parts(archive);
  const preview = (await zipPreview(part, archive.length, "a.zip"))!;
  const { size, data, toWorld } = await volumeOf(preview, "a.zip");
  expect(size).toEqual([SIDE, SIDE, 1]);
  const whole = await volumeOf(archive, "a.zip");
  expect(whole.size).toEqual([SIDE, SIDE, SLICES]);
  expect(data).toEqual(whole.data.subarray(6 * AREA, 7 * AREA));
  expect(toWorld[11]).toBe(12);
  expect(given.bytes).toBeLessThan(1.4 * 2 ** 20);
});

test("an archive whose middle file is damaged, or which is cut short, gives none that is read", async () => {
  const files = Object.fromEntries(Array.from({ length: SLICES }, (_, k) => [`IM${100 + k}`, slice(k)]));
  const archive = zipSync(files, { level: 0 });
  const damaged = archive.map((byte, i) => (i > 0.5 * archive.length && i < 0.55 * archive.length ? 255 - byte : byte));
  const preview = (await zipPreview(parts(damaged).part, damaged.length, "a.zip"))!;
  await expect(volumeOf(preview, "a.zip")).rejects.toThrow(ImageFormatError);
  const cut = archive.subarray(0, archive.length - 30);
  await expect(zipPreview(parts(cut).part, cut.length, "a.zip")).rejects.toThrow(ImageFormatError);
  expect(await zipPreview(parts(archive.subarray(0, 1000)).part, 1000, "a.zip")).toBeNull();
});

test("of a multi-frame file the first frame is cut out", async () => {
  const file = dicom("1", { NumberOfFrames: `${SLICES}`, PixelData: pixels(SLICES, 1) });
  const { part, given } = parts(file);
  const preview = (await framePreview(part, file.length, "a.dcm"))!;
  const { size, data } = await volumeOf(preview, "a.dcm");
  expect(size).toEqual([SIDE, SIDE, 1]);
  const whole = await volumeOf(file, "a.dcm");
  expect(whole.size).toEqual([SIDE, SIDE, SLICES]);
  expect(data).toEqual(whole.data.subarray(0, AREA));
  expect(given.bytes).toBeLessThan(1.3 * 2 ** 20);
});

test("a single image, a small file, another format and a file that is cut short give none", async () => {
  const single = dicom("1", { Columns: 6 * SIDE, Rows: 2 * SIDE, PixelData: pixels(SLICES, 1) });
  const other = new Uint8Array(2 ** 21).fill(0x89);
  for (const file of [single, other, slice(0)])
    expect(await framePreview(parts(file).part, file.length, "a.dcm")).toBeNull();
  const cut = dicom("1", { NumberOfFrames: `${SLICES}`, PixelData: pixels(SLICES, 1) }).subarray(0, -AREA);
  await expect(framePreview(parts(cut).part, cut.length, "a.dcm")).rejects.toThrow(ImageFormatError);
});

test("changed bytes of a directory or header give an image to be read, none, or a typed error", async () => {
  const files = Object.fromEntries(Array.from({ length: SLICES }, (_, k) => [`IM${100 + k}`, slice(k)]));
  const archive = zipSync(files, { level: 0 });
  const film = dicom("1", { NumberOfFrames: `${SLICES}`, PixelData: pixels(SLICES, 1) });
  const rng = Rng.seeded(5);
  let cutOut = 0;
  for (let round = 0; round < 300; round++) {
    const isArchive = round % 2 === 0;
    const file = (isArchive ? archive : film).slice();
    for (let change = 0; change <= rng.below(3); change++)
      file[isArchive ? file.length - 1 - rng.below(900) : rng.below(600)] = rng.below(256);
    const preview = isArchive ? zipPreview : framePreview;
    try {
      if (await preview(parts(file).part, file.length, "a")) cutOut++;
    } catch (error) {
      if (!(error instanceof ImageFormatError)) throw error;
    }
  }
  expect(cutOut).toBeGreaterThan(50);
});
