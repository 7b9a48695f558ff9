/** Files of every kind that is opened, full of texts that are nowhere else: where one of them turns up, it has leaked (P6). */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadedJpeg, loadedNifti, loadedNrrd, loadedPng, loadedTiff, type Plant, planter } from "./loaded.ts";
import { fixtures, fixture as segFixture } from "./seg-source.ts";

export interface Canaries {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Those of the DICOM file, by the attribute that holds it. */
  readonly inDicom: Readonly<Record<string, string>>;
  /** Those of the other files, and whatever `plant` gave. */
  readonly own: readonly string[];
  /** A text for another place, a folder's name for one. */
  readonly plant: Plant;
  /** All that are planted so far. */
  texts(): string[];
}

/** @param mark  tells the texts of one test file from those of others */
export function canaries(mark: string): Canaries {
  const own: string[] = [];
  const plant = planter(own, mark);
  const inDicom: Record<string, string> = JSON.parse(readFileSync(join(fixtures, "expected.json"), "utf8")).planted;
  const files = {
    "a.nii": loadedNifti(plant),
    "b.png": loadedPng(plant),
    "c.dcm": segFixture("canary.dcm"),
    "d.tif": loadedTiff(plant),
    "e.jpg": loadedJpeg(plant),
    "f.nrrd": loadedNrrd(plant),
  };
  return { files, inDicom, own, plant, texts: () => [...own, ...Object.values(inDicom)] };
}

/** Everything below a folder, names as well. */
export function contentOf(place: string): Buffer[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => [Buffer.from(entry.name), readFileSync(join(entry.parentPath, entry.name))]);
}
