/** The real command as a process of its own: what it says, its exit code, and that no stack trace is ever shown. */
import { chmod, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { writeModelFolder } from "../../src/train/index.ts";
import { buildCommands, type Finished, finished, root, type StartOptions, startNode, tendril } from "../built.ts";
import { png } from "../image/png.ts";
import { PLAIN, randomModel } from "../model/general-models.ts";
import { folder, folderWithImage, imageBytes, session } from "../project/made.ts";

const TAB = "0b0f7c3e-6f0c-4f0e-9a43-1f6c5b1f5a01";

beforeAll(buildCommands);

interface Running {
  readonly port: number;
  readonly ask: (method: string, path: string, body?: object | Uint8Array) => Promise<Response>;
  /** As Ctrl+C, or as a power cut. */
  readonly end: (signal: "SIGINT" | "SIGKILL") => Promise<Finished>;
}

async function annotate(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  options: StartOptions = {},
): Promise<Running> {
  const home = await folder();
  const child = startNode([join(root, "bin/tendril.mjs"), "annotate", "--no-open", ...args], {
    ...options,
    env: { ...process.env, HOME: home, ...env },
  });
  const end = finished(child);
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout?.once("data", (data) => resolve(`${data}`));
    end.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)), reject);
  });
  const [, port, token] = line.match(/^http:\/\/127\.0\.0\.1:(\d+)\/#token=([\w-]{43})\n$/)!;
  const origin = `http://127.0.0.1:${port}`;
  return {
    port: Number(port),
    ask: (method, path, body) =>
      fetch(origin + path, {
        method,
        headers: {
          origin,
          "x-tendril-token": token,
          "content-type": body instanceof Uint8Array ? "application/octet-stream" : "application/json",
        },
        ...(body === undefined ? {} : { body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) }),
      }),
    end(signal) {
      child.kill(signal);
      return end;
    },
  };
}

