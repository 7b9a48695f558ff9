/** Adapting the model from the page: asked first, told while it runs, and what proposes afterwards. */
import { beforeAll, expect, test } from "vitest";
import { UsageError } from "../../src/core/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import type { Train } from "../../src/server/index.ts";
import { type Annotator, buildAll, Screen, violations } from "./annotator.ts";
import { generalPage } from "./general-page.ts";

const INSIDE = [
  [0.45, 0.45],
  [0.55, 0.55],
] as const;

beforeAll(buildAll);

/** Training that is put forward by the test. */
class Training {
  tell: Parameters<Train>[1] = () => undefined;
  succeed: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;
  /** Actions of each image that another process reads in its journal as it begins. */
  seen: number[] = [];

  readonly adapt: Train = async (images, tell, signal) => {
    const ended = new Promise<void>((succeed, fail) => {
      Object.assign(this, { tell, succeed, fail });
      signal.addEventListener("abort", () => fail(new Error("stopped")));
    });
    ended.catch(() => undefined);
    for (const files of images) this.seen.push((await actionsOf(files)).length);
    await ended;
  };
}

async function actionsOf(image: Parameters<typeof ImageWork.open>[0]) {
  const work = await ImageWork.open(image);
  await work.close();
  return work.journal.actions;
}

/** Models of the candidates that were taken, as the journal names them. */
async function takenFrom(image: string): Promise<string[]> {
  return (await actionsOf(image)).flatMap((action) => (action.kind === "take" ? [action.candidate.model] : []));
}

const line = ({ page }: Annotator) => page.locator(".adaptation");
const button = (person: Annotator, name: string) => line(person).getByRole("button", { name, exact: true });

async function waitFor(person: Annotator, text: string): Promise<void> {
  await line(person).filter({ hasText: text }).waitFor();
}

/** Takes the first candidate, and waits for those that come after it. */
async function takeOne(person: Annotator): Promise<void> {
  const before = await person.inside();
  await person.press("1");
  await person.page.waitForFunction(
    (words) => !document.querySelector(".stage")!.ariaLabel!.includes(words),
    ` ${before.toLocaleString("en")} inside`,
  );
  await person.offered();
  await person.waitForStatus("saved");
}

test("it is asked for and told, and the page then offers what the adapted model proposes, or again what the shipped one does", async () => {
  const training = new Training();
  const { address, image, names } = await generalPage({ hasEncoder: false, adapt: training.adapt });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector(".dial");
  // Nothing is annotated.
  expect(await line(person).count()).toBe(0);
  await person.draw("left", ...INSIDE);
  await person.offered();
  await takeOne(person);
  expect(await button(person, "Adapt to these images").getAttribute("title")).toMatch(
    /on 1 image here, .* finished\.$/,
  );
  await button(person, "Adapt to these images").click();
  await waitFor(person, "About 5 minutes at full load.");
  expect(await violations(person)).toEqual([]);
  await button(person, "Cancel").click();
  await button(person, "Adapt to these images").click();
  await button(person, "Start").click();
  await waitFor(person, "Adapting to 1 image …");
  expect(await person.page.locator(".unseen").textContent()).toBe("Adapting to 1 image.");
  // All that was drawn was on the disk, and could be read there while the page had it open.
  await expect.poll(() => training.seen).toEqual([2]);
  training.tell(1, 144);
  await person.page.waitForSelector(".adaptation progress[value]");
  training.tell(36, 144);
  await person.page.waitForFunction(
    () => document.querySelector<HTMLProgressElement>(".adaptation progress")!.value === 0.25,
  );
  await waitFor(person, "min left");
  expect(await violations(person)).toEqual([]);
  const shipped = await person.page.locator(".tile").allTextContents();
  training.succeed();
  await waitFor(person, "Adapted model in use.");
  // What is shown is asked for again, of the other model.
  await person.page.waitForFunction((before) => {
    const tiles = [...document.querySelectorAll(".tile")].map(({ textContent }) => textContent);
    return tiles.length > 0 && tiles.join() !== before;
  }, shipped.join());
  expect(await violations(person)).toEqual([]);
  await takeOne(person);
  await button(person, "Use shipped model").click();
  await waitFor(person, "Shipped model in use.");
  await person.press("r");
  await person.offered();
  await takeOne(person);
  expect(await takenFrom(image)).toEqual([names.shipped, names.own, names.shipped]);
  expect(new Set(Object.values(names)).size).toBe(2);
  await button(person, "Use adapted model").click();
  await waitFor(person, "Adapted model in use.");
  // One more fails: the model that there is proposes as before, and one can still go back.
  await button(person, "Adapt again").click();
  await button(person, "Start").click();
  await expect.poll(() => training.seen).toHaveLength(2);
  training.fail(new UsageError("No space is left on the disk."));
  await waitFor(person, "Not adapted. No space is left on the disk.");
  await waitFor(person, "Adapted model in use.");
  expect(await violations(person)).toEqual([]);
  await button(person, "Use shipped model").click();
  await waitFor(person, "Shipped model in use.");
  expect(screen.complaints).toEqual([]);
});

