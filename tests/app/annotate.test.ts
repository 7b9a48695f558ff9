/** The page as a person uses it: the real command, the system's Chromium, real keys and a mouse. */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { beforeAll, expect, test } from "vitest";
import { decodeImage } from "../../src/image/index.ts";
import { type Action, ImageWork } from "../../src/project/index.ts";
import { annotate, buildAll, drawnImage, folder, imageIn, kill, Screen, violations } from "./annotator.ts";

const INSIDE = [
  [0.44, 0.4],
  [0.5, 0.46],
  [0.56, 0.41],
] as const;
const OUTSIDE = [
  [0.3, 0.25],
  [0.32, 0.7],
  [0.6, 0.78],
] as const;
const CORRECTION = [
  [0.7, 0.2],
  [0.75, 0.3],
] as const;

beforeAll(buildAll);

async function actionsOf(image: string): Promise<readonly Action[]> {
  const work = await ImageWork.open(image);
  const { actions } = work.journal;
  await work.close();
  return actions;
}

test("an image is scribbled on, a candidate taken, corrected, killed, opened again, undone and exported", async () => {
  const path = await folder();
  const image = await imageIn(path);
  const command = await annotate([image, "--project", path]);
  const screen = await Screen.open();
  const first = await screen.visit(command.address);
  await first.waitForStatus("saved");
  expect(await violations(first)).toEqual([]);

  await first.draw("left", ...INSIDE);
  await first.offered();
  await first.draw("right", ...OUTSIDE);
  expect(await first.offered()).toBeGreaterThan(1);
  expect(await violations(first)).toEqual([]);
  const scribbled = await first.inside();
  expect(scribbled).toBeGreaterThan(0);

  const bare = await first.picture();
  await first.page.locator(".tile").nth(1).hover();
  expect(await first.picture()).not.toBe(bare);
  await first.page.mouse.move(500, 400);
  await first.waitForPicture(bare);
  expect(await first.inside()).toBe(scribbled);

  await first.press("2");
  await first.page.waitForFunction(
    (before) => !document.querySelector(".stage")!.ariaLabel!.includes(before),
    ` ${scribbled.toLocaleString("en")} inside`,
  );
  const taken = await first.inside();
  expect(taken).toBeGreaterThan(scribbled);

  await first.press("b");
  await first.draw("left", ...CORRECTION);
  const corrected = await first.inside();
  expect(corrected).toBeGreaterThan(taken);
  await first.press("Control+z");
  await first.waitForInside(taken);
  await first.press("Control+Shift+Z");
  await first.waitForInside(corrected);
  await first.waitForStatus("saved");
  await Promise.all([kill(command.process), screen.kill()]);

  expect((await actionsOf(image)).map(({ kind }) => kind)).toEqual([
    "scribble",
    "scribble",
    "take",
    "brush",
    "undo",
    "redo",
  ]);

  const again = await annotate([image, "--project", path]);
  const newScreen = await Screen.open();
  const second = await newScreen.visit(again.address);
  await second.waitForInside(corrected);
  await second.page.waitForSelector("text=Picked up where you left off: 4 changes.");
  for (const pixels of [taken, scribbled]) {
    await second.press("Control+z");
    await second.waitForInside(pixels);
  }
  await second.press("Control+z");
  await second.press("Control+z");
  await second.waitForInside(0);
  for (let i = 0; i < 4; i++) await second.press("Control+y");
  await second.waitForInside(corrected);

  await second.press("Control+s");
  await second.page.waitForSelector("text=Exported labels/scan_seg.png");
  const exported = await readFile(join(path, "labels/scan_seg.png"));
  const work = await ImageWork.open(image);
  expect(Buffer.compare(exported, (await work.mask()).bytes)).toBe(0);
  await work.close();
  const mask = decodeImage(exported, "scan_seg.png");
  const { width, height } = decodeImage(await readFile(image), "scan.png");
  expect([mask.width, mask.height]).toEqual([width, height]);
  expect([...mask.data].filter((value) => value > 0).length).toBe(corrected);

  const [download] = await Promise.all([
    second.page.waitForEvent("download"),
    second.page.click("text=Download a copy"),
  ]);
  expect(download.suggestedFilename()).toBe("scan_seg.png");
  await download.saveAs(join(path, "download.png"));
  expect(Buffer.compare(await readFile(join(path, "download.png")), exported)).toBe(0);

  const origins = (addresses: string[]) => new Set(addresses.map((address) => new URL(address).host));
  expect([...origins(screen.requests)]).toEqual([new URL(command.origin).host]);
  expect([...origins(newScreen.requests).values()].filter(Boolean)).toEqual([new URL(again.origin).host]);
  expect(screen.complaints).toEqual([]);
  expect(newScreen.complaints).toEqual([]);
});