/** The command ends with this code and one clear sentence on standard error, and nothing else. */
async function expectRefusal(
  args: readonly string[],
  code: number,
  sentence: RegExp,
  options: StartOptions = {},
): Promise<void> {
  const result = await tendril(["annotate", "--no-open", ...args], options);
  expect(result.stderr).toMatch(sentence);
  expect(result).toMatchObject({ code, stdout: "" });
  expect(result.stderr).not.toMatch(/^\s+at |defect|node:internal|\[object/m);
}

test("an image is served under a token, saved beside, and Ctrl+C ends it cleanly", async () => {
  const { folder, image } = await folderWithImage();
  const { ask, end } = await annotate(["--port", "0", image]);
  const { project, folder: dropped, images } = await (await ask("GET", "/api/images")).json();
  expect([project, dropped]).toEqual([basename(folder), folder]);
  expect(images).toEqual([{ id: expect.any(String), name: "scan.png", actions: 0 }]);
  const [{ id }] = images;
  await ask("POST", `/api/images/${id}/session`, { tab: TAB });
  const actions = session(1, 5).actions;
  expect(await (await ask("POST", `/api/images/${id}/actions`, { tab: TAB, after: 0, actions })).json()).toEqual({
    saved: 5,
  });
  expect(await end("SIGINT")).toMatchObject({ code: 0, stderr: "1 image. Ctrl+C stops.\n" });
  expect((await readdir(folder)).sort()).toEqual(["labels", "scan.png", "tendril.json"]);
});

test("a project's own model proposes, unless it is damaged or another is named", async () => {
  const { folder, image } = await folderWithImage();
  const own = join(folder, "tendril-model");
  const served = async (...args: string[]) => {
    const { ask, end } = await annotate(["--port", "0", ...args, image]);
    const { name } = await (await ask("GET", "/models/model.json")).json();
    return [name, (await end("SIGINT")).stderr];
  };
  expect(await served()).toEqual(["general", "1 image. Ctrl+C stops.\n"]);
  const { card, weights } = randomModel(1, PLAIN);
  const { format: _, parameters: __, weightsSha256: ___, ...facts } = card;
  await writeModelFolder(own, weights, { ...facts, name: "adapted" });
  expect(await served()).toEqual([
    "adapted",
    expect.stringMatching(/^Candidates come from this project's own model, .*tendril-model\.\n1 image\./),
  ]);
  expect(await served("--model", "small")).toEqual(["small", "1 image. Ctrl+C stops.\n"]);
  const file = join(own, "weights.safetensors");
  const bytes = await readFile(file);
  bytes[bytes.length - 4] ^= 1;
  await writeFile(file, bytes);
  expect(await served()).toEqual([
    "general",
    expect.stringMatching(/^not used .*does not match the checksum.*shipped model\.\n1 image\./),
  ]);
  await expectRefusal(["--model", own, image], 1, /^error tendril-model\/weights\.safetensors does not match/);
});

test("killing the server loses no action that it said was saved", async () => {
  const { image } = await folderWithImage();
  const { actions } = session(2, 400);
  let saved = 0;
  for (const delay of [5, 80]) {
    const { ask, end } = await annotate(["--port", "0", image]);
    const { images } = await (await ask("GET", "/api/images")).json();
    const url = `/api/images/${images[0].id}`;
    const opened = await (await ask("POST", `${url}/session`, { tab: TAB })).json();
    expect(opened.actions.length).toBeGreaterThanOrEqual(saved);
    expect(opened.actions).toEqual(actions.slice(0, opened.actions.length));
    saved = opened.actions.length;
    const before = saved;
    for (let answer: Response | null = null; saved < actions.length; saved = (await answer.json()).saved) {
      const body = { tab: TAB, after: saved, actions: [actions[saved]] };
      answer = await ask("POST", `${url}/actions`, body).catch(() => null);
      if (!answer) break;
      if (saved === before) setTimeout(() => void end("SIGKILL"), delay);
    }
    expect(saved).toBeGreaterThan(before);
    await end("SIGKILL");
  }
});

test("without a path, dropped files go to the folder Tendril in the home folder and are there at the next start", async () => {
  const home = await folder();
  const first = await annotate(["--port", "0"], { HOME: home });
  expect(await (await first.ask("GET", "/api/images")).json()).toEqual({
    project: "Tendril",
    folder: "~/Tendril",
    images: [],
    refused: [],
  });
  const { id } = await (await first.ask("POST", "/api/images?name=scan.png", imageBytes())).json();
  expect((await first.end("SIGINT")).stderr).toBe("No image yet: drop some on the page. Ctrl+C stops.\n");
  expect(await readdir(join(home, "Tendril"))).toEqual(["scan.png"]);
  const second = await annotate(["--port", "0"], { HOME: home });
  expect((await (await second.ask("GET", "/api/images")).json()).images).toEqual([
    { id, name: "scan.png", actions: 0 },
  ]);
  await second.end("SIGINT");
});

test("files that are no images are named, and the others open", async () => {
  const { folder, image } = await folderWithImage();
  await writeFile(join(folder, "notes.png"), "Not an image.\n");
  await writeFile(join(folder, "half.png"), (await readFile(image)).subarray(0, 500));
  const { ask, end } = await annotate(["--port", "0", folder, "--project", folder]);
  const { images, refused } = await (await ask("GET", "/api/images")).json();
  expect(images.map(({ name }: { name: string }) => name)).toEqual(["scan.png"]);
  expect(refused.map(({ name }: { name: string }) => name)).toEqual(["half.png", "notes.png"]);
  const { code, stderr } = await end("SIGINT");
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^not opened half\.png is a PNG that is cut short.*\nnot opened notes\.png is a text file.*\n1 image\./,
  );
});

describe("what cannot be opened is said in one sentence, with exit code 1 and no trace", () => {
  test("a text file named .png", async () => {
    const place = await folder();
    await writeFile(join(place, "notes.png"), "Not an image.\n");
    const sentence = /^error notes\.png is a text file, which is not opened here\. .*\n$/;
    await expectRefusal([join(place, "notes.png")], 1, sentence);
    await expectRefusal([place], 1, sentence);
    expect(await readdir(place)).toEqual(["notes.png"]);
  });

  test("a PNG that is cut short, damaged, or claims 60,000 x 60,000 pixels", async () => {
    const { folder, image } = await folderWithImage();
    const whole = await readFile(image);
    await writeFile(image, whole.subarray(0, whole.length - 5));
    await expectRefusal(
      [image],
      1,
      /^error scan\.png is a PNG that is cut short: it ends at byte \d+.*\. Copy or export the file again\.\n$/,
    );
    const damaged = Buffer.from(whole);
    damaged[60] ^= 1;
    await writeFile(image, damaged);
    await expectRefusal([folder], 1, /^error scan\.png is a damaged PNG: the checksum at byte \d+ is wrong\. .*\n$/);
    await writeFile(image, png({ width: 60_000, height: 60_000, filtered: new Uint8Array(100) }));
    await expectRefusal(
      [image],
      1,
      /^error scan\.png claims 60000 x 60000 pixels, and 67108864 .* is the limit\. .*\n$/,
    );
    expect(await readdir(folder)).toEqual(["scan.png"]);
  });

  test("an empty folder", async () => {
    const place = await folder();
    await expectRefusal(
      [place],
      1,
      /^error .* holds no images\. Name the folder that has the images directly in it; .*\n$/,
    );
  });

  test("a path that does not exist", async () => {
    const place = await folder();
    await expectRefusal(
      [join(place, "none.png")],
      1,
      /^error Can't read .*none\.png: it does not exist\. Check the spelling and the folder\.\n$/,
    );
  });

  test.skipIf(process.platform === "win32")("a folder and a file without permission", async () => {
    const { folder: place, image } = await folderWithImage();
    const bound = { isBound: true };
    await chmod(image, 0);
    await expectRefusal([image], 1, /^error Can't read .*scan\.png: permission denied\. .*\n$/, bound);
    await chmod(place, 0);
    onTestFinished(() => chmod(place, 0o700));
    await expectRefusal(
      [place],
      1,
      /^error Can't read .*: permission denied\. Change the permissions, or choose another place\.\n$/,
      bound,
    );
  });

  test("a file in the place of the project folder", async () => {
    const { image } = await folderWithImage();
    await expectRefusal(
      ["--project", image],
      1,
      /^error Can't keep dropped images in .*scan\.png: it is a file\. .*--project\.\n$/,
    );
  });

  test("a port in use that was asked for", async () => {
    const { image } = await folderWithImage();
    const taken = await occupied(0);
    const { port } = taken.address() as { port: number };
    await expectRefusal(
      [image, "--port", `${port}`],
      1,
      new RegExp(`^error Port ${port} is in use .*--port 0 for any free one\\.\n$`),
    );
  });
});

test("a port in use that was not asked for is replaced by a free one", async () => {
  const { image } = await folderWithImage();
  // Whether this test takes it or somebody else has it: it is in use.
  await occupied(7878).catch(() => null);
  const { port, ask, end } = await annotate([image]);
  expect(port).not.toBe(7878);
  expect((await ask("GET", "/api/images")).status).toBe(200);
  expect((await end("SIGINT")).code).toBe(0);
});

test("a wrong option ends with exit code 2 and says what would be right", async () => {
  await expectRefusal(["--port", "70000"], 2, /Give a whole number from 0 to 65535\./);
  await expectRefusal(["--colour"], 2, /unknown option '--colour'/);
});

test.skipIf(process.platform === "win32")(
  "where nothing may be written the image opens, a stroke is told why it is not saved, and later it is",
  async () => {
    const { folder: place, image } = await folderWithImage();
    await chmod(place, 0o555);
    onTestFinished(() => chmod(place, 0o700));
    const { ask, end } = await annotate(["--port", "0", image], {}, { isBound: true });
    const { images } = await (await ask("GET", "/api/images")).json();
    const url = `/api/images/${images[0].id}`;
    expect((await (await ask("POST", `${url}/session`, { tab: TAB })).json()).writer).toBe(true);
    const body = { tab: TAB, after: 0, actions: session(1, 3).actions };
    const refused = await ask("POST", `${url}/actions`, body);
    expect(refused.status).toBe(500);
    expect((await refused.json()).error.message).toMatch(/^Can't write .*labels: permission denied\. Change the/);
    await chmod(place, 0o755);
    expect(await (await ask("POST", `${url}/actions`, body)).json()).toEqual({ saved: 3 });
    expect((await end("SIGINT")).code).toBe(0);
  },
);

async function occupied(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return server;
}
