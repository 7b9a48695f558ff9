/** The golden DICOM files, and what the reader says to bytes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type DicomStudy, decodeDicom, type NamedFile } from "../../src/image/dicom.ts";
import { ImageFormatError } from "../../src/image/index.ts";

const FOLDER = join(import.meta.dirname, "../fixtures/dicom");

export interface ExpectedSeries {
  readonly label: string;
  readonly size: readonly number[];
  /** NumPy's name of the type */
  readonly type: string;
  /** [K, H, W] */
  readonly data: readonly number[];
  readonly tolerance: number;
  readonly toWorld: readonly number[];
  readonly slope: number;
  readonly intercept: number;
  readonly modality: string;
  /** A part of each note */
  readonly notes: readonly string[];
  readonly windows?: readonly (readonly [string, number, number])[];
  /** Of each slice, where it is a multi-frame file's */
  readonly frames?: readonly number[];
}

interface Case {
  readonly files: readonly string[];
  readonly series: readonly ExpectedSeries[];
}

export const CASES: Readonly<Record<string, Case>> = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8"));

export function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

export function goldenFiles(name: string): NamedFile[] {
  return CASES[name].files.map((file) => ({ name: `a folder/${file}`, bytes: golden(file) }));
}

export function decodeOne(bytes: Uint8Array, name = "a.dcm"): Promise<DicomStudy> {
  return decodeDicom([{ name, bytes }]);
}

/** The one reason why a file was not opened. */
export async function refusal(bytes: Uint8Array, name = "a.dcm"): Promise<ImageFormatError> {
  const { series, refused } = await decodeOne(bytes, name);
  if (series.length > 0 || refused.length !== 1)
    throw new Error(`opened ${series.length}, refused ${refused.map(({ message }) => message).join("; ")}`);
  if (!(refused[0] instanceof ImageFormatError)) throw new Error("not a typed error");
  return refused[0];
}
