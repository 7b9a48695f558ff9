/** The box tool as a person uses it: by mouse and keyboard, let go of, drawn anew, undone, found again; on images and on slices. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { boxBetween } from "../../src/app/box-tool.ts";
import { type Action, CLOSED, ImageWork, INSIDE, replay } from "../../src/project/index.ts";
import { type Annotator, annotate, buildAll, folder, imageIn, Screen, violations } from "./annotator.ts";
import { BODY, niftiOf } from "./phantom.ts";

beforeAll(buildAll);

/** What the journal holds, and what it leads to. */
async function kept(file: string) {
  const work = await ImageWork.open(file);
  const { actions, header } = work.journal;
  await work.close();
  return { actions, width: header.width, data: replay(actions, header).annotation.data };
}

type BoxAction = Extract<Action, { kind: "box" }>;
const boxesOf = (actions: readonly Action[]) => actions.filter((action): action is BoxAction => action.kind === "box");

/** Presses the left button, moves, and presses the right one before it lets go of both. */
async function letGo({ page }: Annotator): Promise<void> {
  await page.mouse.move(500, 250);
  await page.mouse.down();
  await page.mouse.move(600, 350, { steps: 4 });
  await page.mouse.down({ button: "right" });
  await page.mouse.move(610, 360, { steps: 2 });
  await page.mouse.up({ button: "right" });
  await page.mouse.up();
}

test("a box spans both corners' pixels, whichever comes first, and ends with the image", () => {
  const grid = { width: 40, height: 30 };
  expect(boxBetween([3.4, 7.6], [10.2, 2], grid)).toEqual({ x: 3, y: 2, width: 8, height: 7 });
  expect(boxBetween([10.2, 2], [3.4, 7.6], grid)).toEqual({ x: 3, y: 2, width: 8, height: 7 });
  expect(boxBetween([-20, 25], [100, 100], grid)).toEqual({ x: 0, y: 25, width: 40, height: 5 });
  expect(boxBetween([5, 5], [5.3, 4.8], grid)).toEqual({ x: 5, y: 5, width: 1, height: 1 });
  expect(boxBetween([-9, 4], [-3, 8], grid)).toEqual({ x: 0, y: 4, width: 1, height: 5 });
});

test("a box asks for candidates, the next one counts in its place, and all of it is undone and found again", async () => {
  const image = await imageIn(await folder());
  const { address } = await annotate([image]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.waitForStatus("saved");
  const bare = await person.picture();

  await person.press("c");
  await letGo(person);
  await person.page.mouse.move(500, 250);
  await person.page.mouse.down();
  await person.page.mouse.move(600, 350, { steps: 4 });
  await person.press("Escape");
  await person.page.mouse.up();
  await person.draw("right", [0.3, 0.3], [0.6, 0.6]);
  await person.waitForPicture(bare);
  await person.draw("left", [0.4, 0.4]);
  expect(await person.notice()).toMatch(/^Nothing is marked\. Hold the button/);
  expect((await kept(image)).actions).toEqual([]);

  await person.draw("left", [0.42, 0.42], [0.5, 0.5]);
  await person.offered();
  await person.draw("left", [0.68, 0.72], [0.3, 0.2]);
  await person.offered();
  expect(await person.inside()).toBe(0);
  expect(await violations(person)).toEqual([]);
  await person.press("1");
  await person.page.waitForFunction(() => !document.querySelector(".stage")!.ariaLabel!.includes(" 0 inside"));
  const taken = await person.inside();
  // What is offered next would be in the picture, and is not found again.
  await person.offered();
  await person.press("Escape");
  const seen = await person.picture();
  await person.waitForStatus("saved");

  const { actions, data, width } = await kept(image);
  expect(actions.map(({ kind }) => kind)).toEqual(["box", "box", "take"]);
  const { box } = boxesOf(actions)[1];
  const isWithin = (x: number, y: number) =>
    x >= box.x && y >= box.y && x < box.x + box.width && y < box.y + box.height;
  const wrong = data.filter(
    (value, pixel) => (value === CLOSED) === isWithin(pixel % width, Math.floor(pixel / width)),
  );
  expect(wrong.length).toBe(0);
  expect(data.filter((value) => value & INSIDE).length).toBe(taken);

  await person.page.reload();
  await person.waitForInside(taken);
  await person.page.waitForSelector("text=Picked up where you left off: 3 changes.");
  await person.page.mouse.move(5, 5);
  await person.waitForPicture(seen);
  await person.press("Control+z");
  await person.waitForInside(0);
  expect(await person.picture()).not.toBe(bare);
  await person.press("Control+z");
  await person.press("Control+z");
  await person.waitForPicture(bare);
  for (let i = 0; i < 3; i++) await person.press("Control+y");
  await person.waitForInside(taken);
  await person.waitForPicture(seen);
  expect(screen.complaints).toEqual([]);
});

test("a box on a slice is drawn with the arrow keys, closes that slice alone, and leaves what is inside beyond it", async () => {
  const file = join(await folder(), "body.nii");
  await writeFile(file, niftiOf(BODY));
  const { address } = await annotate([file]);
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.waitForStatus("saved");
  await person.press("b");
  await person.draw("left", [0.4, 0.2], [0.42, 0.2]);
  const drawn = await person.inside();
  expect(drawn).toBeGreaterThan(0);

  await person.press("c");
  await person.page.mouse.move(5, 5);
  await person.page.locator(".stage").focus();
  await person.press("ArrowLeft");
  await person.press("Enter");
  for (const key of ["Shift+ArrowRight", "Shift+ArrowDown", "ArrowDown"]) await person.press(key);
  await person.press("Enter");
  await person.page.waitForSelector("text=beyond the box are inside already and stay so");
  await person.waitForStatus("saved");

  const { actions, data, width } = await kept(file);
  const [{ box, slice }] = boxesOf(actions);
  expect([box.width, box.height]).toEqual([11, 12]);
  expect(slice).toEqual({ axis: 2, index: 20 });
  const rows = data.length / width / 40;
  const closed = [...data.entries()].filter(([, value]) => value === CLOSED).map(([voxel]) => voxel);
  expect(closed.length).toBe(width * rows - 11 * 12 - drawn);
  expect(closed.every((voxel) => Math.floor(voxel / width / rows) === 20)).toBe(true);
  expect(await person.inside()).toBe(drawn);
  expect(screen.complaints).toEqual([]);
});
