import dcmjs from "dcmjs";
import dicomParser from "dicom-parser";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { fractionalFrames } from "../../src/image/dicom-seg.ts";
import { cielabOf, colorOf } from "../../src/image/dicom-seg-color.ts";
import { encodeDcmqiMetadata } from "../../src/image/dicom-seg-dcmqi.ts";
import { fractionOf } from "../../src/image/dicom-seg-fractions.ts";
import { DicomSegError } from "../../src/image/dicom-seg-source.ts";
import { decimal } from "../../src/image/dicom-seg-write.ts";
import { ImageFormatError } from "../../src/image/errors.ts";
import { type Volume, worldOf } from "../../src/image/volume.ts";
import {
  DCIODVFY,
  emptyLabels,
  encode,
  fixture,
  fixtures,
  floats,
  itemOf,
  LESION,
  PYTHON,
  planeOf,
  runOn,
  SERIES,
  SPLEEN,
  seriesVolume,
  sourceSlice,
  volumeOf,
} from "./seg-source.ts";

/** Set voxels as [segment, value, x, y, z] in mm, LPS, as dicom-parser reads the file. */
function voxelsOf(bytes: Uint8Array): number[][] {
  const data = dicomParser.parseDicom(bytes);
  const [rows, columns] = [data.uint16("x00280010") ?? 0, data.uint16("x00280011") ?? 0];
  const isBinary = data.uint16("x00280100") === 1;
  const pixels = data.elements.x7fe00010;
  const shared = itemOf(data, "x52009229");
  const o = floats(itemOf(shared, "x00209116"), "x00200037", 6);
  const [down, across] = floats(itemOf(shared, "x00289110"), "x00280030", 2);
  const voxels: number[][] = [];
  for (let f = 0; f < (data.intString("x00280008") ?? 0); f++) {
    const group = itemOf(data, "x52009230", f);
    const position = floats(itemOf(group, "x00209113"), "x00200032", 3);
    const segment = itemOf(group, "x0062000a").uint16("x0062000b") ?? 0;
    for (let p = 0; p < rows * columns; p++) {
      const at = f * rows * columns + p;
      const byte = bytes[pixels.dataOffset + (isBinary ? at >> 3 : at)];
      const value = isBinary ? (byte >> (at & 7)) & 1 : byte;
      const [i, j] = [p % columns, Math.floor(p / columns)];
      if (value > 0)
        voxels.push([segment, value, ...position.map((v, a) => v + o[a] * across * i + o[3 + a] * down * j)]);
    }
  }
  return voxels;
}

/** The same of the label map that was written, by the source's own planes. */
function paintedOf(volume: Volume, labels: Uint8Array, values: readonly number[] = [1, 2]): number[][] {
  const [columns, rows, count] = volume.size;
  return values.flatMap((label, s) =>
    Array.from({ length: count }, (_, k) => k).flatMap((k) => {
      if (volume.origin.kind !== "dicom") throw new Error("not DICOM");
      const { file, frame } = volume.origin.slices[k];
      const { position, orientation: o, spacing } = planeOf(file, frame ?? undefined);
      const slice = labels.subarray(k * columns * rows, (k + 1) * columns * rows);
      return Array.from(slice, (value, p) => ({ value, i: p % columns, j: Math.floor(p / columns) }))
        .filter(({ value }) => value === label)
        .map(({ i, j }) => [
          s + 1,
          1,
          ...position.map((v, a) => v + o[a] * spacing[1] * i + o[3 + a] * spacing[0] * j),
        ]);
    }),
  );
}

function expectNear(actual: readonly number[][], expected: readonly number[][]): void {
  expect(actual.length).toBe(expected.length);
  for (const [v, voxel] of actual.entries())
    for (const [c, value] of voxel.entries()) expect(Math.abs(value - expected[v][c])).toBeLessThan(1e-6);
}

function painted(volume: Volume): Uint8Array {
  const labels = emptyLabels(volume);
  // Both segments, one slice without any, first and last voxel.
  for (let at = 0; at < labels.length; at += 3) labels[at] = at % 2 === 0 ? 1 : 2;
  labels.fill(0, 35, 70);
  labels[labels.length - 1] = 2;
  return labels;
}

