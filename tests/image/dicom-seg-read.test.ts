import { readFileSync } from "node:fs";
import { join } from "node:path";
import dcmjs from "dcmjs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { START_BYTES } from "../../src/image/decode.ts";
import { fractionalFrames } from "../../src/image/dicom-seg.ts";
import { fractionOf } from "../../src/image/dicom-seg-fractions.ts";
import { decodeDicomSeg, looksLikeDicomSeg } from "../../src/image/dicom-seg-read.ts";
import { DicomSegError } from "../../src/image/dicom-seg-source.ts";
import { type Attributes, encodeDicomFile } from "../../src/image/dicom-seg-write.ts";
import { ImageFormatError } from "../../src/image/errors.ts";
import type { Volume } from "../../src/image/volume.ts";
import {
  emptyLabels,
  encode,
  fixture,
  fixtures,
  LESION,
  SERIES,
  SPLEEN,
  seriesVolume,
  sourceSlice,
  volumeOf,
} from "./seg-source.ts";

const names = { source: "seg.dcm", image: "the series" };
const expected: Record<string, number[]> = JSON.parse(readFileSync(join(fixtures, "expected.json"), "utf8"));

function refusal(bytes: Uint8Array, volume: Volume): string {
  try {
    decodeDicomSeg(bytes, volume, names);
  } catch (error) {
    if (error instanceof ImageFormatError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error("was not refused");
}

test("what is written is read back as it was: labels, names, codes, colors", () => {
  const volumes = SERIES.map((series) => seriesVolume(series));
  const labels = fc.uint8Array({ min: 0, max: 2, minLength: 140, maxLength: 140 }).filter((map) => map.some(Boolean));
  fc.assert(
    fc.property(fc.constantFrom(...volumes), labels, (volume, map) => {
      const read = decodeDicomSeg(encode({ volume, labels: map }), volume, names);
      expect(read.labels).toEqual(map);
      expect(read.notes).toEqual([]);
      const { tracking, ...spleen } = read.segments[0];
      expect(spleen).toEqual(SPLEEN);
      expect(tracking?.id).toBe("Spleen");
      expect(read.segments[1]).toMatchObject(LESION);
    }),
  );
});

test("a segmentation is known by its beginning, of whatever program; other DICOM files are none", () => {
  const start = (bytes: Uint8Array) => looksLikeDicomSeg(bytes.subarray(0, START_BYTES));
  const volume = seriesVolume("axial");
  for (const bytes of [
    encode({ volume, labels: emptyLabels(volume).fill(1, 3, 5) }),
    ...["seg-fractional.dcm", "seg-frames.dcm", "seg-overlap.dcm"].map(fixture),
  ])
    expect(start(bytes)).toBe(true);
  for (const name of ["axial-0.dcm", "enhanced.dcm", "canary.dcm"]) expect(start(fixture(name))).toBe(false);
  expect(start(new Uint8Array(Buffer.from("1.2.840.10008.5.1.4.1.1.66.4")))).toBe(false);
});

test("300 segments need labels of 16 bits", () => {
  const volume = seriesVolume("axial");
  const labels = Uint16Array.from(emptyLabels(volume), (_, at) => at + 200);
  const segments = Array.from(labels, (value) => ({ value, name: `Part ${value}`, color: "#009e73" }));
  const read = decodeDicomSeg(encode({ volume, labels, segments }), volume, names);
  // Segments are numbered from 1 in a file, whatever values they had.
  expect(read.labels).toEqual(Uint8Array.from(labels, (value) => value - 199));
  const many = Array.from({ length: 300 }, (_, i) => ({ value: i + 1, name: `Part ${i + 1}`, color: "#009e73" }));
  const last = Uint16Array.from(labels, (_, at) => (at < 70 ? 300 : 0));
  expect(decodeDicomSeg(encode({ volume, labels: last, segments: many }), volume, names).labels).toEqual(last);
});

test("a cut at a half of whatever probabilities is the mask, of several labels too, and what is certain is 0 or 255", () => {
  const volume = seriesVolume("oblique");
  const voxel = fc.record({
    label: fc.constantFrom(0, 0, 1, 2),
    likely: fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true })),
    isCertain: fc.boolean(),
  });
  const area = volume.size[0] * volume.size[1];
  const drawing = fc
    .array(voxel, { minLength: 140, maxLength: 140 })
    .filter((voxels) => voxels.some(({ label }) => label > 0));
  fc.assert(
    fc.property(drawing, (voxels) => {
      const labels = Uint8Array.from(voxels, ({ label }) => label);
      const { fractions, frames } = fractionalFrames({ volume, labels, segments: [SPLEEN, LESION] });
      for (const { value, slice, pixels } of frames)
        for (let p = 0; p < area; p++) {
          const { label, likely, isCertain } = voxels[slice * area + p];
          pixels[p] = fractionOf(likely[value - 1], label === value, isCertain);
          if (isCertain) expect(pixels[p]).toBe(label === value ? 255 : 0);
          else
            expect(Math.abs(pixels[p] - 255 * likely[value - 1]) <= 0.5 || [127, 128].includes(pixels[p])).toBe(true);
        }
      const read = decodeDicomSeg(encode({ volume, labels, fractions }), volume, names);
      expect(read.labels).toEqual(labels);
      expect(read.notes[0]).toMatch(/fractional: voxels from a value of 128 on \(a half\)/);
    }),
    { numRuns: 30 },
  );
});

