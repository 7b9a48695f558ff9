/** What the page does with a general model: the step dial, revising what a candidate made, and learning the image. */
import { beforeAll, expect, test } from "vitest";
import { type Action, BY_HAND, type Delta, ImageWork, INSIDE } from "../../src/project/index.ts";
import { type Annotator, buildAll, Screen, violations } from "./annotator.ts";
import { generalPage } from "./general-page.ts";

const FIRST = [
  [0.45, 0.45],
  [0.55, 0.55],
] as const;
const SECOND = [
  [0.3, 0.3],
  [0.35, 0.3],
] as const;

beforeAll(buildAll);

async function takes(image: string): Promise<Extract<Action, { kind: "take" }>[]> {
  const work = await ImageWork.open(image);
  const { actions } = work.journal;
  await work.close();
  return actions.filter((action) => action.kind === "take");
}

const stepName = ({ page }: Annotator) => page.textContent(".dial output");

async function waitForStep({ page }: Annotator, name: string): Promise<void> {
  await page.waitForFunction((wanted) => document.querySelector(".dial output")?.textContent === wanted, name);
}

/** Takes a candidate and waits until it is part of the annotation. */
async function take(person: Annotator, key: string): Promise<number> {
  const before = await person.inside();
  await person.press(key);
  await person.page.waitForFunction(
    (words) => !document.querySelector(".stage")!.ariaLabel!.includes(words),
    ` ${before.toLocaleString("en")} inside`,
  );
  return person.inside();
}

/** Pixels of a delta that were inside and are so no longer. */
function lost(delta: Delta): number {
  let pixels = 0;
  for (let i = 0; i < delta.length; i += 4)
    if ((delta[i + 2] & INSIDE) > (delta[i + 3] & INSIDE)) pixels += delta[i + 1];
  return pixels;
}

test("the candidates' outlines are on the image as long as they are offered", async () => {
  const { address } = await generalPage({ hasEncoder: false });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector(".dial");
  await person.draw("left", ...FIRST);
  await person.offered();
  const offered = await person.picture();
  await person.press("Escape");
  await person.page.waitForSelector(".tile", { state: "detached" });
  expect(await person.picture()).not.toBe(offered);
  // Asked again without a change, it offers the same.
  await person.press("r");
  await person.waitForPicture(offered);
});

test("the step dial asks again by key and mouse, is remembered, and is written down with what is taken", async () => {
  const { address, image } = await generalPage({ hasEncoder: false });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector(".dial");
  expect(await stepName(person)).toBe("finish it");
  await person.press("-");
  await waitForStep(person, "most");
  // Nothing was offered, so nothing is asked.
  expect(await person.page.locator(".tile").count()).toBe(0);
  await person.press("=");
  await person.draw("left", ...FIRST);
  await person.offered();
  const captions = await person.page.locator(".tile").allTextContents();
  expect(captions[0]).toMatch(/\d+ of 26 answers$/);
  const slider = (await person.page.locator(".dial input").boundingBox())!;
  await person.page.mouse.click(slider.x + slider.width / 2, slider.y + slider.height / 2);
  await waitForStep(person, "half");
  await person.page.waitForFunction((before) => {
    const tiles = [...document.querySelectorAll(".tile")].map(({ textContent }) => textContent);
    return tiles.length > 0 && tiles.join() !== before;
  }, captions.join());
  expect(await violations(person)).toEqual([]);
  // The slider has let go of the keyboard: a digit takes.
  await take(person, "1");
  await person.offered();
  await person.waitForStatus("saved");
  expect((await takes(image)).map(({ candidate }) => candidate)).toMatchObject([{ step: 0.5, features: false }]);
  await person.page.close();
  const again = await screen.visit(address);
  await again.page.waitForSelector(".dial");
  expect(await stepName(again)).toBe("half");
  expect(await again.page.locator(".learning").count()).toBe(0);
  expect(screen.complaints).toEqual([]);
});

