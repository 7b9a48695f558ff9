/** Builds the commands once before any test: tests that start a process of ours must not build beside one another. */
import { spawnSync } from "node:child_process";

export default function build(): void {
  const { status, stderr } = spawnSync(process.execPath, ["bin/tendril.mjs", "--version"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The commands could not be built:\n${stderr}`);
}
