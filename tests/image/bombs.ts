/** What a bomb costs: a file that claims much and holds little, which must be refused soon and without the memory. */
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect } from "vitest";
import { LONGEST_MS, MOST_EXTRA_BYTES, millisecondsSince } from "../fuzzing.ts";

const MIB = 2 ** 20;

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

/** Linux can set the largest size back to the present one; elsewhere what the process once had hides what came later, up to that. */
const canReset = attempt(() => writeFileSync("/proc/self/clear_refs", "5"));

/**
 * Runs `read`, and fails when it took more than a second of processor time for each MiB of `bytes`, or more than 64 MiB of memory at its worst moment.
 *
 * @returns what `read` gave
 */
export async function cheaply<T>(bytes: Uint8Array, read: () => T | Promise<T>): Promise<T> {
  collectGarbage();
  if (canReset) writeFileSync("/proc/self/clear_refs", "5");
  const before = largest();
  const started = process.cpuUsage();
  const result = await read();
  const took = millisecondsSince(started);
  const extra = largest() - before;
  expect(took, "milliseconds").toBeLessThan(LONGEST_MS * Math.max(1, bytes.length / MIB));
  expect(extra / MIB, "MiB of memory").toBeLessThan(MOST_EXTRA_BYTES / MIB);
  return result;
}

/** Bytes of memory that the process had at its largest, since it was set back. */
function largest(): number {
  const own = canReset && /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"));
  return (own ? Number(own[1]) : process.resourceUsage().maxRSS) * 1024;
}

function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