/** How many actions the browser keeps for one image. */
function keptIn(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const done = <T>(request: IDBRequest<T>) =>
      new Promise<T>((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await done(indexedDB.open("tendril"));
    const [kept] = await done(database.transaction("unsaved").objectStore("unsaved").getAll());
    database.close();
    return kept?.actions.length ?? 0;
  });
}

test("what is drawn while the server is away is kept in the browser and saved when it is back", async () => {
  const path = await folder();
  const image = await imageIn(path);
  const command = await annotate([image, "--project", path]);
  const screen = await Screen.open();
  const before = await screen.visit(command.address);
  await before.waitForStatus("saved");
  await before.press("b");
  await before.draw("left", ...INSIDE);
  await before.waitForStatus("saved");
  await kill(command.process);
  await before.draw("left", ...CORRECTION);
  await before.waitForStatus("not-saved");
  expect(await before.notice()).toMatch(/^Lost the server at 127\.0\.0\.1:\d+\. Everything is here/);
  await before.draw("left", ...OUTSIDE);
  const drawn = await before.inside();
  expect((await actionsOf(image)).length).toBe(1);
  // The browser takes a moment to write what it is to keep, and this page goes without being asked.
  await expect.poll(() => keptIn(before.page), { timeout: 20_000 }).toBe(2);
  await before.page.close();

  await annotate([image, "--project", path], Number(new URL(command.origin).port)).then(async ({ address }) => {
    const after = await screen.visit(address);
    await after.waitForInside(drawn);
    await after.waitForStatus("saved");
  });
  expect((await actionsOf(image)).map(({ kind }) => kind)).toEqual(["brush", "brush", "brush"]);
});

test("a second tab only looks and says so, and draws on when the first is gone", async () => {
  const path = await folder();
  const image = await imageIn(path);
  const command = await annotate([image, "--project", path]);
  const screen = await Screen.open();
  const writer = await screen.visit(command.address);
  await writer.waitForStatus("saved");
  const reader = await screen.visit(command.address);
  await reader.waitForStatus("read-only");
  expect(await reader.page.textContent(".gallery")).toContain("Another tab is drawing on this image.");
  await reader.press("b");
  await reader.draw("left", ...INSIDE);
  expect(await reader.inside()).toBe(0);

  await writer.page.bringToFront();
  await writer.press("b");
  await writer.draw("left", ...INSIDE);
  await reader.waitForInside(await writer.inside());
  await writer.page.close();
  await reader.waitForStatus("saved");
  const before = await reader.inside();
  await reader.draw("left", ...CORRECTION);
  expect(await reader.inside()).toBeGreaterThan(before);
  await reader.waitForStatus("saved");
  expect((await actionsOf(image)).length).toBe(2);
});

test("a whole round needs no mouse, and Tab reaches every control", async () => {
  const path = await folder();
  const image = await imageIn(path);
  const { address } = await annotate([image, "--project", path]);
  const keyboard = await (await Screen.open()).visit(address);
  const { page } = keyboard;
  await keyboard.waitForStatus("saved");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+ArrowRight");
  await keyboard.press("Enter");
  for (let i = 0; i < 3; i++) await page.keyboard.press("Shift+ArrowDown");
  for (let i = 0; i < 4; i++) await page.keyboard.press("ArrowLeft");
  await keyboard.press("Enter");
  const count = await keyboard.offered();
  const drawn = await keyboard.inside();
  expect(drawn).toBeGreaterThan(20);

  const reached = new Set<string>();
  for (let i = 0; i < 40; i++) {
    await keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement?.className ?? ""));
  }
  expect(reached).toContain("stage");
  expect(reached).toContain("tool");
  expect([...reached].some((name) => name.startsWith("tile"))).toBe(true);
  await page.locator(".tile").first().focus();
  await keyboard.press("Enter");
  await page.waitForFunction(
    (before) => !document.querySelector(".stage")!.ariaLabel!.includes(before),
    ` ${drawn.toLocaleString("en")} inside`,
  );
  expect((await actionsOf(image)).map(({ kind }) => kind)).toEqual(["scribble", "take"]);
  expect(count).toBeGreaterThan(0);

  await keyboard.press("?");
  await page.waitForSelector("dialog[open]");
  expect(await page.textContent("dialog")).toContain("Ctrl+Shift+Z");
  expect(await violations(keyboard)).toEqual([]);
  await keyboard.press("Escape");
  await page.waitForSelector("dialog:not([open])", { state: "attached" });
});

