/** Adapting the model from the page: what the server tells of it, what it refuses, and which model it serves. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { UsageError } from "../../src/core/index.ts";
import { ImageWork } from "../../src/project/index.ts";
import type { Train } from "../../src/server/index.ts";
import { folder, folderWithImage, GRID, imageBytes, session } from "../project/made.ts";
import { asOurPage, made, TAB } from "./made.ts";

/** Training whose end is the test's to say. */
class Training {
  paths: string[][] = [];
  onProgress: Parameters<Train>[1] = () => undefined;
  succeed: () => void = () => undefined;
  fail: (error: Error) => void = () => undefined;

  readonly train: Train = (images, onProgress, signal) =>
    new Promise((succeed, fail) => {
      this.paths = images.map(({ paths }) => [...paths]);
      Object.assign(this, { onProgress, succeed, fail });
      signal.addEventListener("abort", () => fail(new Error("stopped")));
    });
}

/** Three images, of which the first two are annotated: one by this server, one before it started. */
async function annotated({ named = null, hasOwn = false }: { named?: string | null; hasOwn?: boolean } = {}) {
  const place = await folderWithImage("a.png");
  for (const [i, name] of ["b.png", "c.png"].entries())
    await writeFile(join(place.folder, name), imageBytes(GRID, i + 2));
  const before = await ImageWork.open(join(place.folder, "b.png"));
  await before.append(0, session(1, 5).actions);
  await before.close();
  const models = { named, shipped: join(await folder(), "shipped"), own: join(place.folder, "tendril-model") };
  for (const [path, card] of [
    [models.shipped, "the shipped model"],
    [models.own, "the project's own"],
    ...(named ? [[named, "the named one"]] : []),
  ]) {
    await mkdir(path);
    await writeFile(join(path, "model.json"), JSON.stringify(card));
  }
  const training = new Training();
  const clock = { now: 0 };
  const adapting = { models, hasOwn, train: training.train, now: () => clock.now };
  const server = await made([place.folder], {}, adapting);
  const [{ id }] = server.images.list();
  await server.ask("POST", `/api/images/${id}/session`, { tab: TAB });
  await server.ask("POST", `/api/images/${id}/actions`, { tab: TAB, after: 0, actions: session(2, 4).actions });
  const report = async () => (await server.ask("GET", "/api/adaptation")).json();
  const until = async (state: string) => {
    await expect.poll(async () => (await report()).state).toBe(state);
    return report();
  };
  const card = async () => (await server.ask("GET", "/models/model.json")).json();
  return { ...server, ...place, training, clock, report, until, card };
}

const IDLE = {
  ...{ state: "none", done: 0, total: 0, secondsLeft: null, images: 2 },
  ...{ hasOwn: false, isAdapted: false, isNamed: false, modelChanges: 0 },
};
const refusal = (code: string, message: RegExp) => ({ error: { code, message: expect.stringMatching(message) } });

test("it is told how many images are annotated, then how far it is, then that the own model proposes", async () => {
  const { ask, folder, training, clock, report, until, card } = await annotated();
  expect(await report()).toEqual(IDLE);
  expect(await card()).toBe("the shipped model");
  const started = await ask("POST", "/api/adaptation");
  expect([started.statusCode, started.json()]).toEqual([200, { ...IDLE, state: "running" }]);
  expect(training.paths).toEqual([[join(folder, "a.png")], [join(folder, "b.png")]]);
  clock.now = 20_000;
  training.onProgress(1, 11);
  expect(await report()).toMatchObject({ state: "running", done: 1, total: 11, secondsLeft: null });
  // The first step is not counted: two more took 6 s, and 8 are left, of which one second has passed.
  clock.now = 26_000;
  training.onProgress(3, 11);
  clock.now = 27_000;
  expect(await report()).toMatchObject({ done: 3, total: 11, secondsLeft: 23, images: 2 });
  expect(await card()).toBe("the shipped model");
  training.succeed();
  expect(await until("done")).toEqual({ ...IDLE, state: "done", hasOwn: true, isAdapted: true, modelChanges: 1 });
  expect(await card()).toBe("the project's own");
});

test("none but our own page, with the token, starts, stops, chooses or hears of it", async () => {
  const { server, training, report } = await annotated({ hasOwn: true });
  for (const [method, url, body] of [
    ["GET", "/api/adaptation"],
    ["POST", "/api/adaptation"],
    ["DELETE", "/api/adaptation"],
    ["POST", "/api/adaptation/model", { own: false }],
  ] as const) {
    const ours = asOurPage(method, url, body);
    const without = { ...ours.headers, "x-tendril-token": "" };
    const foreign = { ...ours.headers, origin: "http://evil.example" };
    expect((await server.inject({ ...ours, headers: without })).statusCode).toBe(401);
    expect((await server.inject({ ...ours, headers: foreign })).statusCode).toBe(403);
  }
  expect(training.paths).toEqual([]);
  expect(await report()).toMatchObject({ state: "none", isAdapted: true });
});