describe("segmentations of other programs have the label map that was put in", () => {
  test.each([
    ["frames from high to low that name no image, one segment for all", "reversed", "axial", []],
    [
      "open lengths, segments 2 and 7 that overlap",
      "overlap",
      "oblique",
      [`Segments overlap in ${expected.overlaps} places`],
    ],
    ["frames of a multi-frame image", "frames", "enhanced", null],
    [
      "fractions of 200, implicit representations",
      "fractional",
      "sagittal",
      ["from a value of 100 on", "the likeliest one"],
    ],
  ] as const)("%s (pydicom)", (_, name, series, notes) => {
    const read = decodeDicomSeg(fixture(`seg-${name}.dcm`), seriesVolume(series), names);
    expect(Array.from(read.labels)).toEqual(expected[name]);
    for (const [at, note] of (notes ?? []).entries()) expect(read.notes[at]).toContain(note);
    const [segment] = read.segments;
    expect(segment.name).toBe(`Läsion ${segment.value}`);
    expect(segment).toMatchObject({ category: { value: "49755003" }, type: { value: "4147007", meaning: "Mass" } });
  });

  test("dcmjs's own", () => {
    const volume = seriesVolume("axial");
    if (volume.origin.kind !== "dicom") throw new Error("not DICOM");
    const { DicomMessage, DicomMetaDictionary } = dcmjs.data;
    const sources = volume.origin.slices.map(({ file }) => {
      const { dict, meta } = DicomMessage.readFile(file.slice().buffer);
      return { ...DicomMetaDictionary.naturalizeDataset(dict), _meta: DicomMetaDictionary.namifyDataset(meta) };
    });
    const derived = new dcmjs.derivations.Segmentation([dcmjs.normalizers.Normalizer.normalizeToDataset(sources)]);
    const labels = Uint8Array.from(emptyLabels(volume), (_, at) => +(at % 5 < 2));
    const code = (CodeValue: string, CodeMeaning: string) => ({
      CodeValue,
      CodingSchemeDesignator: "SCT",
      CodeMeaning,
    });
    const segment = {
      SegmentLabel: "Spleen",
      SegmentAlgorithmType: "MANUAL",
      SegmentedPropertyCategoryCodeSequence: code("123037004", "Anatomical Structure"),
      SegmentedPropertyTypeCodeSequence: code("78961009", "Spleen"),
      RecommendedDisplayCIELabValue: [43802, 26566, 37721],
    };
    derived.setNumberOfFrames(4);
    const slices = [0, 1, 2, 3].map((k) => labels.slice(35 * k, 35 * k + 35));
    derived.addSegmentFromLabelmap(segment, slices, 1, [1, 2, 3, 4]);
    derived.bitPackPixelData();
    const read = decodeDicomSeg(new Uint8Array(dcmjs.data.datasetToBuffer(derived.dataset)), volume, names);
    expect(read.labels).toEqual(labels);
    expect(read.segments[0]).toMatchObject({ value: 1, name: "Spleen", type: { value: "78961009", scheme: "SCT" } });
  });
});

