/** `tendril export --fractional`: what a model says of an annotated series, and the mask in it. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import dicomParser from "dicom-parser";
import { describe, expect, test } from "vitest";
import type { LabelMap } from "../../src/image/index.ts";
import { findSeries, type ImageFiles, ImageWork } from "../../src/project/index.ts";
import { DCIODVFY, fixtures, PYTHON, runOn, sourceSlice } from "../image/seg-source.ts";
import { folder } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const [COLUMNS, ROWS, SLICES] = [48, 40, 4];
const AREA = COLUMNS * ROWS;
const NAMES = Array.from({ length: SLICES }, (_, k) => `IM${k}`);
const MODEL = ["--model", "small", "--no-features"];

/** A disk beside a bar, on slices across the patient that run from the head down, with rows from the left to the right. */
function slice(k: number): Uint8Array {
  const pixels = Uint8Array.from({ length: AREA }, (_, p) => {
    const [x, y] = [p % COLUMNS, Math.floor(p / COLUMNS)];
    const thing = Math.hypot(x - 15, y - 18) < 9 ? 90 : x > 36 && y > 8 && y < 30 ? 140 : 0;
    return 40 + thing + ((x * 7 + y * 13 + k * 5) % 17);
  });
  return sourceSlice(k, {
    ...{ Rows: ROWS, Columns: COLUMNS, SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2" },
    ...{ BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelRepresentation: 0 },
    ...{ PatientName: "Example^Erika", PatientID: "1", StudyDate: "20200101", StudyTime: "100000", StudyID: "1" },
    ...{ PixelSpacing: ["0.5", "0.5"], SliceThickness: "2", ImageOrientationPatient: ["-1", "0", "0", "0", "1", "0"] },
    ...{ ImagePositionPatient: ["10", "-5", `${-2 * k}`], InstanceNumber: `${k + 1}`, PixelData: pixels },
  });
}

async function seriesAt(place: string): Promise<ImageFiles> {
  mkdirSync(place);
  for (const [k, name] of NAMES.entries()) writeFileSync(join(place, name), slice(k));
  const { series } = await findSeries(place, NAMES);
  return series[0];
}

const HAND_INSIDE = 7;
const HAND_OUTSIDE = 5;
const TAKEN_INSIDE = 3;

/** Rows of a rectangle on a slice, as a delta from nothing. */
function rectangle(k: number, [left, top, width, height]: readonly number[], value: number): number[] {
  return Array.from({ length: height }, (_, row) => [k * AREA + (top + row) * COLUMNS + left, width, 0, value]).flat();
}

/**
 * The disk by a stroke and a candidate on slices 0 and 1, with a stroke outside; a second label's bar by hand on slice 1 and the first's by a
 * fill alone on slice 2. Slice 3 has a stroke outside and no mask.
 */
async function annotate(files: ImageFiles): Promise<LabelMap> {
  const work = await ImageWork.open(files);
  await work.changeLabel({ name: "Bar", color: "#56b4e9" });
  const stroke = { points: [[0, 0]], width: 1 };
  const drawn = (k: number, area: readonly number[], value: number, label?: number) => ({
    ...{ kind: "scribble", mark: value === HAND_INSIDE ? "inside" : "outside", stroke, slice: { axis: 2, index: k } },
    ...(label && { label }),
    ...{ delta: rectangle(k, area, value), at: 1 },
  });
  const taken = (k: number) => ({
    ...{ kind: "take", slice: { axis: 2, index: k }, at: 1 },
    candidate: { model: "small", seed: 1, place: 1, offered: 4, support: 0.5 },
    delta: rectangle(k, [8, 20, 14, 5], TAKEN_INSIDE),
  });
  await work.append(0, [
    ...[0, 1].flatMap((k) => [drawn(k, [10, 18, 8, 1], HAND_INSIDE), drawn(k, [28, 2, 1, 30], HAND_OUTSIDE), taken(k)]),
    drawn(1, [38, 10, 6, 15], HAND_INSIDE, 2),
    { kind: "fill", axis: 2, from: 1, to: 3, delta: rectangle(2, [9, 12, 12, 12], TAKEN_INSIDE), at: 1 },
    drawn(3, [28, 2, 1, 30], HAND_OUTSIDE),
  ]);
  const map = await work.labelMap();
  await work.close();
  return map;
}

async function exported(series: string, out: string, ...more: string[]): Promise<Uint8Array> {
  const done = await runHere("export", series, "--format", "dicom-seg", "--fractional", "-o", out, ...MODEL, ...more);
  expect(done.status).toBe(0);
  // At most the bar, on a slow machine.
  expect(done.stderr).not.toMatch(/error|features/);
  expect(readdirSync(out).sort()).toEqual(["series_seg.dcm", "series_seg.json"]);
  return new Uint8Array(readFileSync(join(out, "series_seg.dcm")));
}

/** By segment and place along the slices (first that of the lowest, which is the last), and the pixels of each. */
function framesOf(bytes: Uint8Array): Uint8Array[] {
  const data = dicomParser.parseDicom(bytes);
  const { dataOffset } = data.elements.x7fe00010;
  return Array.from({ length: data.intString("x00280008") ?? 0 }, (_, f) =>
    bytes.subarray(dataOffset + f * AREA, dataOffset + (f + 1) * AREA),
  );
}

describe("probabilities of an annotated series", () => {
  test("cut at a half are the mask, exact where drawn by hand, between elsewhere, and read by pydicom and dciodvfy", async () => {
    const place = await folder();
    const series = join(place, "series");
    const { data: labels } = await annotate(await seriesAt(series));
    const bytes = await exported(series, join(place, "out"));
    const frames = framesOf(bytes);
    // The volume's k runs to the head and the first file is the uppermost, as decoded; the mask says which slice is which.
    const masks = [1, 2].flatMap((value) =>
      Array.from({ length: SLICES }, (_, k) =>
        labels.subarray(k * AREA, (k + 1) * AREA).map((v) => Number(v === value)),
      ),
    );
    const cut = frames.map((frame) => frame.map((value) => Number(value >= 128)));
    expect(cut).toEqual(masks.filter((mask) => mask.includes(1)));
    expect(frames.length).toBe(4);

    const at = (frame: Uint8Array, [left, top, width, height]: readonly number[]) =>
      Array.from({ length: height }, (_, row) => [
        ...frame.subarray((top + row) * COLUMNS + left, (top + row) * COLUMNS + left + width),
      ]).flat();
    for (const frame of frames.slice(0, 2)) {
      expect(new Set(at(frame, [10, 18, 8, 1]))).toEqual(new Set([255]));
      expect(new Set(at(frame, [28, 2, 1, 30]))).toEqual(new Set([0]));
    }
    // What one label has by hand is outside of the other for certain.
    expect(new Set(at(frames[1], [38, 10, 6, 15]))).toEqual(new Set([0]));
    expect(new Set(at(frames[3], [38, 10, 6, 15]))).toEqual(new Set([255]));
    for (const frame of frames) expect(new Set(frame).size).toBeGreaterThan(4);

    if (PYTHON)
      expect(JSON.parse(runOn(bytes, PYTHON, `${fixtures}/read.py`).out).frames.flat(2)).toEqual(
        frames.flatMap((frame) => [...frame]),
      );
    if (DCIODVFY) expect(runOn(bytes, "dciodvfy", "-new").err).not.toMatch(/Error/);
  });

  test("are the same for the same seed, others for another, and become the same mask again", async () => {
    const place = await folder();
    const series = join(place, "series");
    const { data: labels } = await annotate(await seriesAt(series));
    const first = framesOf(await exported(series, join(place, "a")));
    expect(framesOf(await exported(series, join(place, "b"), "--seed", "1"))).toEqual(first);
    expect(framesOf(await exported(series, join(place, "c"), "--seed", "2"))).not.toEqual(first);

    const again = await seriesAt(join(place, "again"));
    const done = await runHere("import", join(place, "again"), join(place, "a", "series_seg.dcm"), "--all-labels");
    expect(done.status).toBe(0);
    const work = await ImageWork.open(again);
    expect((await work.labelMap()).data).toEqual(labels);
    await work.close();
  });

  test("are refused of a model that gives none, of one that is not there, and of what is no DICOM; nothing is left behind", async () => {
    const place = await folder();
    const series = join(place, "series");
    await annotate(await seriesAt(series));
    const refused = async (...more: string[]) => {
      const { status, stderr } = await runHere("export", series, "-o", join(place, "out"), ...more);
      expect(status).toBeGreaterThan(0);
      return stderr;
    };
    const fractional = ["--format", "dicom-seg", "--fractional"];
    expect(await refused(...fractional, "--model", "paper")).toMatch(/paper-\w{8} gives no probabilities.* --model/);
    expect(await refused(...fractional, "--model", join(place, "none"))).toMatch(/model\.json/);
    for (const more of [["--seed", "2"], ["--model", "small"], ["--no-features"]])
      expect(await refused("--format", "dicom-seg", ...more)).toMatch(/are for the probabilities of --fractional/);
    expect(await refused("--format", "nifti", "--fractional")).toMatch(/--fractional is for dicom-seg/);
    expect(readdirSync(place)).toEqual(["series"]);
  });
});
