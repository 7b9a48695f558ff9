/** `npm run build [-- commands|page]`: the commands and the library (tsc), and the page (vite), each only when a source is newer. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureInstalled, root, run } from "./setup.mjs";

const PARTS = {
  commands: {
    stamp: "dist/.commands",
    sources: ["src", "bench", "tsconfig.json", "tsconfig.build.json"],
    build: buildCommands,
  },
  page: { stamp: "dist/.page", sources: ["src", "vite.config.ts"], build: buildPage },
};

/** @param {"commands" | "page"} part */
export function ensureBuilt(part) {
  ensureInstalled();
  if (isBuilt(part)) return;
  mkdirSync(join(root, "dist"), { recursive: true });
  const unlock = waitForLock();
  try {
    // Another process may have built it while this one waited.
    if (isBuilt(part)) return;
    console.error(part === "page" ? "Building the page ..." : "Building ...");
    const started = new Date();
    PARTS[part].build();
    const stamp = join(root, PARTS[part].stamp);
    writeFileSync(stamp, "");
    // What changes during the build is not in it.
    utimesSync(stamp, started, started);
  } finally {
    unlock();
  }
}

function isBuilt(part) {
  const { stamp, sources } = PARTS[part];
  const path = join(root, stamp);
  return existsSync(path) && statSync(path).mtimeMs >= newest(sources.map((source) => join(root, source)));
}

/** Two commands that build at once would delete each other's files. A lock whose process is gone counts for nothing. */
function waitForLock() {
  const path = join(root, "dist/.building");
  for (;;) {
    try {
      writeFileSync(path, `${process.pid}`, { flag: "wx" });
      break;
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (!isRunning(path)) rmSync(path, { force: true });
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    }
  }
  const unlock = () => rmSync(path, { force: true });
  // A build that fails ends the process.
  process.once("exit", unlock);
  return () => {
    process.off("exit", unlock);
    unlock();
  };
}

function isRunning(lock) {
  try {
    const pid = Number(readFileSync(lock, "utf8"));
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

function buildCommands() {
  for (const folder of ["src", "bench"]) rmSync(join(root, "dist", folder), { recursive: true, force: true });
  run("npx", ["tsc", "-p", "tsconfig.build.json"]);
}

function buildPage() {
  run("npx", ["vite", "build", "--logLevel", "warn"]);
}

/** Latest change among files and everything in folders, in milliseconds. */
function newest(paths) {
  let latest = 0;
  for (const path of paths.filter(existsSync)) {
    const stat = statSync(path);
    latest = Math.max(latest, stat.mtimeMs);
    if (stat.isDirectory()) latest = Math.max(latest, newest(readdirSync(path).map((name) => join(path, name))));
  }
  return latest;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const asked = process.argv.slice(2);
  for (const part of Object.keys(PARTS)) if (asked.length === 0 || asked.includes(part)) ensureBuilt(part);
}
