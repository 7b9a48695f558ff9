/**
 * How fast a volume of 512 x 512 x 300 int16 voxels (150 MB) is: not a test, but what the figures in docs/volumes.md come from.
 *
 *   VOLUME_SPEED=1 npx vitest run tests/app/volume-speed.test.ts
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, test } from "vitest";
import { type Annotator, annotate, buildAll, drawnImage, folder, Screen } from "./annotator.ts";
import { niftiOf } from "./phantom.ts";

const SERIES = {
  size: [512, 512, 300],
  axes: [
    [-0.7, 0, 0],
    [0, -0.7, 0],
    [0, 0, 1],
  ],
} as const;
const STEPS = 60;

beforeAll(buildAll);

/** Milliseconds from choosing the file to its first picture, and to when it can be worked on. */
function opening({ page }: Annotator, name: string): Promise<{ firstFrame: number; whole: number }> {
  return page.evaluate(async (name) => {
    const select = document.querySelector("select")!;
    const frame = () => new Promise(requestAnimationFrame);
    const start = performance.now();
    select.value = [...select.options].find(({ textContent }) => textContent.endsWith(name))!.value;
    select.dispatchEvent(new Event("change", { bubbles: true }));
    const isOpen = () => document.querySelector(".stage")!.ariaLabel!.startsWith(name);
    while (!document.querySelector(".page.volume")) await frame();
    // The picture is drawn in the frame after, and on the screen at the one after that.
    for (let i = 0; i < 2; i++) await frame();
    const firstFrame = performance.now() - start;
    while (!isOpen()) await frame();
    for (let i = 0; i < 2; i++) await frame();
    return { firstFrame: Math.round(firstFrame), whole: Math.round(performance.now() - start) };
  }, name);
}

/** Median and 95th percentile of what the page's thread computes for a step to the next slice: at the key, and to draw it; in ms. */
function stepping({ page }: Annotator): Promise<string> {
  return page.evaluate(async (count) => {
    const request = window.requestAnimationFrame.bind(window);
    let drawing = 0;
    window.requestAnimationFrame = (draw) =>
      request((time) => {
        const start = performance.now();
        draw(time);
        drawing += performance.now() - start;
      });
    const key = { key: "ArrowDown", code: "ArrowDown" };
    const spent: number[] = [];
    for (let i = 0; i < count; i++) {
      await new Promise(request);
      drawing = 0;
      const start = performance.now();
      window.dispatchEvent(new KeyboardEvent("keydown", key));
      window.dispatchEvent(new KeyboardEvent("keyup", key));
      const atKey = performance.now() - start;
      for (let frame = 0; frame < 2; frame++) await new Promise(request);
      spent.push(atKey + drawing);
    }
    window.requestAnimationFrame = request;
    spent.sort((a, b) => a - b);
    const at = (share: number) => spent[Math.floor(share * (count - 1))].toFixed(1);
    return `${at(0.5)} (p95 ${at(0.95)})`;
  }, STEPS);
}

test.skipIf(!process.env.VOLUME_SPEED)(
  "opening, stepping, filling and exporting a large volume",
  async () => {
    const path = await folder();
    const bytes = niftiOf(SERIES);
    await writeFile(join(path, "a.png"), drawnImage(80, 60));
    await writeFile(join(path, "series.nii"), bytes);
    await writeFile(join(path, "packed.nii.gz"), gzipSync(bytes, { level: 1 }));
    const { address } = await annotate([path]);
    const screen = await Screen.open();
    const person = await screen.visit(address);
    const { page } = person;
    await person.waitForStatus("saved");
    for (const name of ["series.nii", "series.nii", "packed.nii.gz", "series.nii"]) {
      await page.selectOption("select", { label: "a.png" });
      await page.waitForSelector(".stage[aria-label^='a.png']");
      await page.waitForTimeout(2000);
      console.log(name, await opening(person, name));
    }
    await page.waitForTimeout(2000);
    for (const plane of ["axial", "coronal", "sagittal"]) {
      console.log(plane, await stepping(person));
      await person.press("a");
      await page.waitForTimeout(500);
    }
    await person.press("b");
    for (const steps of [0, 20]) {
      for (let i = 0; i < steps; i++) await person.press("ArrowDown");
      await person.draw("left", [0.36, 0.42], [0.4, 0.5], [0.36, 0.5]);
      await person.press("Enter");
    }
    const start = Date.now();
    await person.press("i");
    await page.waitForSelector("text=Filled slices");
    console.log("filling 20 slices", Date.now() - start);
    await person.waitForStatus("saved");
    const before = Date.now();
    await person.press("Control+s");
    await page.waitForSelector("text=Exported");
    console.log("exporting", Date.now() - before);
  },
  300_000,
);
