/** How long the app takes for a volume, and how much memory: a server and a browser of its own for each opening. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { withPage } from "../tests/browser.ts";

const COMMAND = fileURLToPath(new URL("../../bin/tendril.mjs", import.meta.url));
/** Milliseconds. */
const PATIENCE = 120_000;
/** Milliseconds after which what was begun in the background is done. */
const REST = 2000;
const STEPS = 60;
const PLANES = ["axial", "coronal", "sagittal"] as const;

export interface AppOpening {
  /** Seconds from choosing it to its first picture, and to when it can be worked on */
  readonly first: number;
  readonly all: number;
  /** Largest that the page's process was, its workers with it, and the server's */
  readonly pageMiB: number;
  readonly serverMiB: number;
}

/** Milliseconds that the page's thread computes for a step to the next slice, at the key and to draw. */
export interface Steps {
  readonly plane: string;
  readonly median: number;
  readonly p95: number;
}

/**
 * @param folder  holds a small image, which is opened first, and the volume
 * @param name    of the volume in the list
 */
export function openInApp(folder: string, name: string): Promise<AppOpening> {
  return inApp(folder, async (page, server) => {
    const { first, all } = await page.evaluate(choose, name);
    const pids = await renderers(page);
    const pageMiB = Math.max(...(await Promise.all(pids.map(peakMiB))));
    return { first: first / 1000, all: all / 1000, pageMiB, serverMiB: await peakMiB(server.pid!) };
  });
}

/** Steps in all three planes, and through slices that have labels; milliseconds. */
export function stepInApp(folder: string, name: string): Promise<Steps[]> {
  return inApp(folder, async (page) => {
    await page.evaluate(choose, name);
    const found: Steps[] = [];
    for (const plane of PLANES) {
      await page.waitForTimeout(REST);
      found.push({ plane, ...(await page.evaluate(step, STEPS)) });
      await page.keyboard.press("a");
    }
    await page.keyboard.press("b");
    for (const apart of [0, 20]) {
      for (let i = 0; i < apart; i++) await page.keyboard.press("ArrowDown");
      await stroke(page);
      await page.keyboard.press("Enter");
    }
    await page.keyboard.press("i");
    await page.waitForSelector("text=Filled slices");
    for (let i = 0; i < 20; i++) await page.keyboard.press("ArrowUp");
    await page.waitForTimeout(REST);
    found.push({ plane: "axial, with labels", ...(await page.evaluate(step, 20)) });
    return found;
  });
}

async function inApp<T>(folder: string, use: (page: Page, server: ChildProcess) => Promise<T>): Promise<T> {
  const server = spawn(process.execPath, [COMMAND, "annotate", folder, "--no-open", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const address = await new Promise<string>((done, failed) => {
      let said = "";
      server.stdout!.on("data", (data) => {
        said += data;
        if (said.includes("\n")) done(said.split("\n")[0]);
      });
      server.on("exit", (code) => failed(new Error(`The command ended with ${code}.`)));
    });
    return await withPage(async (page) => {
      page.setDefaultTimeout(PATIENCE);
      await page.setViewportSize({ width: 1280, height: 720 });
      await page.goto(address);
      await page.waitForSelector(".save[data-status='saved']");
      await page.waitForTimeout(REST);
      return use(page, server);
    });
  } finally {
    server.kill();
  }
}

/** In the page: chooses an image and waits for it; milliseconds. */
async function choose(name: string): Promise<{ first: number; all: number }> {
  const select = document.querySelector("select")!;
  const option = [...select.options].find(({ textContent }) => textContent?.endsWith(name));
  const frames = async (until: () => boolean) => {
    while (!until()) {
      if (document.querySelector(".refused")) throw new Error(document.querySelector(".refused")!.textContent!);
      await new Promise(requestAnimationFrame);
    }
    // It is drawn in the frame after, and on the screen at the one after that.
    for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
    return performance.now() - start;
  };
  const start = performance.now();
  select.value = option!.value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
  const first = await frames(() => document.querySelector(".page.volume") !== null);
  const all = await frames(() => document.querySelector(".stage")!.ariaLabel!.startsWith(name));
  return { first, all };
}

/** In the page. */
async function step(count: number): Promise<{ median: number; p95: number }> {
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
  const at = (share: number) => spent[Math.floor(share * (count - 1))];
  return { median: at(0.5), p95: at(0.95) };
}

async function stroke(page: Page): Promise<void> {
  const { x, y, width, height } = (await page.locator(".pen").boundingBox())!;
  await page.mouse.move(x + 0.4 * width, y + 0.4 * height);
  await page.mouse.down();
  for (const [px, py] of [
    [0.6, 0.4],
    [0.6, 0.6],
    [0.4, 0.6],
  ])
    await page.mouse.move(x + px * width, y + py * height, { steps: 6 });
  await page.mouse.up();
}

async function renderers(page: Page): Promise<number[]> {
  const session = await page.context().browser()!.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  return processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
}

/** Of a process, as Linux counts it. */
async function peakMiB(pid: number): Promise<number> {
  const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) / 1024;
}
