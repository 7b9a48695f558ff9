/** Several labels, in a real browser: added, switched by key, drawn, undone in the order of time, found again, and on disk. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { decodeImage, decodeNifti } from "../../src/image/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import { type Annotator, annotate, buildAll, drawnImage, folder, kill, Screen, violations } from "./annotator.ts";
import { BODY, niftiOf } from "./phantom.ts";

beforeAll(buildAll);

async function addLabel({ page }: Annotator, name: string): Promise<void> {
  await page.click(".label-list >> text=Add");
  await page.fill(".naming input[type=text]", name);
  await page.press(".naming input[type=text]", "Enter");
  await waitForLabel(page, name);
}

/** Waits until the label is the one that is worked on. */
async function waitForLabel(page: Annotator["page"], name: string): Promise<void> {
  await page.waitForSelector(`.label-row[aria-pressed=true]:has(.label-name:text-is("${name}"))`);
}

const amounts = ({ page }: Annotator) => page.locator(".label-row .amount").allTextContents();

function counted(data: Iterable<number>): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const value of data) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

test("two labels share an image: neither covers the other, undo goes back through both, and the mask holds 1 and 2", async () => {
  const path = await folder();
  const image = join(path, "scan.png");
  await writeFile(image, drawnImage(120, 90));
  const command = await annotate([image]);
  const screen = await Screen.open();
  const person = await screen.visit(command.address);
  const { page } = person;
  await person.waitForStatus("saved");
  expect(await page.locator(".label-row").allTextContents()).toEqual(["Object0 px"]);
  await person.press("b");
  await person.draw("left", [0.3, 0.5], [0.5, 0.5]);
  const first = await person.inside();
  const alone = await person.picture();

  // A name that is taken is said so, and nothing is kept.
  await page.click(".label-list >> text=Add");
  await page.fill(".naming input[type=text]", "object");
  await page.press(".naming input[type=text]", "Enter");
  await page.waitForSelector(".naming >> text=Another label is called object.");
  expect(await violations(person)).toEqual([]);
  await page.press(".naming input[type=text]", "Escape");
  await addLabel(person, "Tumor");
  expect(await person.inside()).toBe(0);
  expect(await person.picture()).not.toBe(alone);
  await person.draw("left", [0.45, 0.5], [0.65, 0.5]);
  const second = await person.inside();
  const [left] = await amounts(person);
  expect(Number(left.replace(" px", ""))).toBeLessThan(first);
  expect(await amounts(person)).toEqual([left, `${second.toLocaleString("en")} px`]);
  expect(await violations(person)).toEqual([]);

  await person.press(",");
  await waitForLabel(page, "Object");
  expect(await person.inside()).toBe(Number(left.replace(" px", "")));
  await person.press(".");
  await waitForLabel(page, "Tumor");
  // Undo gives the first label its pixels back, and then takes its own stroke back, wherever the annotator is.
  await person.press("Control+z");
  await page.waitForSelector(`.label-row >> text="${first.toLocaleString("en")} px"`);
  expect(await amounts(person)).toEqual([`${first.toLocaleString("en")} px`, "0 px"]);
  await person.press("Control+z");
  await waitForLabel(page, "Object");
  expect(await amounts(person)).toEqual(["0 px", "0 px"]);
  await person.press("Control+y");
  await person.press("Control+y");
  await waitForLabel(page, "Tumor");
  await person.waitForInside(second);
  await person.waitForStatus("saved");
  const drawn = await person.picture();
  await Promise.all([kill(command.process), screen.kill()]);

  const again = await (await Screen.open()).visit((await annotate([image])).address);
  await again.waitForStatus("saved");
  await waitForLabel(again.page, "Tumor");
  await again.waitForInside(second);
  expect(await amounts(again)).toEqual([left, `${second.toLocaleString("en")} px`]);
  await again.waitForPicture(drawn);
  // A new name and color are kept, and drawn.
  await again.page.click(".label-list >> text=Edit");
  await again.page.fill(".naming input[type=text]", "Lesion");
  await again.page.fill(".naming input[type=color]", "#ff0000");
  await again.page.click(".naming >> text=Keep");
  await waitForLabel(again.page, "Lesion");
  expect(await again.picture()).not.toBe(drawn);
  await again.press("Control+s");
  await again.page.waitForSelector("text=Exported labels/scan_seg.png");

  const mask = decodeImage(new Uint8Array(await readFile(join(path, "labels/scan_seg.png"))), "scan_seg.png");
  const object = Number(left.replace(" px", ""));
  expect(counted(mask.data)).toEqual({ 0: 120 * 90 - object - second, 1: object, 2: second });
  expect(JSON.parse(await readFile(join(path, "tendril.json"), "utf8")).labels).toEqual([
    { value: 1, name: "Object", color: "#3ba7ff" },
    { value: 2, name: "Lesion", color: "#ff0000" },
  ]);
  const work = await ImageWork.open(image);
  expect(work.journal.actions.map((action) => [action.kind, "label" in action ? action.label : undefined])).toEqual([
    ["brush", undefined],
    ["brush", 2],
    ["undo", undefined],
    ["undo", undefined],
    ["redo", undefined],
    ["redo", undefined],
  ]);
  await work.close();
  expect(screen.complaints.filter((text) => !text.includes("ERR_CONNECTION"))).toEqual([]);
});

