/** An annotator for tests: the real command, a real browser, a mouse and a keyboard. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import axe from "axe-core";
import { encode } from "fast-png";
import { type Browser, type BrowserContext, type BrowserServer, chromium, type Page } from "playwright-core";
import { onTestFinished } from "vitest";
import { root } from "../built.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const CHROMIUM_ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const REAL_IMAGE = join(root, "../shared/data/busi_breast_us/images/10018__orig.png");
/** Milliseconds; the first proposal loads the model, on a busy machine. */
const PATIENCE = 20_000;

/** Builds the command and the page when a source is newer. */
export function buildAll(): void {
  const { status, stderr } = spawnSync(process.execPath, ["scripts/build.mjs"], { cwd: root });
  if (status !== 0) throw new Error(`The build failed: ${stderr}`);
}

/** A folder of the test's own, gone with it. */
export async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tendril-page-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A copy of a real ultrasound image where the data are there, else a drawn one. */
export async function imageIn(path: string, name = "scan.png"): Promise<string> {
  await mkdir(path, { recursive: true });
  const image = join(path, name);
  if (existsSync(REAL_IMAGE)) await copyFile(REAL_IMAGE, image);
  else {
    console.warn(`${REAL_IMAGE} is not there; a drawn image is used.`);
    await writeFile(image, drawnImage(320, 243));
  }
  return image;
}

/** A bright ellipse on a dark ground with some texture. */
export function drawnImage(width: number, height: number): Uint8Array {
  const data = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inside = ((x - width / 2) / (width / 5)) ** 2 + ((y - height / 2) / (height / 4)) ** 2 < 1;
      data[y * width + x] = (inside ? 150 : 60) + ((x * 7 + y * 13 + ((x * y) >> 3)) % 24);
    }
  }
  return encode({ width, height, data, channels: 1, depth: 8 });
}

export interface RunningCommand {
  readonly process: ChildProcess;
  /** What it printed: the page's address with the token. */
  readonly address: string;
  readonly origin: string;
}

/** `tendril annotate ARGS`, as a process of its own that can be killed. */
export async function annotate(args: readonly string[], port = 0): Promise<RunningCommand> {
  const all = ["bin/tendril.mjs", "annotate", ...args, "--no-open", "--port", String(port)];
  const child = spawn(process.execPath, all, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let said = "";
  child.stderr.on("data", (data) => {
    said += data;
  });
  const address = await new Promise<string>((done, failed) => {
    let printed = "";
    child.stdout.on("data", (data) => {
      printed += data;
      if (printed.includes("\n")) done(printed.split("\n")[0]);
    });
    child.on("exit", (code) => failed(new Error(`The command ended with ${code}: ${said}`)));
  });
  return { process: child, address, origin: new URL(address).origin };
}

export function kill(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once("exit", () => done());
    child.kill("SIGKILL");
  });
}

export class Screen {
  readonly server: BrowserServer;
  readonly context: BrowserContext;
  /** Every address that was asked for, in this browser. */
  readonly requests: string[] = [];
  /** Whatever the page complained about. */
  readonly complaints: string[] = [];

  private constructor(server: BrowserServer, context: BrowserContext) {
    this.server = server;
    this.context = context;
    context.on("request", (request) => this.requests.push(request.url()));
    context.on("weberror", (error) => this.complaints.push(error.error().message));
    context.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  static async open(): Promise<Screen> {
    const server = await chromium.launchServer({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
    const browser: Browser = await chromium.connect(server.wsEndpoint());
    onTestFinished(async () => {
      await server.kill();
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 } });
    context.setDefaultTimeout(PATIENCE);
    return new Screen(server, context);
  }

  async visit(address: string): Promise<Annotator> {
    const page = await this.context.newPage();
    await page.goto(address);
    return new Annotator(page);
  }

  kill(): Promise<void> {
    return kill(this.server.process());
  }
}

type Place = readonly [x: number, y: number];

export class Annotator {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async waitForStatus(status: "saved" | "not-saved" | "read-only"): Promise<void> {
    await this.page.waitForSelector(`.save[data-status="${status}"]`);
  }

  /** @param places  shares of the canvas, [0, 1] */
  async draw(button: "left" | "right", ...places: Place[]): Promise<void> {
    const { x, y, width, height } = (await this.page.locator(".pen").boundingBox())!;
    const [first, ...rest] = places.map(([px, py]) => [x + px * width, y + py * height] as const);
    await this.page.mouse.move(...first);
    await this.page.mouse.down({ button });
    for (const place of rest) await this.page.mouse.move(...place, { steps: 6 });
    await this.page.mouse.up({ button });
  }

  /** Drops files or a folder on the image, as the system's file manager does. */
  async drop(...paths: string[]): Promise<void> {
    await this.drag(["dragEnter", "dragOver", "drop"], paths);
  }

  /** The same, begun and not let go. */
  async dragOver(...paths: string[]): Promise<void> {
    await this.drag(["dragEnter", "dragOver"], paths);
  }

  private async drag(types: readonly ("dragEnter" | "dragOver" | "drop")[], files: string[]): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page);
    const data = { items: [], files, dragOperationsMask: 1 };
    for (const type of types) await session.send("Input.dispatchDragEvent", { type, x: 500, y: 300, data });
  }

  /** Waits until candidates are offered. @returns how many */
  async offered(): Promise<number> {
    await this.page.waitForSelector(".tile");
    return this.page.locator(".tile").count();
  }

  async press(key: string): Promise<void> {
    await this.page.keyboard.press(key);
  }

  /** Pixels inside, as the canvas says of itself. */
  async inside(): Promise<number> {
    const summary = await this.page.locator(".stage").getAttribute("aria-label");
    return Number(/([\d,]+) inside/.exec(summary ?? "")?.[1].replaceAll(",", ""));
  }

  async waitForInside(pixels: number): Promise<void> {
    await this.page.waitForSelector(`.stage[aria-label*=" ${pixels.toLocaleString("en")} inside"]`);
  }

  async notice(): Promise<string> {
    return (await this.page.textContent(".notice")) ?? "";
  }

  /** The picture on the canvas, without the pen above it, once it has stood still for 100 ms. */
  async picture(): Promise<string> {
    const seen = () => this.page.evaluate(() => document.querySelector<HTMLCanvasElement>(".picture")!.toDataURL());
    for (let before = await seen(); ; ) {
      await this.page.waitForTimeout(100);
      const now = await seen();
      if (now === before) return now;
      before = now;
    }
  }

  /** Waits until the canvas shows this picture again. */
  async waitForPicture(picture: string): Promise<void> {
    await this.page.waitForFunction(
      (expected) => document.querySelector<HTMLCanvasElement>(".picture")!.toDataURL() === expected,
      picture,
    );
  }
}

/** Accessibility violations of the page as it stands, in words. */
export async function violations({ page }: Annotator): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate("axe.run()");
  return (found as axe.AxeResults).violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`,
  );
}
