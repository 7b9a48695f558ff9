import { expect, test } from "vitest";
import { decodeDicom } from "../../src/image/dicom.ts";
import { evaluateModule } from "../browser.ts";
import { golden } from "./dicom.ts";

const NAMES = [
  "deflated-s16.dcm",
  "rle-u16.dcm",
  "jpeg-422.dcm",
  "jpeg-lossless-s16.dcm",
  "jpeg-ls-s12.dcm",
  "jpeg-2000-rgb.dcm",
  "htj2k-s16.dcm",
];

test("Chromium decodes every kind of compressed DICOM as Node does, with its codecs from the bundle", async () => {
  const files = NAMES.map((name) => ({ name, bytes: golden(name) }));
  const expected: Record<string, number[]> = {};
  for (const file of files) expected[file.name] = Array.from((await decodeDicom([file])).series[0].volume.data, Number);
  expect(await evaluateModule(new URL("dicom-in-page.ts", import.meta.url), files)).toEqual(expected);
});
