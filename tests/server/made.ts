/** A server on images made up for the test, asked without a network, as our own page would ask. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from "fastify";
import { expect, onTestFinished } from "vitest";
import {
  Adaptation,
  type AdaptationOptions,
  createServer,
  Desk,
  DropFolder,
  ImageCollection,
  type ServerOptions,
} from "../../src/server/index.ts";
import { folder } from "../project/made.ts";

export const TOKEN = "the-token-of-this-start";
export const PORT = 7878;
export const HOST = `127.0.0.1:${PORT}`;
export const TAB = "0b0f7c3e-6f0c-4f0e-9a43-1f6c5b1f5a01";
export const OTHER_TAB = "0b0f7c3e-6f0c-4f0e-9a43-1f6c5b1f5a02";

export interface Made {
  readonly server: FastifyInstance;
  readonly images: ImageCollection;
  readonly drops: string;
  /** Milliseconds; put forward by the test. */
  readonly clock: { now: number };
  readonly ask: (method: "GET" | "POST" | "DELETE", url: string, body?: object) => Promise<LightMyRequestResponse>;
}

export async function made(
  paths: readonly string[],
  more: Partial<ServerOptions> = {},
  adapting: Partial<AdaptationOptions> = {},
): Promise<Made> {
  const place = await folder();
  const page = join(place, "app");
  await mkdir(join(page, "assets"), { recursive: true });
  await writeFile(join(page, "index.html"), "<!doctype html><title>Tendril</title>");
  await writeFile(join(page, "assets", "main.js"), "export {};");
  await mkdir(join(place, "model"));
  await writeFile(join(place, "model", "model.json"), "{}");
  await writeFile(join(place, "model", "notes.txt"), "not to be served");
  await writeFile(join(place, "secret.txt"), "not to be served");
  const images = new ImageCollection();
  for (const path of paths) await images.addPath(path);
  const clock = { now: 1000 };
  const drops = join(place, "drops");
  const desk = new Desk(() => clock.now);
  const onDefect = (error: unknown) => expect.fail(`a defect: ${error}`);
  const adaptation = new Adaptation({
    ...{ images, desk, onDefect, hasOwn: false },
    train: () => expect.fail("nothing is to be trained"),
    models: { named: null, shipped: join(place, "model"), own: join(place, "tendril-model") },
    ...adapting,
  });
  const options: ServerOptions = {
    ...{ images, desk, adaptation, onDefect },
    drops: new DropFolder(drops),
    project: { name: "drops", folder: "~/drops" },
    token: TOKEN,
    page,
    model: () => adaptation.model(),
    segmenter: null,
    ...more,
  };
  const server = createServer(options, () => PORT);
  onTestFinished(async () => {
    await server.close();
    await adaptation.stop();
    await desk.close();
  });
  return { server, images, drops, clock, ask: (...request) => server.inject(asOurPage(...request)) };
}

export function asOurPage(method: "GET" | "POST" | "DELETE", url: string, body?: object): InjectOptions {
  const headers = { host: HOST, origin: `http://${HOST}`, "x-tendril-token": TOKEN };
  return { method, url, headers, ...(body ? { payload: body } : {}) };
}
