/** A volume as a person works on it: slices, planes, carrying over, filling, undo, and the mask that comes out. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { decodeNifti } from "../../src/image/index.ts";
import { type Action, ImageWork } from "../../src/project/index.ts";
import { type Annotator, annotate, buildAll, drawnImage, folder, kill, Screen, violations } from "./annotator.ts";
import { BODY, isInOrgan, niftiOf } from "./phantom.ts";

const IN_ORGAN = [
  [0.36, 0.4],
  [0.4, 0.5],
  [0.36, 0.5],
] as const;

beforeAll(buildAll);

async function bodyIn(path: string, name = "body.nii"): Promise<string> {
  const file = join(path, name);
  await writeFile(file, niftiOf(BODY));
  return file;
}

async function actionsOf(file: string): Promise<readonly Action[]> {
  const work = await ImageWork.open(file);
  const { actions } = work.journal;
  await work.close();
  return actions;
}

/** Waits until the slice is shown. @param slice  from 1, as on the screen */
async function waitForSlice({ page }: Annotator, plane: string, slice: number): Promise<void> {
  await page.waitForSelector(`.slices canvas[aria-valuetext^="${plane} ${slice} of"]`);
}

async function insideOnSlice({ page }: Annotator): Promise<number> {
  const summary = await page.locator(".stage").getAttribute("aria-label");
  return Number(/([\d,]+) of [\d,]+ inside/.exec(summary ?? "")?.[1].replaceAll(",", ""));
}

/** Takes the candidate and waits until it is inside. */
async function take(person: Annotator, key: string): Promise<number> {
  const before = await person.inside();
  await person.press(key);
  await person.page.waitForFunction(
    (words) => !document.querySelector(".stage")!.ariaLabel!.includes(words),
    ` ${before.toLocaleString("en")} inside`,
  );
  return person.inside();
}

test("a volume is worked through slice by slice, filled, undone across slices, killed, found again and exported", async () => {
  const path = await folder();
  const file = await bodyIn(path);
  const command = await annotate([file]);
  const screen = await Screen.open();
  const first = await screen.visit(command.address);
  await first.waitForStatus("saved");
  await waitForSlice(first, "axial", 21);
  expect(await violations(first)).toEqual([]);

  await first.draw("left", ...IN_ORGAN);
  await first.offered();
  const scribbled = await first.inside();
  const taken = await take(first, "1");
  await first.press("Enter");
  await waitForSlice(first, "axial", 22);
  await first.page.waitForSelector(".tile:has-text('mask of slice 21')");
  expect(await insideOnSlice(first)).toBe(0);
  const carried = await take(first, "1");
  // The same mask once more: what the taken mask of the slice before had inside.
  expect(carried).toBe(2 * taken);

  await first.page.keyboard.press("PageDown");
  await waitForSlice(first, "axial", 32);
  for (let i = 0; i < 3; i++) await first.press("ArrowUp");
  await waitForSlice(first, "axial", 29);
  await first.press("b");
  await first.draw("left", ...IN_ORGAN);
  await first.press("Enter");
  // The way back from 32 to 29 was upwards, and goes on.
  await waitForSlice(first, "axial", 28);
  await first.press("i");
  await first.page.waitForSelector("text=Filled slices 22 to 28");
  const filled = await first.inside();
  expect(filled).toBeGreaterThan(carried);
  await first.press("j");
  await first.page.waitForFunction(() => {
    const shown = document.querySelector(".slices canvas")!.getAttribute("aria-valuetext")!;
    return /axial (2[2-7]) of 40 filled/.test(shown);
  });

  await first.press("Home");
  await waitForSlice(first, "axial", 1);
  await first.press("Control+z");
  // The filled slices are looked at while they are emptied; then done, the stroke, and the slice before.
  await waitForSlice(first, "axial", 25);
  for (let i = 0; i < 3; i++) await first.press("Control+z");
  await waitForSlice(first, "axial", 22);
  await first.waitForInside(taken);
  for (let i = 0; i < 4; i++) await first.press("Control+y");
  await first.waitForInside(filled);
  await first.waitForStatus("saved");
  await Promise.all([kill(command.process), screen.kill()]);

  const kinds = (await actionsOf(file)).map(({ kind }) => kind);
  expect(kinds.slice(0, 7)).toEqual(["scribble", "take", "done", "carry", "brush", "done", "fill"]);
  expect(scribbled).toBeGreaterThan(0);

  const again = await annotate([file]);
  const newScreen = await Screen.open();
  const second = await newScreen.visit(again.address);
  await second.page.waitForSelector("text=Picked up where you left off: 7 changes.");
  await second.waitForInside(filled);
  await waitForSlice(second, "axial", 29);
  expect(await second.page.textContent(".slice-count")).toBe("2 done");
  await second.press("Control+s");
  await second.page.waitForSelector("text=Exported labels/body_seg.nii");

  const exported = decodeNifti(new Uint8Array(await readFile(join(path, "labels/body_seg.nii"))), "body_seg.nii");
  const source = decodeNifti(niftiOf(BODY), "body.nii");
  expect(exported.size).toEqual(source.size);
  expect(exported.toWorld).toEqual(source.toWorld);
  const [ni, nj, nk] = exported.size;
  let [inside, right] = [0, 0];
  exported.data.forEach((label, voxel) => {
    if (label === 0) return;
    inside++;
    const [i, j, k] = [voxel % ni, Math.floor(voxel / ni) % nj, Math.floor(voxel / (ni * nj))];
    expect(k).toBeGreaterThanOrEqual(20);
    expect(k).toBeLessThanOrEqual(28);
    if (isInOrgan((i + 0.5) / ni, (j + 0.5) / nj, (k + 0.5) / nk)) right++;
  });
  expect(inside).toBe(filled);
  // What was drawn on the organ's picture lies on the organ's voxels.
  expect(right / inside).toBeGreaterThan(0.6);
  const table = await readFile(join(path, "labels/body_stats.csv"), "utf8");
  expect(table).toMatch(/^plane,slice,position_mm,voxels,area_mm2,volume_ml,mean_intensity\naxial,21,/);
  expect(table).toContain(`whole,,,${filled},,${(filled * 0.0025).toFixed(6)},`);

  const [download] = await Promise.all([second.page.waitForEvent("download"), second.page.click("text=Save as CSV")]);
  expect(download.suggestedFilename()).toBe("body_stats.csv");
  await download.saveAs(join(path, "download.csv"));
  expect(await readFile(join(path, "download.csv"), "utf8")).toBe(table);
  expect(screen.complaints).toEqual([]);
  expect(newScreen.complaints).toEqual([]);
});

