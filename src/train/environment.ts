/** What a run was made with, for whoever wants to make it again. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

export function environment(runtime: string) {
  const [cpu] = cpus();
  return {
    commit: git("rev-parse", "HEAD"),
    clean: git("status", "--porcelain") === "",
    node: process.version,
    runtime,
    processor: `${cpus().length} x ${cpu?.model.trim() ?? "unknown"}`,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
  };
}

/** Null outside a checkout of Tendril, which the working directory need not be in. */
function git(...args: string[]): string | null {
  const ask = (...question: string[]) =>
    execFileSync("git", question, {
      cwd: import.meta.dirname,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    // An installed package may lie in somebody else's checkout.
    const { name } = JSON.parse(readFileSync(join(ask("rev-parse", "--show-toplevel"), "package.json"), "utf8"));
    return name === "tendril" ? ask(...args) : null;
  } catch {
    return null;
  }
}
