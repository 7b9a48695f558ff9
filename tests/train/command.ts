/** `tendril` as a process that a test may kill or interrupt. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { buildCommands, type Finished, finished, root } from "../built.ts";

/**
 * Runs `tendril ARGS` to its end.
 *
 * @param onOutput  called with all of standard error so far whenever more comes
 */
export function tendril(
  args: readonly string[],
  onOutput?: (process: ChildProcess, stderr: string) => void,
): Promise<Finished> {
  buildCommands();
  const env = { ...process.env, NO_COLOR: "1" };
  const child = spawn(process.execPath, [join(root, "bin/tendril.mjs"), ...args], { cwd: root, env });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
    onOutput?.(child, stderr);
  });
  return finished(child);
}
