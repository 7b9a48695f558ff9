/** A DICOM series as a person sees it: one entry, its window, what was noticed; and a folder of files that is dropped. */
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { annotate, buildAll, drawnImage, folder, Screen } from "./annotator.ts";

const FIXTURES = join(import.meta.dirname, "../fixtures/dicom");

beforeAll(buildAll);

async function seriesIn(place: string, name: string, count: number): Promise<void> {
  await mkdir(place, { recursive: true });
  for (let k = 0; k < count; k++) await copyFile(join(FIXTURES, `${name}-${k}.dcm`), join(place, `IM00000${k}`));
}

test("a series in a study folder opens as one volume and says what was noticed; a dropped folder is one archive", async () => {
  const [study, elsewhere] = [await folder(), await folder()];
  await writeFile(join(study, "a.png"), drawnImage(80, 60));
  await seriesIn(join(study, "CT"), "missing", 6);
  await seriesIn(join(elsewhere, "tilted"), "tilted", 4);
  const { address } = await annotate([study]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  const { page } = person;
  await person.waitForStatus("saved");
  expect(await page.locator("select option").allTextContents()).toEqual(["a.png", "CT"]);
  await page.selectOption("select", { label: "CT" });
  await page.waitForSelector(".stage[aria-label^='CT']");
  await page.waitForSelector(".notice:has-text('missing')");
  expect(await page.locator(".slices canvas").getAttribute("aria-valuetext")).toMatch(/ of 6/);
  await person.drop(join(elsewhere, "tilted"));
  await page.waitForSelector(".stage[aria-label^='tilted.zip']");
  expect(await person.notice()).toMatch(/tilted/);
  expect((await readdir(study)).sort()).toEqual(["CT", "a.png", "tilted.zip"]);
  expect(screen.complaints).toEqual([]);
}, 120_000);