test("with no image the page says what to do; a text file is refused by name, and an image is taken in", async () => {
  const path = await folder();
  const { address } = await annotate(["--project", join(path, "kept")]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector("text=Drop images or a folder.");
  expect(await person.page.textContent(".instead")).toContain("Nothing leaves this computer.");
  expect(await violations(person)).toEqual([]);

  await writeFile(join(path, "notes.png"), "this is no picture");
  await writeFile(join(path, "drawn.png"), drawnImage(200, 150));
  await person.page.setInputFiles("input[type=file]", join(path, "notes.png"));
  await person.page.waitForSelector(".notice .warning");
  expect(await person.notice()).toContain("notes.png");
  await person.page.setInputFiles("input[type=file]", join(path, "drawn.png"));
  await person.waitForStatus("saved");
  expect(existsSync(join(path, "kept/drawn.png"))).toBe(true);
  expect(await person.page.locator(".stage").getAttribute("aria-label")).toContain("drawn.png, 200 by 150 pixels");
});

test("a folder dropped on the page is opened whole, in the order of its names, and hidden files are passed over", async () => {
  const path = await folder();
  await mkdir(join(path, "case/more"), { recursive: true });
  await writeFile(join(path, "case/slice10.png"), drawnImage(60, 50));
  await writeFile(join(path, "case/slice9.png"), drawnImage(50, 60));
  await writeFile(join(path, "case/more/slice11.png"), drawnImage(70, 50));
  await writeFile(join(path, "case/.hidden"), "nothing to see");
  const { address } = await annotate(["--project", join(path, "kept")]);
  const person = await (await Screen.open()).visit(address);
  await person.page.waitForSelector("text=Drop images or a folder.");
  await person.drop(join(path, "case"));
  await person.page.waitForSelector(".stage[aria-label^='slice9.png, 50 by 60 pixels']");
  expect(await person.page.locator("option").allTextContents()).toEqual(["slice9.png", "slice10.png", "slice11.png"]);
  expect(await person.notice()).toBe("");
  await person.press("Control+ArrowRight");
  await person.page.waitForSelector(".stage[aria-label^='slice10.png, 60 by 50 pixels']");
});

test("on a narrow screen no control is off the screen", async () => {
  const path = await folder();
  const { address } = await annotate([await imageIn(path), "--project", path]);
  const person = await (await Screen.open()).visit(address);
  await person.waitForStatus("saved");
  // What stands under the candidates comes with the model.
  await person.draw("left", ...INSIDE);
  await person.offered();
  for (const size of [
    { width: 1280, height: 720 },
    { width: 600, height: 800 },
    { width: 390, height: 700 },
  ]) {
    await person.page.setViewportSize(size);
    await person.page.waitForTimeout(100);
    const boxes = await person.page
      .locator("button:visible, select:visible, input:visible")
      .evaluateAll((controls) => controls.map((control) => control.getBoundingClientRect().toJSON() as DOMRect));
    expect(boxes.length).toBeGreaterThan(10);
    for (const { left, top, right, bottom, width, height } of boxes) {
      expect(Math.min(left, top)).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(size.width);
      expect(bottom).toBeLessThanOrEqual(size.height);
      expect(Math.min(width, height)).toBeGreaterThanOrEqual(24);
    }
  }
  await person.page.setViewportSize({ width: 1280, height: 720 });
  await person.page.waitForTimeout(100);
  const { width, height } = (await person.page.locator(".pen").boundingBox())!;
  expect((width * height) / (1280 * 720)).toBeGreaterThanOrEqual(0.75);
});