/** Probabilities for every frame. @param likely  at a voxel's place */
function filled(volume: Volume, labels: Uint8Array, likely: (at: number) => number): Uint8Array {
  const { fractions, frames } = fractionalFrames({ volume, labels, segments: [SPLEEN, LESION] });
  for (const { value, slice, pixels } of frames)
    for (let p = 0; p < pixels.length; p++) {
      const at = slice * pixels.length + p;
      pixels[p] = fractionOf(likely(at), labels[at] === value, false);
    }
  return fractions;
}

/** The item's own character set is allowed everywhere (PS3.3, C.12.1.1.2), which dciodvfy does not know. */
const EXPECTED = [
  "Segmentation",
  "Warning - </SegmentSequence(0062,0002)[2]/SpecificCharacterSet(0008,0005)> - Attribute is not present in standard DICOM IOD",
];

describe.each(SERIES)("a segmentation of the %s series", (series) => {
  const volume = seriesVolume(series);
  const labels = painted(volume);
  const bytes = encode({ volume, labels });

  test("has every painted voxel where it was painted, as dicom-parser reads it", () => {
    expectNear(voxelsOf(bytes), paintedOf(volume, labels));
  });

  test.skipIf(!PYTHON)("has every painted voxel where it was painted, as pydicom reads it (needs pydicom)", () => {
    const read = JSON.parse(runOn(bytes, PYTHON ?? "", `${fixtures}/read.py`).out);
    expectNear(read.voxels, paintedOf(volume, labels));
    expect(read).toMatchObject({ patient: "Example^Erika", segments: ["Spleen", "Läsion 病変"] });
    const frames = [1, 2].flatMap((label) =>
      [0, 2, 3].map((k) => labels.slice(35 * k, 35 * k + 35).map((v) => +(v === label))),
    );
    expect(read.frames.map((frame: number[][]) => frame.flat())).toEqual(frames.map((frame) => Array.from(frame)));
  });

  test.skipIf(!DCIODVFY)(
    "is a Segmentation without an error, and with no warning but that of an item with letters of its own (needs dciodvfy)",
    () => {
      const fractional = encode({ volume, labels, fractions: filled(volume, labels, (i) => (i % 7) / 6) });
      const said = (seg: Uint8Array) => runOn(seg, "dciodvfy", "-new").err.trim().split("\n");
      for (const seg of [bytes, fractional]) expect(said(seg)).toEqual(EXPECTED);
      // Without a patient and a study a disc's directory cannot name it, which is what was asked for.
      const removed = said(encode({ volume, labels, removeIdentifiers: true }));
      expect(removed.filter((line) => !/^Warning .* needed to build DICOMDIR$/.test(line))).toEqual(EXPECTED);
      expect(removed.length).toBe(EXPECTED.length + 4);
    },
  );
});

test.skipIf(!DCIODVFY)("dciodvfy finds what is missing from a segmentation (needs dciodvfy)", () => {
  const volume = seriesVolume("axial");
  const bytes = encode({ volume, labels: painted(volume) });
  const at = Buffer.from(bytes).indexOf(Buffer.from([0x08, 0x00, 0x70, 0x00, 0x4c, 0x4f]));
  bytes[at + 2] = 0x71;
  expect(runOn(bytes, "dciodvfy", "-new").err).toMatch(/^Error.*Manufacturer/m);
});

