/** Adapting from the server: the real command as a process of its own, with a model that trains in seconds. */
import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { adaptProcess, pathsOf } from "../../src/cli/adapt-process.ts";
import { filesAt, ImageWork } from "../../src/project/index.ts";
import { CYCLE, readModelFolder, writeModelFolder } from "../../src/train/index.ts";
import { buildCommands, root } from "../built.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { folder, folderWithImage, session } from "../project/made.ts";
import { made } from "../server/made.ts";

/** Steps that nobody waits for. */
const ENDLESS = `${10_000 * CYCLE}`;
const PATIENCE = { timeout: 40_000 };

beforeAll(buildCommands);

/** An annotated image, where the project's own model is to be, options that begin with a tiny one, and what the command keeps on the way. */
async function place() {
  const { image, folder: project } = await folderWithImage();
  const work = await ImageWork.open(image);
  await work.append(0, session(2, 30).actions);
  await work.close();
  const tiny = join(await folder(), "tiny");
  const { card, weights } = randomModel(1, PLAIN);
  const { name, kind, steps, dataSha256, config, runtime } = card;
  await writeModelFolder(tiny, weights, { name, kind, seed: 1, steps, dataSha256, config, runtime });
  const temporary = await folder();
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  const left = () => readdirSync(temporary).filter((name) => name.startsWith("tendril-adapt-"));
  return { image, own: join(project, "tendril-model"), from: ["--from", tiny], left };
}

test("the command trains as a child, tells its steps, and the server then proposes with what it has made", async () => {
  const { image, own, from, left } = await place();
  const heard: [number, number][] = [];
  const real = adaptProcess(own, [...from, "--steps", `${CYCLE}`]);
  const adapting = {
    models: { named: null, shipped: "none", own },
    train: ((images, onProgress, signal) => {
      const listen = (done: number, total: number) => {
        heard.push([done, total]);
        onProgress(done, total);
      };
      return real(images, listen, signal);
    }) satisfies typeof real,
  };
  const { ask } = await made([image], {}, adapting);
  const report = async () => (await ask("GET", "/api/adaptation")).json();
  expect((await ask("POST", "/api/adaptation")).statusCode).toBe(200);
  await expect.poll(async () => (await report()).state, PATIENCE).not.toBe("running");
  expect(await report()).toMatchObject({ state: "done", isAdapted: true });
  expect(heard).toEqual(Array.from({ length: CYCLE }, (_, i) => [i + 1, CYCLE]));
  const { card } = await readModelFolder(own);
  expect(card).toMatchObject({ name: "adapted", steps: CYCLE });
  expect((await ask("GET", "/models/model.json")).json()).toEqual(card);
  expect(left()).toEqual([]);
});

test("one that is stopped leaves nothing behind", async () => {
  const { image, own, from, left } = await place();
  const stop = new AbortController();
  const begun = vi.fn();
  const ended = adaptProcess(own, [...from, "--steps", ENDLESS])([filesAt(image)], begun, stop.signal);
  ended.catch(() => undefined);
  await expect.poll(() => begun.mock.calls.length, PATIENCE).toBeGreaterThan(1);
  expect(left()).toHaveLength(1);
  stop.abort();
  await expect(ended).rejects.toThrow();
  expect(left()).toEqual([]);
  expect(existsSync(own)).toBe(false);
});

test("it ends with the process that has started it, however that ends", async () => {
  const { image, own, from, left } = await place();
  const parent = join(await folder(), "parent.mjs");
  const module = join(root, "dist/src/cli/adapt-process.js");
  const given = JSON.stringify({ module, own, options: [...from, "--steps", ENDLESS], files: filesAt(image) });
  await writeFile(
    parent,
    `const { module, own, options, files } = ${given};
    const { adaptProcess } = await import(module);
    await adaptProcess(own, options)([files], (done) => console.log(done), new AbortController().signal);`,
  );
  const running = spawn(process.execPath, [parent], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void running.kill("SIGKILL"));
  await new Promise((done) => running.stdout.once("data", done));
  expect(left()).toHaveLength(1);
  running.kill("SIGKILL");
  await expect.poll(left, PATIENCE).toEqual([]);
});

test("an image is named by its file, a series by its folder, and of thousands their folders", () => {
  const series = { paths: ["/a/ct/1.dcm", "/a/ct/2.dcm"], part: 0 } as const;
  const inArchive = { paths: ["/a/study.zip"], part: 0 } as const;
  const images = [filesAt("/a/x.png"), series, filesAt("/b/y.png")];
  expect(pathsOf(images)).toEqual(["/a/x.png", "/a/ct", "/b/y.png"]);
  expect(pathsOf([inArchive])).toEqual(["/a/study.zip"]);
  expect(pathsOf([inArchive, { ...inArchive, part: 1 }])).toEqual(["/a"]);
  const thousands = Array.from({ length: 5000 }, (_, i) => filesAt(`/c/${i}.png`));
  expect(pathsOf([...images, ...thousands])).toEqual(["/a", "/a/ct", "/b", "/c"]);
});

test("why it failed is what the command says, without the folders", async () => {
  const { image, own } = await place();
  const { signal } = new AbortController();
  const nothing = () => undefined;
  await expect(adaptProcess(own, ["--from", "paper"])([filesAt(image)], nothing, signal)).rejects.toThrow(
    /^paper is no general model, and no other can be adapted\.$/,
  );
  await expect(adaptProcess(own)([filesAt(join(dirname(image), "gone.png"))], nothing, signal)).rejects.toThrow(
    /^Can't read gone\.png: it does not exist\./,
  );
});
