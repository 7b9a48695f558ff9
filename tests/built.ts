/** Runs our own commands as a person would, as processes of their own. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export const root = join(import.meta.dirname, "..");

let isBuilt = false;

/** Builds the commands when a source is newer; test files that do so at once wait for each other. */
export function buildCommands(): void {
  if (isBuilt) return;
  const { status, stderr } = spawnSync(process.execPath, ["scripts/build.mjs", "commands"], { cwd: root });
  if (status !== 0) throw new Error(`The build failed: ${stderr}`);
  isBuilt = true;
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `node ARGS` in the checkout with the commands built; it is killed with the test at the latest. */
export function startNode(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  buildCommands();
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

export function finished(child: ChildProcess): Promise<Finished> {
  let stdout = "";
  let stderr = "";
  child.stdout?.on("data", (data) => {
    stdout += data;
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** `node bin/tendril.mjs ARGS` to its end. */
export function tendril(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  return finished(startNode([join(root, "bin/tendril.mjs"), ...args], options));
}
