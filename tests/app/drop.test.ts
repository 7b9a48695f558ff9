/** Files dropped on an open image, in a real browser: masks by name, masks that are asked about, and images. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "fast-png";
import { beforeAll, expect, test } from "vitest";
import { encodeDicomSeg, encodeLabels } from "../../src/image/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import { fixture, SPLEEN, seriesVolume } from "../image/seg-source.ts";
import { annotate, buildAll, drawnImage, folder, Screen, violations } from "./annotator.ts";

const GRID = { width: 60, height: 40 };
const PIXELS = GRID.width * GRID.height;

beforeAll(buildAll);

async function kindsOf(image: string): Promise<string[]> {
  const work = await ImageWork.open(image);
  const kinds = work.journal.actions.map(({ kind }) => kind);
  await work.close();
  return kinds;
}

test("a dropped file that fits the open image is asked about, opened as its mask, as an image, or not at all", async () => {
  const [project, elsewhere] = [await folder(), await folder()];
  await writeFile(join(project, "scan.png"), drawnImage(GRID.width, GRID.height));
  const dropped = join(elsewhere, "two.png");
  await writeFile(dropped, encodeLabels(new Uint8Array(PIXELS).fill(1, 100, 130).fill(2, 300, 350), GRID));
  const { address } = await annotate([join(project, "scan.png")]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  const { page } = person;
  await person.waitForStatus("saved");

  await person.dragOver(dropped);
  const zone = page.locator(".drop-zone.over");
  await zone.waitFor();
  expect(await zone.textContent()).toMatch(
    /Drop images or a folder to open them\.\s*A mask of scan\.png becomes its start\./,
  );

  const ask = async () => {
    await person.drop(dropped);
    await page.waitForSelector("dialog[open] >> text=It lies on scan.png and has 2 values besides 0.");
  };
  const answered = () => page.waitForFunction(() => !document.querySelector("dialog[open]"));
  await ask();
  expect(await zone.count()).toBe(0);
  expect(await page.locator("dialog[open] button").allInnerTexts()).toEqual([
    ...["M Open as mask of scan.png", "I Open as image", "Neither"],
  ]);
  expect(await violations(person)).toEqual([]);
  await person.press("Escape");
  await answered();
  expect([await person.inside(), await readdir(project)]).toEqual([0, ["scan.png"]]);

  await ask();
  await person.press("i");
  await page.waitForSelector(".stage[aria-label^='two.png, 60 by 40 pixels']");
  await person.press("Control+ArrowLeft");
  await page.waitForSelector(".stage[aria-label^='scan.png']");

  await ask();
  await person.press("m");
  await page.waitForSelector("dialog[open] >> text=two.png holds several labels");
  await page.click("text=2 · Label 2 (50)");
  await person.waitForInside(50);
  await person.waitForStatus("saved");
  expect(await kindsOf(join(project, "scan.png"))).toEqual(["import"]);
  expect((await readdir(project)).sort()).toEqual(["labels", "scan.png", "tendril.json", "two.png"]);
  expect(screen.complaints).toEqual([]);
});

test("a file with a mask's name is a mask without a question; of another size or of many values it is what it is", async () => {
  const [project, elsewhere] = [await folder(), await folder()];
  await writeFile(join(project, "scan.png"), drawnImage(GRID.width, GRID.height));
  const file = async (name: string, bytes: Uint8Array) => {
    await writeFile(join(elsewhere, name), bytes);
    return join(elsewhere, name);
  };
  const mask = await file("a_seg.png", encodeLabels(new Uint8Array(PIXELS).fill(1, 100, 130), GRID));
  const small = await file("small_seg.png", encodeLabels(new Uint8Array(6), { width: 3, height: 2 }));
  const data = Uint8Array.from({ length: PIXELS }, (_, i) => i % 200);
  const ramp = await file("ramp.png", encode({ ...GRID, data, channels: 1, depth: 8 }));
  const tiny = await file("tiny.png", encodeLabels(Uint8Array.of(0, 1, 1, 0, 0, 1), { width: 3, height: 2 }));
  const { address } = await annotate([join(project, "scan.png")]);
  const person = await (await Screen.open()).visit(address);
  const { page } = person;
  await person.waitForStatus("saved");

  await person.drop(small);
  await page.waitForSelector(
    "text=small_seg.png doesn't lie on scan.png. 3×2 against 60×40. Not loaded; nothing changed.",
  );
  await person.drop(mask);
  await page.waitForSelector("text=Imported label 1 (Label 1) of a_seg.png. Added pixels: 30.");
  await person.waitForInside(30);
  await person.waitForStatus("saved");

  await person.drop(ramp);
  await page.waitForSelector(".stage[aria-label^='ramp.png, 60 by 40 pixels']");
  await person.drop(tiny);
  await page.waitForSelector(".stage[aria-label^='tiny.png, 3 by 2 pixels']");
  // Two at once are two images, though each alone would be asked about.
  await page.selectOption("select", { index: 0 });
  await page.waitForSelector(".stage[aria-label^='scan.png']");
  await person.drop(mask, tiny);
  await page.waitForSelector(".stage[aria-label^='a_seg.png, 60 by 40 pixels']");
  expect(await kindsOf(join(project, "scan.png"))).toEqual(["import"]);
});

test("a DICOM Segmentation is a mask of the open series, whatever its name, and refused on another image", async () => {
  const [study, elsewhere] = [await folder(), await folder()];
  await writeFile(join(study, "a.png"), drawnImage(GRID.width, GRID.height));
  await mkdir(join(study, "CT"));
  for (let k = 0; k < 4; k++) await writeFile(join(study, "CT", `IM${k}`), fixture(`axial-${k}.dcm`));
  const volume = seriesVolume("axial");
  const { bytes } = encodeDicomSeg({
    ...{ volume, labels: new Uint8Array(volume.data.length).fill(1, 7, 19), segments: [SPLEEN] },
    ...{ software: { name: "Tendril", version: "1" }, removeIdentifiers: false },
    ids: { uuid: () => crypto.randomUUID(), at: new Date(0) },
  });
  const segmentation = join(elsewhere, "IM0099");
  await writeFile(segmentation, bytes);
  const { address } = await annotate([study]);
  const person = await (await Screen.open()).visit(address);
  const { page } = person;
  await person.waitForStatus("saved");
  await person.drop(segmentation);
  await page.waitForSelector("text=IM0099 doesn't lie on a.png. It is a DICOM file");
  await page.selectOption("select", { label: "CT" });
  await page.waitForSelector(".stage[aria-label^='CT']");
  await person.waitForStatus("saved");
  await person.drop(segmentation);
  await page.waitForSelector("text=Imported label 1 (Spleen) of IM0099. Added voxels: 12.");
  // A file under way to tendril.json may lie beside it for a moment.
  await expect
    .poll(async () => (await readdir(study)).sort(), { timeout: 20_000 })
    .toEqual(["CT", "a.png", "tendril.json"]);
});
