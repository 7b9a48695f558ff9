/** DICOM series as volumes, read by dicom-parser and not by what is tested, and what other programs say of a segmentation. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import dicomParser, { type DataSet } from "dicom-parser";
import { type DicomSegInput, encodeDicomSeg } from "../../src/image/dicom-seg.ts";
import type { DicomSegment } from "../../src/image/dicom-seg-segment.ts";
import { type Attributes, encodeDicomFile } from "../../src/image/dicom-seg-write.ts";
import type { Affine, DicomSlice, Volume } from "../../src/image/volume.ts";

export const fixtures = join(import.meta.dirname, "../fixtures/seg");
export const SERIES = ["axial", "sagittal", "oblique", "uneven", "enhanced"] as const;
export type Series = (typeof SERIES)[number];

export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(fixtures, name)));
}

export function seriesVolume(series: Series): Volume {
  if (series !== "enhanced") return volumeOf([0, 1, 2, 3].map((k) => fixture(`${series}-${k}.dcm`)));
  const file = fixture("enhanced.dcm");
  return volumeOf([file, file, file, file], [4, 3, 2, 1]);
}

/** @param files  along the normal; their geometry is taken as dicom-parser reads it */
export function volumeOf(files: readonly Uint8Array[], frames?: readonly number[]): Volume {
  const planes = files.map((file, k) => planeOf(file, frames?.[k]));
  const { spacing, orientation: o, columns, rows } = planes[0];
  const [first, last] = [planes[0].position, planes[planes.length - 1].position];
  const step = [0, 1, 2].map((a) => (planes.length > 1 ? (last[a] - first[a]) / (planes.length - 1) : 0));
  const lps = [0, 1, 2].map((a) => [o[a] * spacing[1], o[3 + a] * spacing[0], step[a], first[a]]);
  const toWorld = lps.flatMap((row, a) => row.map((value) => (a < 2 ? -value : value))) as unknown as Affine;
  const slices = files.map((file, k): DicomSlice => {
    return { file, sopInstanceUid: planes[k].uid, frame: frames?.[k] ?? null };
  });
  return {
    size: [columns, rows, files.length],
    data: new Int16Array(columns * rows * files.length),
    slope: 1,
    intercept: 0,
    toWorld,
    modality: "CT",
    windows: [],
    notes: [],
    origin: { kind: "dicom", slices },
  };
}

/** Where a slice lies, LPS, as dicom-parser reads it. */
export function planeOf(file: Uint8Array, frame?: number) {
  const data = dicomParser.parseDicom(file, { untilTag: "x7fe00010" });
  const shared = frame === undefined ? data : itemOf(data, "x52009229");
  const own = frame === undefined ? data : itemOf(data, "x52009230", frame - 1);
  const inside = (group: DataSet, tag: string) => (frame === undefined ? group : itemOf(group, tag));
  return {
    uid: data.string("x00080018") ?? "",
    rows: data.uint16("x00280010") ?? 0,
    columns: data.uint16("x00280011") ?? 0,
    position: floats(inside(own, "x00209113"), "x00200032", 3),
    orientation: floats(inside(shared, "x00209116"), "x00200037", 6),
    spacing: floats(inside(shared, "x00289110"), "x00280030", 2),
  };
}

export function itemOf(data: DataSet, tag: string, index = 0): DataSet {
  const item = data.elements[tag]?.items?.[index]?.dataSet;
  if (!item) throw new Error(`no item ${index} of ${tag}`);
  return item;
}

export function floats(data: DataSet, tag: string, count: number): number[] {
  return Array.from({ length: count }, (_, i) => data.floatString(tag, i) ?? Number.NaN);
}

export const SPLEEN: DicomSegment = {
  value: 1,
  name: "Spleen",
  color: "#e69f00",
  category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
  type: { value: "78961009", scheme: "SCT", meaning: "Spleen" },
};
export const LESION: DicomSegment = { value: 2, name: "Läsion 病変", color: "#56b4e9" };

/** UUIDs that count up, so that a file is the same in every run. */
export function countingIds() {
  let count = 0;
  const uuid = () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`;
  return { uuid, at: new Date(2026, 10, 27, 9, 5, 7) };
}

export function encode(input: Partial<DicomSegInput> & Pick<DicomSegInput, "volume" | "labels">): Uint8Array {
  const software = { name: "Tendril", version: "0.1.0" };
  return encodeDicomSeg({ segments: [SPLEEN, LESION], ids: countingIds(), software, ...input }).bytes;
}

export function emptyLabels({ size }: Volume): Uint8Array {
  return new Uint8Array(size[0] * size[1] * size[2]);
}

/** A CT slice of our own writer's, for geometries that no fixture has. */
export function sourceSlice(k: number, own: Attributes): Uint8Array {
  const [uid, sopClass] = [`1.2.3.${k + 1}`, "1.2.840.10008.5.1.4.1.1.2"];
  const shared = {
    StudyInstanceUID: "1.2.4",
    SeriesInstanceUID: "1.2.5",
    FrameOfReferenceUID: "1.2.6",
    Modality: "CT",
  };
  return encodeDicomFile({ SOPClassUID: sopClass, SOPInstanceUID: uid, ...shared, ...own }, sopClass, uid);
}

/** Python with pydicom, or null where there is none. */
export const PYTHON =
  ["python3", "/usr/bin/python3"].find((python) => {
    try {
      execFileSync(python, ["-c", "import pydicom, numpy"], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  }) ?? null;

export const DCIODVFY = (process.env.PATH ?? "").split(":").some((folder) => existsSync(join(folder, "dciodvfy")));

/** What a program prints about the file. */
export function runOn(bytes: Uint8Array, command: string, ...before: string[]): { out: string; err: string } {
  const folder = mkdtempSync(join(tmpdir(), "tendril-seg-"));
  try {
    const file = join(folder, "seg.dcm");
    writeFileSync(file, bytes);
    // dciodvfy speaks on standard error and ends with 1 for a mere warning.
    const script = '"$@" >"$0/out" 2>"$0/err"; true';
    execFileSync("sh", ["-c", script, folder, command, ...before, file]);
    return { out: readFileSync(join(folder, "out"), "utf8"), err: readFileSync(join(folder, "err"), "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