test("the dial is reached and moved by Tab and arrow keys, and says where it stands", async () => {
  const { address } = await generalPage({ hasEncoder: false });
  const person = await (await Screen.open()).visit(address);
  const dial = person.page.locator(".dial input");
  await dial.waitFor();
  await dial.focus();
  for (let i = 0; i < 3; i++) await person.press("ArrowLeft");
  expect(await dial.getAttribute("aria-valuetext")).toBe("a quarter");
  await person.press("Home");
  expect(await dial.getAttribute("aria-valuetext")).toBe("a little");
  await person.press("=");
  expect(await dial.getAttribute("aria-valuetext")).toBe("a quarter");
});

test("a later candidate takes away from an earlier one, never from what a hand drew, and undo brings all back", async () => {
  const { address, image } = await generalPage({ hasEncoder: false });
  const person = await (await Screen.open()).visit(address);
  await person.page.waitForSelector(".dial");
  await person.draw("left", ...FIRST);
  await person.offered();
  const first = await take(person, "1");
  await person.offered();
  await person.draw("right", ...SECOND);
  await person.page.waitForSelector(".tile:has-text('\u2212')");
  const scribbled = await person.inside();
  const revising = person.page.locator(".tile:has-text('\u2212')").first();
  const key = (await revising.locator("kbd").textContent())!;
  const keeps = (await revising.textContent())!.endsWith("keeps what is there");
  const bare = await person.picture();
  await revising.hover();
  expect(await person.picture()).not.toBe(bare);
  await person.page.mouse.move(300, 650);
  const revised = await take(person, key);
  await person.offered();
  await person.waitForStatus("saved");
  const journal = await takes(image);
  expect(journal.map(({ delta }) => lost(delta) > 0)).toEqual([false, true]);
  expect(journal.map(({ candidate }) => candidate.keeps)).toEqual([undefined, keeps ? true : undefined]);
  for (const { delta } of journal)
    for (let i = 0; i < delta.length; i += 4) expect([delta[i + 2] & BY_HAND, delta[i + 3] & BY_HAND]).toEqual([0, 0]);
  await person.press("Control+z");
  await person.waitForInside(scribbled);
  await person.press("Control+z");
  await person.waitForInside(first);
  for (let i = 0; i < 2; i++) await person.press("Control+y");
  await person.waitForInside(revised);
});

test("an image is learned in the background, later proposals use it, and whoever turns that off is not asked again", async () => {
  const { address, image } = await generalPage({ hasEncoder: true });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector("text=Image learned.");
  expect(await violations(person)).toEqual([]);
  await person.draw("left", ...FIRST);
  await person.offered();
  await take(person, "1");
  await person.offered();
  await person.page.click(".learning button");
  await person.page.waitForSelector("text=Not learning images.");
  await person.press("r");
  await person.offered();
  await take(person, "1");
  await person.waitForStatus("saved");
  expect((await takes(image)).map(({ candidate }) => candidate.features)).toEqual([true, false]);
  await person.page.close();
  const again = await screen.visit(address);
  await again.page.waitForSelector("text=Not learning images.");
  await again.page.click(".learning button");
  await again.page.waitForSelector("text=Image learned.");
  expect(screen.complaints).toEqual([]);
});

test("a learned image's strokes and boxes are answered with the pretrained segmenter's decoder, which is fetched once, when the image is learned", async () => {
  const { address } = await generalPage({ hasEncoder: true });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  const fetched: string[] = [];
  person.page.on("response", (response) => fetched.push(new URL(response.url()).pathname));
  await person.page.waitForSelector("text=Image learned.");
  const decoders = () => fetched.filter((path) => path.endsWith("/decoder.onnx")).length;
  await expect.poll(decoders, { timeout: 20_000 }).toBe(1);
  await person.draw("left", [0.4, 0.4], [0.5, 0.5]);
  await person.offered();
  await person.press("c");
  await person.draw("left", [0.3, 0.3], [0.6, 0.6]);
  await person.offered();
  expect(decoders()).toBe(1);
  expect(screen.complaints).toEqual([]);
});