test("a label that no image uses is removed after a question; one that is used stays, and the page says where it is used", async () => {
  const path = await folder();
  const image = join(path, "scan.png");
  await writeFile(image, drawnImage(120, 90));
  const screen = await Screen.open();
  const person = await screen.visit((await annotate([image])).address);
  const { page } = person;
  const names = async () => (await page.locator(".label-row .label-name").allTextContents()).join();
  const remove = async () => {
    await page.click(".label-list >> text=Edit");
    await page.click(".naming >> text=Remove");
    expect(await violations(person)).toEqual([]);
    await page.click("text=Remove it");
  };
  await person.waitForStatus("saved");
  // The first one stays.
  await page.click(".label-list >> text=Edit");
  expect(await page.locator(".naming >> text=Remove").count()).toBe(0);
  await page.press(".naming input[type=text]", "Escape");

  await addLabel(person, "Tumor");
  await addLabel(person, "Cyst");
  await person.press("b");
  await person.draw("left", [0.3, 0.5], [0.5, 0.5]);
  await remove();
  await page.waitForSelector("text=Cyst stays: scan.png has changes of it.");
  expect(await names()).toBe("Object,Tumor,Cyst");
  await person.press(",");
  await waitForLabel(page, "Tumor");
  await remove();
  await page.waitForSelector("text=Removed the label Tumor.");
  await waitForLabel(page, "Object");
  expect(await names()).toBe("Object,Cyst");
  const { labels } = JSON.parse(await readFile(join(path, "tendril.json"), "utf8"));
  expect(labels.map(({ value, name }: { value: number; name: string }) => [value, name])).toEqual([
    [1, "Object"],
    [3, "Cyst"],
  ]);
  expect(screen.complaints.filter((text) => !text.includes("422"))).toEqual([]);
});

test("in a volume slices are done and filled label by label, and the other label keeps its voxels", async () => {
  const path = await folder();
  const file = join(path, "body.nii");
  await writeFile(file, niftiOf(BODY));
  const person = await (await Screen.open()).visit((await annotate([file])).address);
  const { page } = person;
  const bar = (words: string) => page.waitForSelector(`.slices canvas[aria-valuetext^="${words}"]`);
  await person.waitForStatus("saved");
  await bar("axial 21 of");
  await person.press("b");
  await person.draw("left", [0.4, 0.4], [0.5, 0.5]);
  await person.press("Enter");
  await bar("axial 22 of");
  await addLabel(person, "Vessel");
  await person.draw("left", [0.45, 0.45]);
  const vessel = await person.inside();
  await person.press(",");
  await waitForLabel(page, "Object");
  for (let i = 0; i < 2; i++) await person.press("ArrowDown");
  await bar("axial 24 of");
  await person.draw("left", [0.4, 0.4], [0.5, 0.5]);
  await person.press("Enter");
  await bar("axial 25 of");
  await person.press("i");
  await page.waitForSelector("text=Filled slices 22 to 23");
  expect(await page.textContent(".slice-count")).toBe("2 done");
  await person.press(".");
  await waitForLabel(page, "Vessel");
  // What was filled around it took nothing from it, and no slice of it is done.
  expect(await person.inside()).toBe(vessel);
  expect(await page.textContent(".slice-count")).toBe("0 done");
  await person.waitForStatus("saved");
  await person.press("Control+s");
  await page.waitForSelector("text=Exported labels/body_seg.nii");
  const { data } = decodeNifti(new Uint8Array(await readFile(join(path, "labels/body_seg.nii"))), "body_seg.nii");
  expect(counted(data)[2]).toBe(vessel);
  const [head, ...rows] = (await readFile(join(path, "labels/body_stats.csv"), "utf8")).trim().split("\n");
  expect(head).toBe("label,name,plane,slice,position_mm,voxels,area_mm2,volume_ml,mean_intensity");
  expect(rows.filter((row) => row.startsWith("2,Vessel,axial,"))).toHaveLength(1);
  expect(rows.at(-1)).toContain(`2,Vessel,whole,,,${vessel},,${(vessel * 0.0025).toFixed(6)},`);
});
