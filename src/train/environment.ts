/** What a run was made with, for whoever wants to make it again. */
import { execFileSync } from "node:child_process";
import { cpus, totalmem } from "node:os";

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

/** Null outside a checkout. */
function git(...args: string[]): string | null {
  try {
    return execFileSync("git", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}
