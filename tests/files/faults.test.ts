/** The n-th call to the system fails, for all n: the old file or folder stays, the message is clear, and the next try works. */
import type { FileHandle } from "node:fs/promises";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { atomicWrite, FileError, publishFolder, readText } from "../../src/files/index.ts";

/** Which call fails and how; `lasting`: all from there on, as on a full disk. */
const fault = vi.hoisted(() => ({ at: Number.POSITIVE_INFINITY, code: "", lasting: false, calls: 0 }));

// The system below the code under test: the real one, until the call that is to fail.
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const fails = () => {
    const call = fault.calls++;
    return call === fault.at || (fault.lasting && call > fault.at);
  };
  const failure = (syscall: string) => Object.assign(new Error(fault.code), { code: fault.code, syscall });
  const guarded = <A extends unknown[], R>(syscall: string, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (fails()) throw failure(syscall);
      return call(...args);
    };
  };
  const guardedHandle = (handle: FileHandle) => ({
    read: guarded("read", handle.read.bind(handle)),
    sync: guarded("fsync", handle.sync.bind(handle)),
    async writeFile(data: string) {
      const failed = fails();
      // A disk that fills up takes a part first.
      await handle.writeFile(failed ? data.slice(0, data.length / 2) : data);
      if (failed) throw failure("write");
    },
    async close() {
      await handle.close();
      if (fails()) throw failure("close");
    },
  });
  return {
    ...real,
    mkdir: guarded("mkdir", real.mkdir),
    readdir: guarded("scandir", real.readdir),
    rename: guarded("rename", real.rename),
    rm: guarded("rm", real.rm),
    stat: guarded("stat", real.stat),
    open: guarded("open", async (...args: Parameters<typeof real.open>) => guardedHandle(await real.open(...args))),
  };
});

const CODES = ["ENOSPC", "EIO", "EACCES", "EPERM", "EBUSY", "EMFILE", "EROFS", "ENOENT", "EDQUOT", "EFBIG"];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-faults-"));
});
afterEach(async () => {
  works();
  await rm(folder, { recursive: true });
});

function works(): void {
  Object.assign(fault, { at: Number.POSITIVE_INFINITY, calls: 0 });
}

/** How many calls `work` makes of the system when none fails. */
async function callsOf(work: () => Promise<unknown>): Promise<number> {
  works();
  await work();
  return fault.calls;
}

/** Runs `work` with its n-th call failing and returns its error. */
async function failing(work: () => Promise<unknown>, at: number, code: string, lasting: boolean): Promise<unknown> {
  Object.assign(fault, { at, code, lasting, calls: 0 });
  const error = await work().then(
    () => null,
    (cause: unknown) => cause,
  );
  works();
  return error;
}

/** One sentence or two that name the file and what to do, for this code. */
function expectClear(error: unknown, what: string, path: string, code: string): void {
  expect(error).toBeInstanceOf(FileError);
  const { message, code: told } = error as FileError;
  expect(told).toBe(code);
  expect(message.startsWith(`Can't ${what} ${path}: `)).toBe(true);
  expect(message).not.toContain("the system says");
  expect(message).toMatch(/\.$/);
}

describe.each([false, true])("a failure that lasts: %s", (lasting) => {
  test.each(CODES)("%s at any call while a file is replaced leaves the old one or the new one", async (code) => {
    const path = join(folder, "file");
    const write = () => atomicWrite(path, "new ".repeat(1000));
    const calls = await callsOf(write);
    expect(calls).toBeGreaterThan(8);
    for (let at = 0; at < calls; at++) {
      await writeFile(path, "old");
      const error = await failing(write, at, code, lasting);
      // Tidying up what a killed process left may fail without a word; everything else is told.
      if (error) expectClear(error, "write", path, code);
      const now = await readFile(path, "utf8");
      expect(["old", "new ".repeat(1000)]).toContain(now);
      if (!error) expect(now).not.toBe("old");
      await write();
      expect(await readFile(path, "utf8")).toBe("new ".repeat(1000));
      expect(await readdir(folder)).toEqual(["file"]);
    }
  });

  test.each(CODES)("%s at any call while a folder is made leaves none or the whole one", async (code) => {
    const parent = join(folder, "parent");
    const path = join(parent, "made");
    const publish = () => publishFolder(path, { a: "one", b: "two" });
    const calls = await callsOf(publish);
    expect(calls).toBeGreaterThan(10);
    for (let at = 0; at < calls; at++) {
      await rm(parent, { recursive: true });
      await mkdir(parent);
      const error = await failing(publish, at, code, lasting);
      expectClear(error, "write", path, code);
      const made = (await readdir(parent)).includes("made");
      if (made) expect(await readdir(path)).toEqual(["a", "b"]);
      else await publish();
      expect(await readFile(join(path, "b"), "utf8")).toBe("two");
      // A new write clears away whatever a failed one could not.
      await atomicWrite(join(parent, "file"), "x");
      expect(await readdir(parent)).toEqual(["file", "made"]);
    }
  });

  test.each(CODES)("%s at any call while a file is read says so", async (code) => {
    const path = join(folder, "file");
    await writeFile(path, "text");
    const calls = await callsOf(() => readText(path, 100));
    expect(calls).toBe(4);
    for (let at = 0; at < calls; at++)
      expectClear(await failing(() => readText(path, 100), at, code, lasting), "read", path, code);
    expect(await readText(path, 100)).toBe("text");
  });
});
