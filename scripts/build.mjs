/** `npm run build`: the commands and the library (tsc), and the page (vite), each only when a source is newer. */
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
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
  const { stamp, sources, build } = PARTS[part];
  const path = join(root, stamp);
  const built = existsSync(path) ? statSync(path).mtimeMs : 0;
  const changed = newest(sources.map((source) => join(root, source)));
  if (built >= changed) return;
  console.error(part === "page" ? "Building the page ..." : "Building ...");
  build();
  mkdirSync(join(root, "dist"), { recursive: true });
  writeFileSync(path, "");
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
  ensureBuilt("commands");
  ensureBuilt("page");
}
