/** P6: nothing of the source leaves in a segmentation but what the allow-list of `docs/exports-dicom-seg.md` names. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import dicomParser from "dicom-parser";
import { expect, test } from "vitest";
import { encodeDicomSeg } from "../../src/image/dicom-seg.ts";
import { COPIED_KEYWORDS } from "../../src/image/dicom-seg-identity.ts";
import { DicomSegError } from "../../src/image/dicom-seg-source.ts";
import { countingIds, emptyLabels, encode, fixture, fixtures, SPLEEN, sourceSlice, volumeOf } from "./seg-source.ts";

const { planted }: { planted: Record<string, string> } = JSON.parse(
  readFileSync(join(fixtures, "expected.json"), "utf8"),
);

function segmentationOf(name: string, removeIdentifiers = false) {
  const volume = volumeOf([fixture(name)]);
  const labels = emptyLabels(volume).fill(1);
  const software = { name: "Tendril", version: "0.1.0" };
  return encodeDicomSeg({ volume, labels, segments: [SPLEEN], ids: countingIds(), software, removeIdentifiers });
}

/** Names of the planted texts that the bytes hold: plain, UTF-16, hex or base64. */
function found(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes);
  const holds = (text: string) => {
    const plain = Buffer.from(text);
    const forms = [
      plain,
      Buffer.from(text, "utf16le"),
      Buffer.from(plain.toString("hex")),
      Buffer.from(plain.toString("base64")),
    ];
    return forms.some((form) => buffer.includes(form));
  };
  return Object.keys(planted).filter((keyword) => holds(planted[keyword]));
}

test("of more than 100 texts planted in a source, only those of the allow-list are in its segmentation", () => {
  expect(Object.keys(planted).length).toBeGreaterThan(100);
  // Each can be found: the source has them all.
  expect(found(fixture("canary.dcm"))).toEqual(Object.keys(planted));
  const { bytes, removed } = segmentationOf("canary.dcm");
  const allowed = [
    "AccessionNumber",
    "PatientBirthDate",
    "PatientID",
    "PatientName",
    "StudyDate",
    "StudyID",
    "StudyTime",
  ];
  expect(found(bytes).sort()).toEqual(allowed);
  expect(removed).toEqual([]);
  expect(allowed.every((keyword) => COPIED_KEYWORDS.some((copied) => copied === keyword))).toBe(true);
});

test("with identifiers removed none is, and the list says which were left out", () => {
  const { bytes, removed } = segmentationOf("canary.dcm", true);
  expect(found(bytes)).toEqual([]);
  expect(removed).toEqual([
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
  ]);
  // Not even the sex, which is one letter.
  expect(dicomParser.parseDicom(bytes).string("x00100040")).toBeFalsy();
});

test("the page on exports names every field of the allow-list", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/exports-dicom-seg.md"), "utf8");
  for (const keyword of COPIED_KEYWORDS) expect(page).toContain(`\`${keyword}\``);
});

test.each([
  ["latin.dcm", "Müller^Jürgen"],
  ["greek.dcm", "Διονυσιος"],
  ["japanese.dcm", "Yamada^Tarou=山田^太郎=やまだ^たろう"],
  ["korean.dcm", "Hong^Gildong=洪^吉洞=홍^길동"],
])("a name in the characters of %s is the same in UTF-8", (name, expected) => {
  const { bytes } = segmentationOf(name);
  const { elements } = dicomParser.parseDicom(bytes);
  const { dataOffset, length } = elements.x00100010;
  expect(new TextDecoder().decode(bytes.subarray(dataOffset, dataOffset + length)).trim()).toBe(expected);
});

const geometry = {
  Rows: 5,
  Columns: 7,
  PixelSpacing: [1, 1],
  ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
  ImagePositionPatient: [0, 0, 0],
};

test("a name that cannot be converted is not guessed at, and can be left out", () => {
  // Our writer's own bytes are UTF-8, so these letters are wrong for the set that is named.
  for (const set of ["ISO_IR 1234", ["ISO 2022 IR 13", "ISO 2022 IR 87"], "ISO 2022 IR 149"]) {
    const volume = volumeOf([sourceSlice(0, { ...geometry, SpecificCharacterSet: set, PatientName: "Åsa" })]);
    const labels = emptyLabels(volume).fill(1);
    expect(() => encode({ volume, labels })).toThrow(DicomSegError);
    expect(() => encode({ volume, labels })).toThrow(
      /PatientName is in characters .* Export with identifiers removed\./,
    );
    expect(encode({ volume, labels, removeIdentifiers: true }).length).toBeGreaterThan(1000);
  }
});

test("a value that is not what its field may hold stays behind, and is listed", () => {
  const wrong = {
    PatientBirthDate: "born in Ulm",
    PatientSex: "SECRET",
    StudyTime: "noon",
    StudyID: "more than 16 letters",
  };
  const volume = volumeOf([sourceSlice(0, { ...geometry, ...wrong, PatientID: "A\nB" })]);
  const labels = emptyLabels(volume).fill(1);
  const software = { name: "Tendril", version: "0.1.0" };
  const { bytes, removed } = encodeDicomSeg({ volume, labels, segments: [SPLEEN], ids: countingIds(), software });
  expect(removed).toEqual(["PatientID", "PatientBirthDate", "PatientSex", "StudyTime", "StudyID"]);
  for (const value of Object.values(wrong)) expect(Buffer.from(bytes).includes(value)).toBe(false);
});
