/** P6 through the commands: nothing that a file says beside its pixels and place is in an export, the journal, or what is printed. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { NIFTI1, writeField } from "../../src/image/nifti-fields.ts";
import { ImageWork } from "../../src/project/index.ts";
import { nifti } from "../image/nifti.ts";
import { png } from "../image/png.ts";
import { fixtures, fixture as segFixture } from "../image/seg-source.ts";
import { folder } from "../project/made.ts";
import { runHere } from "./in-process.ts";

const { planted }: { planted: Record<string, string> } = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);
/** What docs/exports-dicom-seg.md allows in a segmentation. */
const ALLOWED = "AccessionNumber PatientBirthDate PatientID PatientName StudyDate StudyID StudyTime".split(" ");

const canaries: string[] = [];
function canary(): string {
  canaries.push(`QZ${canaries.length.toString().padStart(2, "0")}XV`);
  return canaries.at(-1)!;
}

/** Texts in every field of a NIfTI header that has one, and in an extension. */
function loadedNifti(): Uint8Array {
  const plain = nifti({});
  const bytes = new Uint8Array(plain.length + 64);
  bytes.set(plain.subarray(0, 348));
  bytes.set(plain.subarray(352), 352 + 64);
  const view = new DataView(bytes.buffer);
  for (const name of ["data_type", "db_name", "descrip", "aux_file", "intent_name"])
    writeField(view, NIFTI1.fields.get(name)!, canary(), true);
  writeField(view, NIFTI1.fields.get("vox_offset")!, [352 + 64], true);
  bytes[348] = 1;
  view.setInt32(352, 64, true);
  view.setInt32(356, 6, true);
  bytes.set(Buffer.from([canary(), canary(), canary()].join(" ")), 360);
  return bytes;
}

function loadedPng(): Uint8Array {
  const extra = ["tEXt", "iTXt", "eXIf", "zTXt"].map(
    (type) => [type, Buffer.from(`${canary()}\0${canary()}`)] as const,
  );
  return png({ width: 3, height: 2, filtered: new Uint8Array(8), extra });
}

/** Everything in the folder as it is and unpacked, names as well. */
function contentOf(place: string): Buffer[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .flatMap((entry) => {
      const bytes = readFileSync(join(entry.parentPath, entry.name));
      const packed = bytes.indexOf("\x1f\x8b\x08", 0, "latin1");
      const isPacked = /\.(gz|nrrd)$/.test(entry.name) && packed >= 0;
      return [Buffer.from(entry.name), bytes, ...(isPacked ? [gunzipSync(bytes.subarray(packed))] : [])];
    });
}

function found(content: readonly Buffer[], texts: readonly string[]): string[] {
  return texts.filter((text) =>
    [Buffer.from(text), Buffer.from(text, "utf16le")].some((form) => content.some((bytes) => bytes.includes(form))),
  );
}

test("of more than 100 planted texts none comes out by a command, but those of the patient in a DICOM segmentation", async () => {
  const place = await folder();
  const files = { "a.nii": loadedNifti(), "b.png": loadedPng(), "c.dcm": segFixture("canary.dcm") };
  const texts = [...canaries, ...Object.values(planted)];
  expect(texts.length).toBeGreaterThan(100);
  for (const [name, bytes] of Object.entries(files)) {
    writeFileSync(join(place, name), bytes);
    const work = await ImageWork.open(join(place, name));
    const stroke = { points: [[0, 0]], width: 1 };
    await work.append(0, [{ kind: "brush", mark: "inside", stroke, delta: [1, 1, 0, 7], at: 1 }]);
    await work.export();
    await work.close();
  }
  expect(found(Object.values(files).map(Buffer.from), texts)).toEqual(texts);
  const out = await folder();
  const said: Buffer[] = [];
  const run = async (format: string, name: string, ...more: string[]) => {
    const output = join(out, `Dataset${`${said.length}`.padStart(3, "0")}_${format}`);
    const { status, stdout, stderr } = await runHere(
      "export",
      join(place, name),
      "--format",
      format,
      "-o",
      output,
      ...more,
    );
    said.push(Buffer.from(stdout + stderr));
    expect([format, name, status, stderr.includes("defect")]).toEqual([format, name, 0, false]);
    return output;
  };
  for (const format of ["png", "coco", "nnunet", "nrrd"]) await run(format, "b.png");
  for (const name of ["a.nii", "c.dcm"])
    for (const format of ["nifti", "nrrd", "nnunet", "bids"]) await run(format, name);
  await run("dicom-seg", "c.dcm", "--remove-identifiers");
  expect(found([...contentOf(out), ...contentOf(join(place, "labels")), ...said], texts)).toEqual([]);
  const named = await run("dicom-seg", "c.dcm");
  const left = found(contentOf(named), Object.values(planted));
  expect(
    Object.keys(planted)
      .filter((key) => left.includes(planted[key]))
      .sort(),
  ).toEqual(ALLOWED);
  expect(found(said, texts)).toEqual([]);
});
