/** A DICOM series as a person sees it: one entry, its window, what was noticed; and a folder of files that is dropped. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { zipSync } from "fflate";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import type { Attributes } from "../../src/image/dicom-seg-write.ts";
import { sourceSlice } from "../image/seg-source.ts";
import { annotate, buildAll, drawnImage, folder, Screen } from "./annotator.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/dicom");

beforeAll(buildAll);

async function seriesIn(place: string, name: string, count: number): Promise<void> {
  await mkdir(place, { recursive: true });
  for (let k = 0; k < count; k++) await copyFile(join(FIXTURES, `${name}-${k}.dcm`), join(place, `IM00000${k}`));
}

/** Whether a text is neither cut nor beyond the window, and how many lines it takes. */
async function shownOf(page: Page, selector: string): Promise<{ isWhole: boolean; lines: number }> {
  return page.locator(selector).evaluate((element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    const isWhole = top >= 0 && bottom <= innerHeight && element.scrollWidth <= element.clientWidth + 1;
    return { isWhole, lines: Math.round(height / Number.parseFloat(getComputedStyle(element).lineHeight)) };
  });
}

test("a series in a study folder opens as one volume and says what was noticed; a dropped folder is one archive", async () => {
  const [study, elsewhere] = [await folder(), await folder()];
  await writeFile(join(study, "a.png"), drawnImage(80, 60));
  await writeFile(join(study, "b.bmp"), "BM and more");
  await writeFile(join(study, "c.hdr"), "");
  await seriesIn(join(study, "CT"), "missing", 6);
  await seriesIn(join(elsewhere, "tilted"), "tilted", 4);
  const { address } = await annotate([study]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  const { page } = person;
  await person.waitForStatus("saved");
  expect(await page.locator("select option").allTextContents()).toEqual(["a.png", "CT"]);
  expect(await person.notice()).toMatch(
    /^b\.bmp is a BMP .* 1 file more could not be opened\. Your other 2 images are/,
  );
  await page.selectOption("select", { label: "CT" });
  await page.waitForSelector(".stage[aria-label^='CT']");
  await page.waitForSelector(".notice:has-text('missing')");
  // All of it is on the screen, however long it is, and what is above it keeps its place.
  expect(await shownOf(page, ".notice span")).toEqual({ isWhole: true, lines: 2 });
  expect(await page.locator(".slices canvas").getAttribute("aria-valuetext")).toMatch(/ of 6/);
  await person.drop(join(elsewhere, "tilted"));
  await page.waitForSelector(".stage[aria-label^='tilted.zip']");
  expect(await person.notice()).toMatch(/tilted/);
  expect((await readdir(study)).sort()).toEqual(["CT", "a.png", "b.bmp", "c.hdr", "tilted.zip"]);
  expect(screen.complaints).toEqual([]);
}, 120_000);

test("an archive and a multi-frame file show an image while the rest is on its way", async () => {
  const [side, frames] = [400, 10];
  const place = await folder();
  const noise = (count: number) => Uint8Array.from({ length: count * side * side }, (_, i) => (i * 7919) % 251);
  const slices = Array.from({ length: frames }, (_, k) => [
    `IM${k}`,
    sourceSlice(k, { ...imageOf(side), ...placed(k), PixelData: noise(1) }),
  ]);
  await writeFile(join(place, "a.png"), drawnImage(80, 60));
  await writeFile(join(place, "series.zip"), zipSync(Object.fromEntries(slices), { level: 0 }));
  const film = sourceSlice(99, { ...imageOf(side), NumberOfFrames: `${frames}`, PixelData: noise(frames) });
  await writeFile(join(place, "film.dcm"), film);
  const { address } = await annotate([place]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  const { page } = person;
  await person.waitForStatus("saved");
  // The whole file is held back; parts of it are not.
  let letGo: () => void = () => undefined;
  await page.route("**/file", async (route) => {
    if (!route.request().headers().range) await new Promise<void>((done) => (letGo = done));
    await route.continue();
  });
  for (const name of ["series.zip", "film.dcm"]) {
    await page.selectOption("select", { label: name });
    await page.waitForSelector(`.notice:has-text('Reading ${name}')`);
    await page.waitForSelector(".page.volume");
    expect(await page.locator(`.stage[aria-label^='${name}']`).count()).toBe(0);
    letGo();
    await page.waitForSelector(`.stage[aria-label^='${name}']`);
    expect(await page.locator(".slices canvas").getAttribute("aria-valuetext")).toMatch(/ of 10/);
  }
  expect(screen.complaints).toEqual([]);
}, 120_000);

function imageOf(side: number): Attributes {
  return {
    ...{ Rows: side, Columns: side, SamplesPerPixel: 1, PhotometricInterpretation: "MONOCHROME2" },
    ...{ BitsAllocated: 8, BitsStored: 8, HighBit: 7, PixelRepresentation: 0, PixelSpacing: ["0.5", "0.5"] },
  };
}

function placed(k: number): Attributes {
  return {
    ImageOrientationPatient: ["1", "0", "0", "0", "1", "0"],
    ImagePositionPatient: ["0", "0", `${2 * k}`],
  };
}