describe("a segmentation that does not lie on the series is refused, in words that say so", () => {
  const seg = fixture("seg-reversed.dcm");
  const axial = seriesVolume("axial");

  test.each([
    ["another orientation", seriesVolume("sagittal"), /Its frames are turned against the images/],
    ["other places", seriesVolume("uneven"), /Frame 1 was drawn on another image, in a space of its own/],
    ["fewer slices", volumeOf([0, 1, 2].map((k) => fixture(`axial-${k}.dcm`))), /Frame 1 lies on none of its 3 slices/],
  ])("%s", (_, volume, why) => {
    const message = refusal(seg, volume);
    expect(message).toMatch(/^other-grid: seg\.dcm doesn't lie on the series\. .* Not loaded; nothing changed\.$/);
    expect(message).toMatch(why);
  });

  test("another size", () => {
    const at = Buffer.from(seg).indexOf(Buffer.from([0x28, 0, 0x11, 0, 0x55, 0x53, 2, 0, 7, 0]));
    const narrow = seg.slice();
    narrow[at + 8] = 6;
    expect(refusal(narrow, axial)).toMatch(/^other-grid: .* 6×5 against 7×5\. Not loaded/);
  });

  test("a frame that names an image and lies elsewhere by more than 0.001 mm", () => {
    const shifted = (mm: number) => {
      const plane = { Rows: 5, Columns: 7, PixelSpacing: [1, 1], ImageOrientationPatient: [1, 0, 0, 0, 1, 0] };
      return volumeOf([0, 1, 2, 3].map((k) => sourceSlice(k, { ...plane, ImagePositionPatient: [0, mm, 2 * k] })));
    };
    const bytes = encode({ volume: shifted(0), labels: emptyLabels(axial).fill(1) });
    expect(refusal(bytes, shifted(0.0011))).toMatch(/^other-grid: .* Frame 1 lies on none/);
    expect(decodeDicomSeg(bytes, shifted(0.0009), names).labels.every((value) => value === 1)).toBe(true);
  });

  test("a volume that is no DICOM series", () => {
    expect(() => decodeDicomSeg(seg, { ...axial, origin: { kind: "other" } }, names)).toThrow(DicomSegError);
  });
});

describe("what is no segmentation that is read is named", () => {
  const axial = seriesVolume("axial");
  const file = (attributes: Attributes) => encodeDicomFile(attributes, "1.2.3", "1.2.3");
  test.each([
    ["no bytes", new Uint8Array(0), /^empty: /],
    ["a text", new TextEncoder().encode("no DICOM at all".repeat(20)), /^unsupported: .* is no DICOM file/],
    [
      "an image",
      fixture("axial-0.dcm"),
      /^unsupported: .* no DICOM Segmentation\. Choose the one whose modality is SEG/,
    ],
    ["a label map", file({ SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.7" }), /^unsupported: .* Label Map Segmentation/],
    [
      "another type",
      file({ SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4", SegmentationType: "LABELMAP" }),
      /^unsupported: .*SegmentationType/,
    ],
  ])("%s", (_, bytes, message) => {
    expect(refusal(bytes, axial)).toMatch(message);
  });

  test("compressed and deflated files", () => {
    const bytes = encode({ volume: axial, labels: emptyLabels(axial).fill(1) });
    const at = Buffer.from(bytes).indexOf("1.2.840.10008.1.2.1\0");
    bytes.set(Buffer.from("1.2.840.10008.1.2.5\0"), at);
    expect(refusal(bytes, axial)).toMatch(/^unsupported: .* compressed DICOM Segmentation\. Save it uncompressed/);
  });
});
