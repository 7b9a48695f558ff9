import { expect, test } from "vitest";
import { evaluateModule } from "../browser.ts";
import { decode, fixture, refusalOf } from "./flat.ts";
import type { Files } from "./in-page.ts";

const FILES = { jpeg: "rgb-progressive.jpg", tiff: "uint16-tiles-zlib.tif", nrrd: "int16-be-gzip.nrrd" };

test("Chromium reads JPEG, TIFF and NRRD as Node does, with nothing fetched but the bundle", async () => {
  const files: Files = { jpeg: fixture(FILES.jpeg), tiff: fixture(FILES.tiff), nrrd: fixture(FILES.nrrd) };
  const values = async (name: string) => Array.from((await decode(fixture(name), name)).data);
  expect(await evaluateModule(new URL("in-page.ts", import.meta.url), files)).toEqual({
    jpeg: await values(FILES.jpeg),
    tiff: await values(FILES.tiff),
    nrrd: await values(FILES.nrrd),
    cut: (await refusalOf(files.jpeg.subarray(0, 300), "cut.jpg")).message,
  });
});