describe("one voxel is where it was painted", () => {
  const size = { Rows: 5, Columns: 7, PixelSpacing: [0.75, 0.5], SliceThickness: 2 };

  function expectInPlace(turn: readonly number[], origin: readonly number[], at: number): void {
    const normal = [
      turn[1] * turn[5] - turn[2] * turn[4],
      turn[2] * turn[3] - turn[0] * turn[5],
      turn[0] * turn[4] - turn[1] * turn[3],
    ];
    const files = [0, 1, 2, 3].map((k) =>
      sourceSlice(k, {
        ...size,
        ImageOrientationPatient: turn,
        ImagePositionPatient: origin.map((v, a) => v + 2.5 * k * normal[a]),
      }),
    );
    const volume = volumeOf(files);
    const labels = emptyLabels(volume);
    labels[at] = 1;
    const [voxel, ...others] = voxelsOf(encode({ volume, labels }));
    expect(others).toEqual([]);
    const [x, y, z] = worldOf(volume.toWorld, [at % 7, Math.floor(at / 7) % 5, Math.floor(at / 35)]);
    expectNear([voxel], [[1, 1, -x, -y, z]]);
  }

  const axes = [0, 1, 2].flatMap((axis) => [1, -1].map((sign) => [0, 1, 2].map((a) => (a === axis ? sign : 0))));
  const turns = axes.flatMap((row) =>
    axes.filter((column) => column.every((v, a) => v * row[a] === 0)).map((column) => [...row, ...column]),
  );

  test("in all 24 ways to lay rows and columns along the patient's axes", () => {
    expect(turns.length).toBe(24);
    for (const [t, turn] of turns.entries())
      for (const at of [0, 6, 28, 105, 139]) expectInPlace(turn, [1.5, -t, 3], at);
  });

  test("in oblique slices, with cosines of any sign", () => {
    const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
    const place = fc.double({ min: -400, max: 400, noNaN: true }).map((mm) => Math.round(mm * 1e4) / 1e4);
    fc.assert(
      fc.property(angle, angle, angle, fc.tuple(place, place, place), fc.nat(139), (a, b, c, origin, at) => {
        const [ca, sa, cb, sb, cc, sc] = [a, b, c].flatMap((v) => [Math.cos(v), Math.sin(v)]);
        const row = [cc * cb, sc * cb, -sb];
        const column = [cc * sb * sa - sc * ca, sc * sb * sa + cc * ca, cb * sa];
        expectInPlace([...row, ...column], origin, at);
      }),
      { numRuns: 200 },
    );
  });
});

