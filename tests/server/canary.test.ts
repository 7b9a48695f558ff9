/** P6 of the server: no answer's head, no reason for a refusal and no line that it prints holds a text of a file, or the name of a folder. */
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { LightMyRequestResponse } from "fastify";
import { expect, onTestFinished, test, vi } from "vitest";
import { canaries, contentOf } from "../image/canaries.ts";
import { found } from "../image/loaded.ts";
import { folder } from "../project/made.ts";
import { asOurPage, made, TAB } from "./made.ts";

const { files: FILES, own, plant, texts: all } = canaries("S");
const FOLDER = plant();
const texts = all();

/** The last name of a folder is one of the texts. */
async function place(): Promise<string> {
  const path = join(await folder(), FOLDER);
  await mkdir(path);
  return path;
}

/** Whatever is printed while the test runs. */
function printed(): string[] {
  const lines: string[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    const spy = vi.spyOn(stream, "write").mockImplementation((text) => lines.push(`${text}`) > 0);
    onTestFinished(() => spy.mockRestore());
  }
  for (const kind of ["log", "info", "warn", "error", "debug"] as const) {
    const spy = vi.spyOn(console, kind).mockImplementation((...said) => void lines.push(said.join(" ")));
    onTestFinished(() => spy.mockRestore());
  }
  return lines;
}

const headOf = ({ headers, statusCode, statusMessage }: LightMyRequestResponse) =>
  JSON.stringify([statusCode, statusMessage, headers]);

test("an annotator's requests and many that are refused", async () => {
  const path = await place();
  for (const [name, bytes] of Object.entries(FILES)) {
    writeFileSync(join(path, name), bytes);
    writeFileSync(join(path, `half-${name}`), bytes.subarray(0, bytes.length >> 1));
  }
  const lines = printed();
  const { server, ask, images, drops } = await made([path]);
  const said: string[] = [];
  const masks: Buffer[] = [];
  /** @param isFile  whether the body is the image's own bytes, which are meant to go out */
  const heard = async (response: Promise<LightMyRequestResponse>, isFile = false) => {
    const answer = await response;
    said.push(headOf(answer), ...(isFile ? [] : [answer.body]));
    return answer;
  };
  const statuses = new Set<number>();
  for (const { id } of images.list()) {
    const url = `/api/images/${id}`;
    const stroke = { points: [[0, 0]], width: 1 };
    const actions = [{ kind: "brush", mark: "inside", stroke, delta: [1, 1, 0, 7], at: 1 }];
    for (const response of [
      await heard(ask("GET", `${url}/files`)),
      await heard(ask("GET", `${url}/file`), true),
      await heard(ask("POST", `${url}/session`, { tab: TAB })),
      await heard(ask("POST", `${url}/actions`, { tab: TAB, after: 0, actions })),
      await heard(ask("POST", `${url}/actions`, { tab: TAB, after: 9, actions: [] })),
      await heard(ask("POST", `${url}/export`, { tab: TAB })),
    ])
      statuses.add(response.statusCode);
    masks.push((await heard(ask("GET", `${url}/mask`), true)).rawPayload);
  }
  await heard(ask("GET", "/api/images"));
  for (const name of readdirSync(path).filter((one) => /\.\w+$/.test(one) && one !== "tendril.json")) {
    const request = asOurPage("POST", `/api/images?name=dropped-${name}`);
    const headers = { ...request.headers, "content-type": "application/octet-stream" };
    const { statusCode } = await heard(server.inject({ ...request, headers, payload: readFileSync(join(path, name)) }));
    statuses.add(statusCode);
  }
  // Gone and damaged while they are open.
  for (const { id, files } of images.list()) {
    const [file] = files.paths;
    unlinkSync(file);
    for (const what of ["files", "file", "mask"]) await heard(ask("GET", `/api/images/${id}/${what}`));
    await heard(ask("POST", `/api/images/${id}/session`, { tab: TAB }));
    writeFileSync(file, FILES["b.png"].subarray(0, 40));
    await heard(ask("POST", `/api/images/${id}/session`, { tab: TAB }));
    await heard(ask("POST", `/api/images/${id}/export`, { tab: TAB }));
  }
  await heard(ask("GET", "/api/images"));
  await heard(ask("GET", "/api/images/none/file"));

  for (const status of [200, 409, 422]) expect([...statuses]).toContain(status);
  expect(said.join("\n")).toMatch(/does not exist/);
  expect(said.join("\n")).toMatch(/cut short/);
  expect(found([Buffer.from(said.join("\n"))], texts)).toEqual([]);
  expect(found(masks, texts)).toEqual([]);
  expect(lines).toEqual([]);
  expect(readdirSync(drops).length).toBeGreaterThan(5);
  const labels = contentOf(join(path, "labels"));
  expect(labels.length).toBeGreaterThan(30);
  expect(found(labels, texts)).toEqual([]);
});

test("a defect of ours is answered without its text", async () => {
  const told: unknown[] = [];
  const { ask, images } = await made([], { onDefect: (error) => told.push(error) });
  vi.spyOn(images, "list").mockImplementation(() => {
    throw new RangeError(own[0]);
  });
  const answer = await ask("GET", "/api/images");
  expect([answer.statusCode, told.length]).toEqual([500, 1]);
  expect(found([Buffer.from(headOf(answer) + answer.body)], texts)).toEqual([]);
});
