/** `tendril` as a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs `tendril ARGS` to its end.
 *
 * @param onOutput  called with all of standard error so far whenever more comes, to interfere with the process
 */
export function tendril(
  args: readonly string[],
  onOutput?: (process: ChildProcess, stderr: string) => void,
): Promise<Ended> {
  const child = spawn(process.execPath, ["bin/tendril.mjs", ...args], { env: { ...process.env, NO_COLOR: "1" } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
    onOutput?.(child, stderr);
  });
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr })));
}