test("a second one is refused while one runs, and the first goes on", async () => {
  const { ask, training, report, until } = await annotated();
  await ask("POST", "/api/adaptation");
  const second = await ask("POST", "/api/adaptation");
  expect([second.statusCode, second.json()]).toEqual([409, refusal("adapting", /already\. Wait .*\.$/)]);
  expect((await report()).state).toBe("running");
  training.succeed();
  await until("done");
  expect((await ask("POST", "/api/adaptation")).json().state).toBe("running");
});

test("where no image has annotations nothing is started", async () => {
  const { image } = await folderWithImage();
  const { ask } = await made([image]);
  const refused = await ask("POST", "/api/adaptation");
  expect([refused.statusCode, refused.json()]).toEqual([409, refusal("not-annotated", /^No image has .*\.$/)]);
  expect((await ask("GET", "/api/adaptation")).json()).toEqual({ ...IDLE, images: 0 });
});

test("one that is stopped has ended when that is answered, leaves the model as it was, and may be started again", async () => {
  const { ask, report, card } = await annotated();
  await ask("POST", "/api/adaptation");
  const stopped = { ...IDLE, state: "stopped" };
  expect((await ask("DELETE", "/api/adaptation")).json()).toEqual(stopped);
  expect(await report()).toEqual(stopped);
  expect(await card()).toBe("the shipped model");
  expect((await ask("DELETE", "/api/adaptation")).json()).toEqual(stopped);
  expect((await ask("POST", "/api/adaptation")).json().state).toBe("running");
});

test("one that fails says why, and the model stays as it was", async () => {
  const { ask, training, until, card } = await annotated();
  await ask("POST", "/api/adaptation");
  training.fail(new UsageError("a.png has work on label 7, which tendril.json does not list."));
  const message = "a.png has work on label 7, which tendril.json does not list.";
  expect(await until("failed")).toEqual({ ...IDLE, state: "failed", message });
  expect(await card()).toBe("the shipped model");
});

test("a defect is told to the terminal, and the page says that it is one", async () => {
  const { image } = await folderWithImage();
  const work = await ImageWork.open(image);
  await work.append(0, session(1, 5).actions);
  await work.close();
  const defects: unknown[] = [];
  const defect = new RangeError("not for the page");
  const train = () => Promise.reject(defect);
  const { ask } = await made([image], {}, { train, onDefect: (error) => defects.push(error) });
  await ask("POST", "/api/adaptation");
  await expect.poll(async () => (await ask("GET", "/api/adaptation")).json().state).toBe("failed");
  expect((await ask("GET", "/api/adaptation")).json().message).toMatch(/^Something in Tendril broke; the terminal/);
  expect(defects).toEqual([defect]);
});

test("the annotator goes back to the shipped model and forth, and the project's own is what a start begins with", async () => {
  const { ask, report, card } = await annotated({ hasOwn: true });
  expect(await report()).toMatchObject({ state: "none", hasOwn: true, isAdapted: true });
  expect(await card()).toBe("the project's own");
  const back = (await ask("POST", "/api/adaptation/model", { own: false })).json();
  expect(back).toMatchObject({ hasOwn: true, isAdapted: false, modelChanges: 1 });
  expect(await card()).toBe("the shipped model");
  const forth = [
    await ask("POST", "/api/adaptation/model", { own: true }),
    await ask("POST", "/api/adaptation/model", { own: true }),
  ];
  expect(forth.map((answer) => answer.json())).toMatchObject(Array(2).fill({ isAdapted: true, modelChanges: 2 }));
  expect(await card()).toBe("the project's own");
  expect((await ask("POST", "/api/adaptation/model", { own: 1 })).statusCode).toBe(400);
});

test("there is no going to a model of its own that a project does not have", async () => {
  const { ask, card } = await annotated();
  const refused = await ask("POST", "/api/adaptation/model", { own: true });
  expect([refused.statusCode, refused.json()]).toEqual([409, refusal("no-own-model", /^There is no adapted model/)]);
  expect(await card()).toBe("the shipped model");
});

test("a model that was named proposes whatever is made beside it", async () => {
  const { ask, training, until, card } = await annotated({ named: join(await folder(), "named") });
  await ask("POST", "/api/adaptation");
  training.succeed();
  expect(await until("done")).toMatchObject({ hasOwn: true, isAdapted: false, isNamed: true, modelChanges: 0 });
  expect(await card()).toBe("the named one");
  const refused = await ask("POST", "/api/adaptation/model", { own: true });
  expect([refused.statusCode, refused.json()]).toEqual([409, refusal("named-model", /--model/)]);
});