test("the three planes are linked, and a stroke on a slice across another axis is a stroke in the volume", async () => {
  const path = await folder();
  const file = await bodyIn(path);
  const { address } = await annotate([file]);
  const person = await (await Screen.open()).visit(address);
  const { page } = person;
  await person.waitForStatus("saved");
  const letters = () => page.locator(".stage .edge").allTextContents();
  expect(await letters()).toEqual(["R", "L", "A", "P"]);
  await page.locator("canvas[aria-label^='coronal']").click({ position: { x: 40, y: 60 } });
  const moved = await page.locator(".slices canvas").getAttribute("aria-valuenow");
  expect(Number(moved)).not.toBe(21);
  await person.press("a");
  expect(await letters()).toEqual(["R", "L", "S", "I"]);
  await waitForSlice(person, "coronal", 41);
  await person.press("b");
  await person.draw("left", [0.3, 0.5], [0.4, 0.5]);
  const drawn = await person.inside();
  expect(drawn).toBeGreaterThan(0);
  await person.press("a");
  expect(await letters()).toEqual(["A", "P", "S", "I"]);
  await person.press("a");
  await person.waitForStatus("saved");
  const [stroke] = await actionsOf(file);
  expect(stroke).toMatchObject({ kind: "brush", slice: { axis: 1, index: 40 } });
  const ni = BODY.size[0];
  if (stroke.kind !== "brush") throw new Error(stroke.kind);
  for (let run = 0; run < stroke.delta.length; run += 4)
    expect(Math.floor(stroke.delta[run] / ni) % BODY.size[1]).toBe(40);
  // On the axial slice through the stroke some of it shows.
  expect(await insideOnSlice(person)).toBeGreaterThan(0);
  expect(await insideOnSlice(person)).toBeLessThan(drawn);

  const { x, y, width, height } = (await page.locator(".pen").boundingBox())!;
  await page.mouse.move(x + 0.47 * width, y + 0.76 * height);
  expect(await page.textContent(".position")).toMatch(/^[RL] \d+\.\d {2}P \d+\.\d {2}[IS] \d+\.\d mm · \d+ HU$/);
  await person.press("Alt+3");
  expect(await page.textContent(".window")).toMatch(/W 1800 L 400bone$/);
  // The crosshair has followed the stroke.
  const slice = Number(await page.locator(".slices canvas").getAttribute("aria-valuenow"));
  expect(slice).not.toBe(Number(moved));
  await page.mouse.wheel(0, 100);
  await waitForSlice(person, "axial", slice + 1);
});

