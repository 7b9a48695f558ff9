/** Runs our modules in headless Chromium, in a page that is cross-origin isolated as the app's page is. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { build } from "vite";

const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];
const NO_GPU = ["--disable-gpu"];

const TYPES: Readonly<Record<string, string>> = {
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/**
 * Opens an empty page in a browser of its own, and closes both afterwards.
 *
 * @param flags  further command-line flags of Chromium; those of a GPU must be among them for WebGPU
 * @throws what `use` throws, or else the first error that the page did not catch
 */
export async function withPage<T>(use: (page: Page) => Promise<T>, flags: readonly string[] = NO_GPU): Promise<T> {
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: [...FLAGS, ...flags] });
  try {
    const page = await browser.newPage();
    const uncaught: Error[] = [];
    page.on("pageerror", (error) => uncaught.push(error));
    const result = await use(page);
    if (uncaught.length > 0) throw uncaught[0];
    return result;
  } finally {
    await browser.close();
  }
}

/**
 * Bundles a module, loads it in a page and calls its default export.
 *
 * @param entry  the module, as in `new URL("in-page.ts", import.meta.url)`
 * @param args   given to the default export; plain values and typed arrays, as is the result
 * @param flags  see `withPage`
 */
export async function evaluateModule<T>(entry: URL, args: unknown, flags?: readonly string[]): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tendril-page-"));
  try {
    await bundle(fileURLToPath(entry), folder);
    return await serve(folder, (origin) =>
      withPage(async (page) => {
        await page.goto(origin);
        return page.evaluate(CALL_ENTRY, args) as Promise<T>;
      }, flags),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Made from text, because the test runner rewrites every import() that it can see. */
const CALL_ENTRY = new Function("args", `return import("/entry.js").then((module) => module.default(args));`) as (
  args: unknown,
) => Promise<unknown>;

async function bundle(entry: string, outDir: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: "error",
    worker: { format: "es" },
    build: {
      outDir,
      emptyOutDir: true,
      target: "esnext",
      minify: false,
      assetsInlineLimit: 0,
      modulePreload: false,
      rolldownOptions: { input: entry, preserveEntrySignatures: "strict", output: { entryFileNames: "entry.js" } },
    },
  });
}

/** Serves `folder` on a free port, with an empty page at "/" and the headers that allow threads. */
async function serve<T>(folder: string, use: (origin: string) => Promise<T>): Promise<T> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    response.setHeader("content-type", TYPES[extname(path)] ?? "text/html");
    const body =
      path === "/" ? "<!doctype html><title>Tendril</title>" : await readFile(join(folder, path)).catch(() => null);
    response.writeHead(body === null ? 404 : 200).end(body ?? undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
