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
  /** What killed it, if anything did. */
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions extends SpawnOptions {
  /** Whether file permissions bind it, as they bind everybody but root. */
  readonly isBound?: boolean;
}

/** Without its capabilities root may read and write what the owner of a file may. */
const BOUND = process.getuid?.() === 0 ? ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] : [];

/** Starts `node ARGS` in the checkout with the commands built; it is killed with the test at the latest. */
export function startNode(args: readonly string[], { isBound = false, ...options }: StartOptions = {}): ChildProcess {
  buildCommands();
  const [command, ...rest] = [...(isBound ? BOUND : []), process.execPath, ...args];
  const child = spawn(command, rest, { cwd: root, stdio: ["ignore", "pipe", "pipe"], ...options });
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
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** `node bin/tendril.mjs ARGS` to its end. */
export function tendril(args: readonly string[], options: StartOptions = {}): Promise<Finished> {
  return finished(startNode([join(root, "bin/tendril.mjs"), ...args], options));
}