test("a slice looks as it did when it is come back to, from slices and planes with other masks, and as in a new page", async () => {
  const { address } = await annotate([await bodyIn(await folder())]);
  const person = await (await Screen.open()).visit(address);
  await person.waitForStatus("saved");
  const untouched = await person.picture();
  await person.press("b");
  await person.draw("left", [0.3, 0.3], [0.6, 0.4]);
  const first = await person.picture();
  await person.press("ArrowDown");
  await person.draw("left", [0.4, 0.7], [0.6, 0.6], [0.5, 0.2]);
  const second = await person.picture();
  for (let plane = 0; plane < 3; plane++) await person.press("a");
  await person.waitForPicture(second);
  await person.press("ArrowUp");
  await person.waitForPicture(first);
  await person.waitForStatus("saved");
  await person.page.reload();
  await waitForSlice(person, "axial", 22);
  await person.waitForPicture(second);
  await person.press("ArrowUp");
  await person.waitForPicture(first);
  expect(new Set([untouched, first, second]).size).toBe(3);
  for (let stroke = 0; stroke < 2; stroke++) await person.press("Control+z");
  await person.waitForPicture(untouched);
});

test("a single slice opens in its own plane, and the two planes in which it is a line are not shown", async () => {
  const file = join(await folder(), "one.nii");
  const axes = [
    [-1, 0, 0],
    [0, 0, -1],
    [0, 2.5, 0],
  ] as const;
  await writeFile(file, niftiOf({ size: [96, 80, 1], axes }));
  const person = await (await Screen.open()).visit((await annotate([file])).address);
  await person.waitForStatus("saved");
  await waitForSlice(person, "coronal", 1);
  expect(await person.page.locator(".side-plane").count()).toBe(0);
  await person.press("a");
  await person.draw("left", [0.4, 0.4], [0.5, 0.5]);
  await person.page.waitForFunction(() => !document.querySelector(".stage")!.ariaLabel!.includes(" 0 inside"));
  await waitForSlice(person, "coronal", 1);
});

test("a file that kills the reader is named, and the others open as before", async () => {
  const path = await folder();
  await bodyIn(path);
  await writeFile(join(path, "flat.png"), drawnImage(80, 60));
  const { address } = await annotate([path]);
  const screen = await Screen.open();
  // For one file the reader is a worker that dies of it.
  await screen.context.route("**/read-worker*.js", (route) =>
    route.fulfill({
      contentType: "text/javascript",
      headers: { "cross-origin-embedder-policy": "require-corp" },
      body: "onmessage = () => { throw new RangeError('Array buffer allocation failed'); }",
    }),
  );
  const person = await screen.visit(address);
  await person.page.waitForSelector(".refused");
  expect(await person.page.textContent(".refused")).toMatch(
    /^body\.nii could not be read: .*Array buffer allocation failed.*the other files are not touched/,
  );
  await screen.context.unroute("**/read-worker*.js");
  await person.press("Control+ArrowRight");
  await person.page.waitForSelector(".stage[aria-label^='flat.png, 80 by 60 pixels']");
  await person.press("Control+ArrowLeft");
  await waitForSlice(person, "axial", 21);
});

test("a volume that is cut short is refused by name and reason, and one dropped on the page is kept under its name", async () => {
  const path = await folder();
  await writeFile(join(path, "cut.nii"), niftiOf(BODY).subarray(0, 4000));
  await writeFile(join(path, "whole.nii"), niftiOf(BODY));
  const { address } = await annotate([join(path, "cut.nii"), "--project", join(path, "kept")]);
  const person = await (await Screen.open()).visit(address);
  await person.page.waitForSelector(".refused");
  expect(await person.page.textContent(".refused")).toMatch(/^cut\.nii is cut short/);
  await person.page.setInputFiles("input[type=file]", join(path, "whole.nii"));
  await waitForSlice(person, "axial", 21);
  expect(decodeNifti(await readFile(join(path, "kept/whole.nii")), "whole.nii").size).toEqual(BODY.size);
});

test("on a narrow screen no control of a volume is off the screen", async () => {
  const path = await folder();
  await bodyIn(path);
  const { address } = await annotate([path]);
  const person = await (await Screen.open()).visit(address);
  await person.waitForStatus("saved");
  for (const size of [
    { width: 1280, height: 720 },
    { width: 600, height: 800 },
    { width: 390, height: 700 },
  ]) {
    await person.page.setViewportSize(size);
    await person.page.waitForTimeout(100);
    const boxes = await person.page
      .locator("button:visible, select:visible, input:visible, .slices canvas:visible")
      .evaluateAll((controls) => controls.map((control) => control.getBoundingClientRect().toJSON() as DOMRect));
    for (const { left, top, right, bottom, width, height } of boxes) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(size.width);
      expect(bottom).toBeLessThanOrEqual(size.height);
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(24);
    }
  }
});
