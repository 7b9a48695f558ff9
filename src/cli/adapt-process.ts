/** `tendril adapt` as a process of its own, for the server: training in the server's own would hold up its answers. */
import { type ChildProcess, fork } from "node:child_process";
import { dirname, join, sep } from "node:path";
import { finished } from "node:stream/promises";
import { z } from "zod";
import { TendrilError } from "../core/index.ts";
import { packageFolder } from "../files/index.ts";
import type { ImageFiles } from "../project/index.ts";
import type { Train } from "../server/index.ts";
import type { AdaptProgress } from "./adapt.ts";
import { STOPPED_BY } from "./options.ts";

/** A process that does not end by itself after this is killed, milliseconds; a step of training takes seconds. */
const KILLED_AFTER = 15_000;
/** Characters of a command line that every system takes; Windows takes 32,767. */
const COMMAND_LINE = 20_000;
/** Characters of what the command has said that are kept. */
const SAID = 2 ** 16;

const progress: z.ZodType<AdaptProgress> = z.object({ done: z.number(), total: z.number() });

/** The model could not be adapted; the message says why. */
class AdaptError extends TendrilError {
  constructor(message: string) {
    super("adapt", message);
  }
}

/**
 * @param output   folder of the model that is made
 * @param options  further ones of the command
 */
export function adaptProcess(output: string, options: readonly string[] = []): Train {
  return async (images, onProgress, signal) => {
    const paths = pathsOf(images);
    const command = join(packageFolder(), "bin", "tendril.mjs");
    const child = fork(command, ["adapt", "--output", output, ...options, ...paths], {
      execArgv: [],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    const stop = () => end(child);
    signal.addEventListener("abort", stop);
    child.on("message", (message) => {
      const { success, data } = progress.safeParse(message);
      if (success) onProgress(data.done, data.total);
    });
    try {
      await succeeded(child, paths);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

/** Lets it go, which it ends by (`adapt.ts`): a signal would not let it tidy up on every system. */
function end(child: ChildProcess): void {
  if (child.connected) child.disconnect();
  const kill = setTimeout(() => child.kill("SIGKILL"), KILLED_AFTER);
  child.once("exit", () => clearTimeout(kill));
}

/** @throws {AdaptError} with what the command has said, of files their names alone */
async function succeeded(child: ChildProcess, paths: readonly string[]): Promise<void> {
  let said = "";
  child.stderr?.on("data", (data) => {
    said = `${said}${data}`.slice(-SAID);
  });
  // Not "close", which does not come for a child that this side has let go.
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((done, failed) => {
    child.once("error", failed);
    child.once("exit", (...how) => done(how));
  });
  const [[code, signal]] = await Promise.all([ended, child.stderr && finished(child.stderr)]);
  if (code === 0) return;
  // Ctrl+C reaches this process and that one.
  const isStopped = Object.values<number | null>(STOPPED_BY).includes(code);
  if (signal || isStopped)
    throw new AdaptError("It was ended from outside, perhaps for want of memory. Close other programs and try again.");
  const reason = said.match(/^error .*$/gm)?.at(-1);
  // A defect of ours, with its trace.
  if (reason === undefined) throw new Error(`tendril adapt ended with ${code}: ${said}`);
  const folders = new Set(paths.map((path) => dirname(path) + sep));
  throw new AdaptError(
    [...folders].reduce((text, folder) => text.replaceAll(folder, ""), reason.slice("error ".length)),
  );
}

/** What the command is to be given: an image's file; the folder of a series of files, of several images in one file, and where there are too many for a command line. */
export function pathsOf(images: readonly ImageFiles[]): string[] {
  const several = new Set(images.filter(({ part }) => part > 0).map(({ paths: [first] }) => first));
  const named = images.map(({ paths }) => (paths.length > 1 || several.has(paths[0]) ? dirname(paths[0]) : paths[0]));
  const isShort = named.reduce((sum, { length }) => sum + length + 3, 0) < COMMAND_LINE;
  return [...new Set(isShort ? named : images.map(({ paths: [first] }) => dirname(first)))];
}