/** A page on which something is drawn, so that there is something to adapt to. */
async function drawn() {
  const training = new Training();
  const { address } = await generalPage({ hasEncoder: false, adapt: training.adapt });
  const screen = await Screen.open();
  const person = await screen.visit(address);
  await person.page.waitForSelector(".dial");
  await person.draw("left", ...INSIDE);
  await person.offered();
  return { training, address, screen, person };
}

test("by keyboard it is begun and stopped, and the focus goes on with what comes", async () => {
  const { screen, person } = await drawn();
  await button(person, "Adapt to these images").focus();
  const focused = (name: string) =>
    person.page.waitForFunction((expected) => document.activeElement?.textContent === expected, name);
  await person.press("Enter");
  await focused("Start");
  await person.press("Enter");
  await focused("Stop");
  await person.press("Enter");
  await focused("Adapt to these images");
  expect(await person.page.locator(".unseen").textContent()).toBe("Stopped. The model is as it was.");
  expect(screen.complaints).toEqual([]);
});

test("why it failed is told, it is tried again, and a page that is opened meanwhile sees how far it is", async () => {
  const { training, address, screen, person } = await drawn();
  await button(person, "Adapt to these images").click();
  await button(person, "Start").click();
  await waitFor(person, "Adapting to 1 image");
  await expect.poll(() => training.seen).toHaveLength(1);
  training.fail(new UsageError("scan.png has work on label 7, which tendril.json does not list."));
  await waitFor(person, "Not adapted. scan.png has work on label 7");
  await button(person, "Try again").click();
  await button(person, "Start").click();
  await waitFor(person, "Adapting to 1 image");
  const other = await screen.visit(address);
  await other.waitForStatus("read-only");
  await waitFor(other, "Adapting to 1 image");
  // Who only looks on neither begins nor stops it.
  expect(await line(other).getByRole("button").count()).toBe(0);
  await button(person, "Stop").click();
  await line(other).waitFor({ state: "detached" });
  expect(screen.complaints).toEqual([]);
});

test("a tab that comes to the front again proposes with the model that another one has made meanwhile", async () => {
  const { training, address, screen, person } = await drawn();
  const other = await screen.visit(address);
  await other.waitForStatus("read-only");
  expect(await line(other).count()).toBe(0);
  /** Until a page has a model sent, which its worker asks for. */
  const loads = () => screen.context.waitForEvent("request", (request) => /weights\.safetensors/.test(request.url()));
  const front = () => other.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  // Adapted once more, it is another model, although the words are the same.
  for (const [time, name] of ["Adapt to these images", "Adapt again"].entries()) {
    await button(person, name).click();
    await button(person, "Start").click();
    await expect.poll(() => training.seen).toHaveLength(time + 1);
    await Promise.all([loads(), training.succeed()]);
    await waitFor(person, "Adapted model in use.");
    await Promise.all([loads(), front()]);
    await waitFor(other, "Adapted model in use.");
  }
  expect(screen.complaints).toEqual([]);
});