describe("what other programs are told", () => {
  const volume = seriesVolume("axial");
  const labels = painted(volume);

  test("frames are sorted by segment, then along the normal, whatever the order of the volume; empty ones are left out", () => {
    const flipped = volumeOf([3, 1, 0, 2].map((k) => fixture(`axial-${k}.dcm`)));
    const bytes = encode({ volume: flipped, labels: labels.map((_, at) => (at >= 35 && at < 70 ? 0 : 1)) });
    const data = dicomParser.parseDicom(bytes);
    expect(data.intString("x00280008")).toBe(3);
    const groups = [0, 1, 2].map((f) => itemOf(data, "x52009230", f));
    expect(groups.map((group) => floats(itemOf(group, "x00209113"), "x00200032", 3)[2])).toEqual([
      30.125, 35.125, 37.625,
    ]);
    const indices = groups.map((group) => [0, 1].map((i) => itemOf(group, "x00209111").uint32("x00209157", i)));
    expect(indices).toEqual([
      [1, 1],
      [1, 2],
      [1, 3],
    ]);
    const names = groups.map((group) => itemOf(itemOf(group, "x00089124"), "x00082112").string("x00081155")?.slice(-1));
    expect(names).toEqual(["1", "3", "4"]);
  });

  test("every source image is referenced once, and the frame of a multi-frame one by its number", () => {
    const series = (bytes: Uint8Array) => itemOf(dicomParser.parseDicom(bytes), "x00081115");
    expect(series(encode({ volume, labels })).elements.x0008114a.items?.length).toBe(4);
    const enhanced = seriesVolume("enhanced");
    const bytes = encode({ volume: enhanced, labels: painted(enhanced) });
    expect(series(bytes).elements.x0008114a.items?.length).toBe(1);
    const data = dicomParser.parseDicom(bytes);
    const source = (f: number) => itemOf(itemOf(itemOf(data, "x52009230", f), "x00089124"), "x00082112");
    expect([0, 1, 2].map((f) => source(f).intString("x00081160"))).toEqual([4, 2, 1]);
  });

  test("codes, algorithm, colors, spacing and names are as dcmjs reads them", () => {
    const { dict, meta } = dcmjs.data.DicomMessage.readFile(encode({ volume, labels }).buffer);
    const data = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dict);
    expect(meta["00020010"].Value).toEqual(["1.2.840.10008.1.2.1"]);
    expect(data).toMatchObject({
      Modality: "SEG",
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4",
      SOPInstanceUID: "2.25.302240678275694148452354",
      SeriesInstanceUID: "2.25.302240678275694148452353",
      StudyInstanceUID: "1.2.826.0.1.3680043.10.1234.1",
      FrameOfReferenceUID: "1.2.826.0.1.3680043.10.1234.2.1",
      ContentDate: "20261127",
      ContentTime: "090507",
      LossyImageCompression: "00",
      SegmentationType: "BINARY",
      PatientID: "EX-1",
      StudyDate: "20260102",
      ReferringPhysicianName: [],
    });
    const [spleen, lesion] = data.SegmentSequence;
    expect(spleen).toMatchObject({ SegmentNumber: 1, SegmentLabel: "Spleen", SegmentAlgorithmType: "SEMIAUTOMATIC" });
    expect(spleen.SegmentAlgorithmName).toBe("Tendril");
    expect(spleen.SegmentedPropertyTypeCodeSequence[0]).toMatchObject({
      CodeValue: "78961009",
      CodingSchemeDesignator: "SCT",
    });
    expect(lesion.SegmentedPropertyTypeCodeSequence[0]).toMatchObject({ CodeValue: "85756007", CodeMeaning: "Tissue" });
    expect(lesion).toMatchObject({ SegmentLabel: "Läsion 病変", TrackingID: "Läsion 病変" });
    expect(lesion.TrackingUID).toMatch(/^2\.25\.\d+$/);
    const [measures] = data.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence;
    expect(measures).toMatchObject({ PixelSpacing: [0.75, 0.5], SliceThickness: 2, SpacingBetweenSlices: 2.5 });
    const derivation = data.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0];
    expect(derivation.DerivationCodeSequence[0]).toMatchObject({ CodeValue: "113076", CodingSchemeDesignator: "DCM" });
    const [purpose] = derivation.SourceImageSequence[0].PurposeOfReferenceCodeSequence;
    expect(purpose).toMatchObject({ CodeValue: "121322", CodingSchemeDesignator: "DCM" });
    expect(Array.from(data.DimensionIndexSequence, ({ DimensionIndexPointer }) => DimensionIndexPointer)).toEqual([
      0x0062000b, 0x00200032,
    ]);
  });

  test("dcmjs's adapter, as OHIF uses it, gives the label map that was written", () => {
    const uids = [0, 1, 2, 3].map((k) => `1.2.826.0.1.3680043.10.1234.1.1.${k + 1}`);
    const provider = {
      get: (type: string, imageId: string) =>
        ({
          generalSeriesModule: { seriesInstanceUID: "1.2.826.0.1.3680043.10.1234.1.1" },
          imagePlaneModule: { rowCosines: [1, 0, 0], columnCosines: [0, 1, 0], rows: 5, columns: 7 },
          imagePixelModule: { rows: 5, columns: 7 },
          sopCommonModule: { sopInstanceUID: imageId },
        })[type],
    };
    const state = dcmjs.adapters.Cornerstone.Segmentation.generateToolState(
      uids,
      encode({ volume, labels }).buffer,
      provider,
    );
    expect(Array.from(new Uint16Array(state.labelmapBufferArray[0]))).toEqual(Array.from(labels));
    expect(state.segMetadata.data[1]).toMatchObject({ SegmentLabel: "Spleen" });
  });

  test("probabilities are written as 255 for 1, frames in the order of a mask's, and the algorithm is named", () => {
    const bytes = encode({ volume, labels, fractions: filled(volume, labels, (i) => (i % 7) / 6), algorithm: "a-1" });
    const values = voxelsOf(bytes).map(([segment, value]) => [segment, value]);
    const [columns, rows, slices] = volume.size;
    const expected = [1, 2].flatMap((segment) =>
      Array.from({ length: slices }, (_, k) => k).flatMap((k) => {
        const at = Array.from({ length: columns * rows }, (_, p) => k * columns * rows + p);
        if (!at.some((i) => labels[i] === segment)) return [];
        return at.map((i) => [segment, fractionOf((i % 7) / 6, labels[i] === segment, false)]);
      }),
    );
    expect(values).toEqual(expected.filter(([, value]) => value > 0));
    const { dict } = dcmjs.data.DicomMessage.readFile(bytes.buffer);
    const read = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dict);
    expect(read).toMatchObject({
      ...{ SegmentationType: "FRACTIONAL", SegmentationFractionalType: "PROBABILITY", MaximumFractionalValue: 255 },
    });
    expect(read.SegmentSequence[0].SegmentAlgorithmName).toBe("a-1");
  });

  test("the same input gives the same bytes, and another UUID others", () => {
    expect(encode({ volume, labels })).toEqual(encode({ volume, labels }));
    const ids = { uuid: () => crypto.randomUUID(), at: new Date(2026, 0, 1) };
    expect(encode({ volume, labels, ids })).not.toEqual(encode({ volume, labels, ids }));
  });

  test("a name that does not fit is cut by characters, and whole in the description", () => {
    const name = `\\${"é𝄞".repeat(60)}\n`;
    const bytes = encode({ volume, labels, segments: [{ ...SPLEEN, name }, LESION] });
    const { dict } = dcmjs.data.DicomMessage.readFile(bytes.buffer);
    const [segment] = dcmjs.data.DicomMetaDictionary.naturalizeDataset(dict).SegmentSequence;
    expect([...segment.SegmentLabel].length).toBe(64);
    expect(segment.SegmentDescription).toBe(`/${"é𝄞".repeat(60)}`);
  });

  test("dcmqi's side file says of each label what the segmentation says", () => {
    const metadata = JSON.parse(encodeDcmqiMetadata([SPLEEN, LESION], { name: "Tendril" }));
    expect(metadata.segmentAttributes[0][0]).toEqual({
      labelID: 1,
      SegmentLabel: "Spleen",
      SegmentDescription: "Spleen",
      SegmentAlgorithmType: "SEMIAUTOMATIC",
      SegmentAlgorithmName: "Tendril",
      SegmentedPropertyCategoryCodeSequence: {
        CodeValue: "123037004",
        CodingSchemeDesignator: "SCT",
        CodeMeaning: "Anatomical Structure",
      },
      SegmentedPropertyTypeCodeSequence: {
        CodeValue: "78961009",
        CodingSchemeDesignator: "SCT",
        CodeMeaning: "Spleen",
      },
      recommendedDisplayRGBValue: [230, 159, 0],
    });
    expect(metadata.segmentAttributes[0][1]).toMatchObject({ labelID: 2, recommendedDisplayRGBValue: [86, 180, 233] });
  });
});

