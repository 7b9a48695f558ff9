/** An existing mask as the start, in a real browser: chosen by key, with its labels to choose from, refused, and undone. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { decodeImage, encodeLabels } from "../../src/image/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import { annotate, buildAll, drawnImage, folder, Screen, violations } from "./annotator.ts";

beforeAll(buildAll);

test("a mask is opened by key, its label chosen, refused where it does not fit, and undone", async () => {
  const path = await folder();
  const grid = { width: 60, height: 40 };
  await writeFile(join(path, "scan.png"), drawnImage(grid.width, grid.height));
  const data = new Uint8Array(2400).fill(1, 100, 130).fill(2, 300, 350);
  await writeFile(join(path, "two.mask"), encodeLabels(data, grid));
  await writeFile(join(path, "small.mask"), encodeLabels(new Uint8Array(6), { width: 3, height: 2 }));
  const { address } = await annotate([join(path, "scan.png")]);
  const person = await (await Screen.open()).visit(address);
  const { page } = person;
  // Before any dialog: one that opens sooner than the browser knows of it is never reported.
  let chosen = "";
  page.on("filechooser", (chooser) => void chooser.setFiles(join(path, chosen)));
  await person.waitForStatus("saved");

  const choose = async (name: string) => {
    chosen = name;
    await person.press("m");
  };
  await choose("small.mask");
  await page.waitForSelector(
    "text=small.mask doesn't lie on scan.png. 3×2 against 60×40. Not loaded; nothing changed.",
  );
  await choose("two.mask");
  await page.waitForSelector("dialog[open] >> text=two.mask holds several labels");
  expect(await violations(person)).toEqual([]);
  await page.click("text=2 · Label 2 (50)");
  await page.waitForSelector("text=Imported label 2 (Label 2) of two.mask. Added pixels: 50.");
  await person.waitForInside(50);
  await person.press("Control+z");
  await person.waitForInside(0);

  await choose("two.mask");
  await page.waitForSelector("dialog[open]");
  await page.click("text=1 · Label 1 (30)");
  await person.waitForInside(30);

  // All of them: the file names none, so the project must have their values.
  const all = async () => {
    await choose("two.mask");
    await page.click("dialog[open] >> text=All of them");
  };
  await all();
  await page.waitForSelector("text=the project has none of value 2. Add them first.");
  await page.click(".label-list >> text=Add");
  await page.fill(".naming input[type=text]", "Two");
  await page.press(".naming input[type=text]", "Enter");
  await page.waitForSelector(".label-row[aria-pressed=true] >> text=Two");
  await all();
  await page.waitForSelector("text=Imported 2 labels of two.mask.");
  expect(await page.locator(".label-row .amount").allTextContents()).toEqual(["30 px", "50 px"]);
  await person.waitForStatus("saved");
  const work = await ImageWork.open(join(path, "scan.png"));
  expect(work.journal.actions.map(({ kind }) => kind)).toEqual(["import", "undo", "import", "import"]);
  await work.close();
});

test("another program's mask is exported over only when the annotator says so", async () => {
  const path = await folder();
  const grid = { width: 60, height: 40 };
  await writeFile(join(path, "scan.png"), drawnImage(grid.width, grid.height));
  await mkdir(join(path, "labels"));
  const mask = join(path, "labels/scan_seg.png");
  await writeFile(mask, "another program's");
  const { address } = await annotate([join(path, "scan.png")]);
  const person = await (await Screen.open()).visit(address);
  await person.waitForStatus("saved");
  await person.press("Control+s");
  await person.page.waitForSelector("text=Not exported. labels/scan_seg.png is there already");
  expect(await readFile(mask, "utf8")).toBe("another program's");
  await person.page.click("button:has-text('Replace it')");
  await person.page.waitForSelector("text=Exported labels/scan_seg.png: 0 pixels inside.");
  expect(decodeImage(await readFile(mask), "scan_seg.png")).toMatchObject(grid);
});