test.each(["big.dcm", "odd.dcm"])("a source that is encoded otherwise (%s) says the same", (name) => {
  const plain = volumeOf([fixture("oblique-1.dcm")]);
  const slices = [{ file: fixture(name), sopInstanceUid: planeOf(fixture("oblique-1.dcm")).uid, frame: null }];
  const labels = emptyLabels(plain).fill(1);
  const other = encode({ volume: { ...plain, origin: { kind: "dicom", slices } }, labels });
  expect(other).toEqual(encode({ volume: plain, labels }));
});

describe("no segmentation is written", () => {
  const volume = seriesVolume("axial");
  const labels = painted(volume);
  const slice = { Rows: 5, Columns: 7, PixelSpacing: [1, 1], ImageOrientationPatient: [1, 0, 0, 0, 1, 0] };
  const place = (k: number) => ({ ImagePositionPatient: [0, 0, k] });

  function refusal(input: Partial<Parameters<typeof encode>[0]>): string {
    try {
      encode({ volume, labels, ...input });
    } catch (error) {
      if (error instanceof DicomSegError) return `${error.code}: ${error.message}`;
      throw error;
    }
    throw new Error("was not refused");
  }
  /** Two slices as a volume whose matrix is that of the first. */
  function pair(first: object, second: object): Partial<Parameters<typeof encode>[0]> {
    const files = [
      sourceSlice(0, { ...slice, ...place(0) }),
      sourceSlice(0, { ...slice, ...place(0), ...first }),
      sourceSlice(1, { ...slice, ...place(1), ...second }),
    ];
    const { origin: _, ...sound } = volumeOf([files[0], sourceSlice(1, { ...slice, ...place(1) })]);
    const slices = [1, 2].map((k) => ({ file: files[k], sopInstanceUid: `1.2.3.${k}`, frame: null }));
    return { volume: { ...sound, origin: { kind: "dicom", slices } }, labels: new Uint8Array(70).fill(1) };
  }

  test("the two slices of these cases would be written", () => {
    expect(encode({ labels, volume, ...pair({}, {}) }).length).toBeGreaterThan(1000);
  });

  test.each([
    [
      "orientation",
      { ImageOrientationPatient: [0, 1, 0, 0, 0, 1] },
      /^mixed-source: .* differ in orientation.* Open each/,
    ],
    ["spacing", { PixelSpacing: [1, 2] }, /^mixed-source: .* pixel spacing/],
    ["size", { Rows: 4 }, /^mixed-source: .* size/],
    ["frame of reference", { FrameOfReferenceUID: "1.9" }, /^mixed-source: .* frame of reference/],
    ["series", { SeriesInstanceUID: "1.9" }, /^mixed-source: .* series/],
    ["no place but the first one's", place(0), /^mixed-source: Two DICOM images .* same place/],
  ])("of images that differ in %s", (_, second, expected) => {
    expect(refusal(pair({}, second))).toMatch(expected);
  });

  test.each([
    ["position", { ImagePositionPatient: "" }],
    ["orientation", { ImageOrientationPatient: "" }],
    ["an orientation", { ImageOrientationPatient: [0, 0, 0, 0, 0, 0] }],
    ["spacing", { PixelSpacing: "" }],
    ["frame of reference", { FrameOfReferenceUID: "" }],
  ])("of images without %s", (_, first) => {
    expect(refusal(pair(first, first))).toMatch(/^no-geometry: .* Export the mask as NIfTI or PNG instead\.$/);
  });

  test.each([
    ["the class", { SOPClassUID: "" }],
    ["a study that is none", { StudyInstanceUID: "none of a UID" }],
    ["the name it was opened by", { SOPInstanceUID: "1.2.3.77" }],
  ])("of images without %s", (_, first) => {
    expect(refusal(pair(first, {}))).toMatch(/^no-source: .* Export the mask as NIfTI or PNG instead\.$/);
  });

  test("of a volume that is no DICOM series, or was turned since", () => {
    expect(refusal({ volume: { ...volume, origin: { kind: "other" } } })).toMatch(/^no-source: .* NIfTI or PNG/);
    const [a, b, c, d, ...rest] = volume.toWorld;
    expect(refusal({ volume: { ...volume, toWorld: [-a, b, c, d, ...rest] as unknown as Volume["toWorld"] } })).toMatch(
      /^mixed-source: .* turned or resampled/,
    );
  });

  test("of labels, segments or probabilities that do not fit", () => {
    expect(refusal({ labels: emptyLabels(volume) })).toMatch(/^nothing-segmented: .* Draw first/);
    expect(refusal({ labels: labels.subarray(1) })).toMatch(/^bad-segments: .* 139 values .* 7 x 5 x 4, which is 140/);
    expect(refusal({ segments: [SPLEEN] })).toMatch(/^bad-segments: The label map holds 2/);
    expect(refusal({ segments: [] })).toMatch(/^bad-segments: There are no labels/);
    expect(refusal({ segments: [SPLEEN, { ...LESION, value: 1 }] })).toMatch(/^bad-segments: Two segments/);
    expect(refusal({ segments: [SPLEEN, { ...LESION, value: 0 }] })).toMatch(/^bad-segments: .* value 0/);
    expect(refusal({ segments: [SPLEEN, { ...LESION, name: " \n" }] })).toMatch(/^bad-segments: .* no name/);
    expect(refusal({ segments: [SPLEEN, { ...LESION, color: "red" }] })).toMatch(/^bad-segments: .* #rrggbb/);
    const tracking = { id: "a", uid: "b" };
    expect(refusal({ segments: [SPLEEN, { ...LESION, tracking }] })).toMatch(/^bad-segments: .* tracking UID/);
    const type = { value: "a code of more than 16", scheme: "99X", meaning: "x" };
    expect(refusal({ segments: [SPLEEN, { ...LESION, type }] })).toMatch(/^bad-segments: .* code/);
    const fractions = filled(volume, labels, () => 0.5);
    expect(refusal({ fractions: fractions.subarray(2) })).toMatch(/^bad-segments: There are \d+ probabilities for \d/);
    for (const wrong of [0, 1]) {
      const other = Uint8Array.from(fractions, (value) => (value >= 128 === (wrong === 1) ? value : 255 - value));
      expect(refusal({ fractions: other })).toMatch(/^bad-segments: .* on the other side of a half than the mask/);
    }
    expect(refusal({ ids: { uuid: () => "1", at: new Date() } })).toMatch(/no UUID/);
  });
});

test("2,000 sources with changed bytes give a segmentation or a typed error", () => {
  const rng = Rng.seeded(2026);
  let written = 0;
  for (let round = 0; round < 2000; round++) {
    const volume = seriesVolume(SERIES[round % SERIES.length]);
    if (volume.origin.kind !== "dicom") throw new Error("not DICOM");
    const file = volume.origin.slices[0].file.slice();
    for (let change = 0; change <= rng.below(3); change++) file[rng.below(file.length - 70)] = rng.below(256);
    const slices = volume.origin.slices.map((slice, k) => {
      return k === 0 || slice.frame !== null ? { ...slice, file } : slice;
    });
    try {
      const labels = emptyLabels(volume).fill(1);
      encode({ volume: { ...volume, origin: { kind: "dicom", slices } }, labels });
      written++;
    } catch (error) {
      if (!(error instanceof DicomSegError || error instanceof ImageFormatError)) throw error;
    }
  }
  expect(written).toBeGreaterThan(200);
  expect(written).toBeLessThan(1800);
});

test("a decimal has at most 16 characters and is the same number where 16 are enough", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), (value) => {
      const text = decimal(value);
      expect(text.length).toBeLessThanOrEqual(16);
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.max(Math.abs(value) * 1e-9, 1e-9));
    }),
  );
  expect(decimal(-0.1234567890123456)).toBe("-0.1234567890123");
  expect(decimal(0.1)).toBe("0.1");
});

describe("colors", () => {
  // CSS Color 4 gives the CIELab (D50) of sRGB's primaries.
  test.each([
    ["#ff0000", 54.29, 80.8, 69.89],
    ["#00ff00", 87.82, -79.27, 80.99],
    ["#0000ff", 29.57, 68.3, -112.03],
    ["#ffffff", 100, 0, 0],
    ["#000000", 0, 0, 0],
  ])("%s has the CIELab of the standard", (color, l, a, b) => {
    const [L, A, B] = cielabOf(color);
    expect((L / 65535) * 100).toBeCloseTo(l, 1);
    expect((A / 65535) * 255 - 128).toBeCloseTo(a, 1);
    expect((B / 65535) * 255 - 128).toBeCloseTo(b, 1);
  });

  test("come back as they were", () => {
    fc.assert(
      fc.property(fc.nat(0xffffff), (rgb) => {
        const color = `#${rgb.toString(16).padStart(6, "0")}`;
        expect(colorOf(cielabOf(color))).toBe(color);
      }),
    );
  });
});
