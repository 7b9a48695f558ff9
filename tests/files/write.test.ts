/** Writing against the real file system: what is replaced, what is refused, and what is left alone. */
import { spawnSync } from "node:child_process";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { atomicWrite, FileError, isUnfinished, publishFolder } from "../../src/files/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-write-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function refusal(work: Promise<unknown>): Promise<FileError> {
  const error = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(FileError);
  return error as FileError;
}

test("a file is made with the folders above it, and replaced", async () => {
  const path = join(folder, "a", "b", "file");
  await atomicWrite(path, "one");
  await atomicWrite(path, Uint8Array.of(1, 2, 3));
  expect(await readFile(path)).toEqual(Buffer.of(1, 2, 3));
  expect(await readdir(join(folder, "a", "b"))).toEqual(["file"]);
});

test("a folder that exists is not written over, not even an empty one, nor is a file of that name", async () => {
  await mkdir(join(folder, "empty"));
  await mkdir(join(folder, "full"));
  await writeFile(join(folder, "full", "a"), "old");
  await writeFile(join(folder, "file"), "old");
  for (const name of ["empty", "full", "file"]) {
    const { code, message } = await refusal(publishFolder(join(folder, name), { a: "new" }));
    expect(code).toBe("EEXIST");
    expect(message).toBe(`Can't write ${join(folder, name)}: it exists already. Choose another name.`);
  }
  expect(await readdir(folder)).toEqual(["empty", "file", "full"]);
  expect(await readdir(join(folder, "empty"))).toEqual([]);
  expect(await readFile(join(folder, "full", "a"), "utf8")).toBe("old");
});

test("a file can't replace a folder, and nothing is written below a file", async () => {
  await mkdir(join(folder, "taken"));
  await writeFile(join(folder, "file"), "old");
  const taken = await refusal(atomicWrite(join(folder, "taken"), "new"));
  expect(taken.message).toBe(`Can't write ${join(folder, "taken")}: it is a folder. Name a file.`);
  for (const below of [join(folder, "file", "new"), join(folder, "file", "sub", "new")]) {
    const messages = [await refusal(atomicWrite(below, "new")), await refusal(publishFolder(below, { a: "new" }))];
    for (const { message } of messages)
      expect(message).toBe(`Can't write ${below}: a part of its path is a file, not a folder. Choose another place.`);
  }
  expect(await readFile(join(folder, "file"), "utf8")).toBe("old");
  expect(await readdir(folder)).toEqual(["file", "taken"]);
});

test("a name that is too long is said to be", async () => {
  const { message } = await refusal(atomicWrite(join(folder, "n".repeat(300)), "new"));
  expect(message).toContain("its name is too long. Choose a shorter one.");
  expect(await readdir(folder)).toEqual([]);
});

test("a link is replaced by the file, and what it led to stays as it was", async () => {
  await writeFile(join(folder, "elsewhere"), "old");
  await symlink(join(folder, "elsewhere"), join(folder, "link"));
  await atomicWrite(join(folder, "link"), "new");
  expect(await readFile(join(folder, "elsewhere"), "utf8")).toBe("old");
  expect((await lstat(join(folder, "link"))).isFile()).toBe(true);
});

test.runIf(process.platform !== "win32")(
  "a write that hits the system's limit on file size leaves the old file",
  async () => {
    const path = join(folder, "file");
    await writeFile(path, "old");
    const code = `
    const { atomicWrite } = await import("${new URL("../../dist/src/files/index.js", import.meta.url)}");
    await atomicWrite(process.argv[1], "x".repeat(2 ** 20)).catch((error) => console.log(error.code, error.message));`;
    // Without the trap the signal that comes with the limit would end the process.
    const script = `trap '' XFSZ; ulimit -f 64; exec "$0" --input-type=module -e "$1" "$2"`;
    const { stdout } = spawnSync("bash", ["-c", script, process.execPath, code, path], { encoding: "utf8" });
    expect(stdout).toMatch(/^EFBIG Can't write .*file: it would be larger than the system allows\./);
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["file"]);
  },
);

test("what a killed process left is removed by the next write; what a running one is writing is not", async () => {
  const { pid: gone } = spawnSync(process.execPath, ["--version"]);
  const names = [gone, process.pid, process.ppid].map((pid) => `.tendril-${pid}-0123456789ab`);
  const [abandoned, ours, running] = names;
  await mkdir(join(folder, abandoned));
  await writeFile(join(folder, abandoned, "a"), "part");
  await writeFile(join(folder, ours), "part");
  await writeFile(join(folder, running), "part");
  await writeFile(join(folder, ".tendril-notes"), "the user's own");
  expect(names.every(isUnfinished)).toBe(true);
  expect(isUnfinished(".tendril-notes")).toBe(false);
  await atomicWrite(join(folder, "file"), "new");
  // This process writes nothing of that name, so it is from an earlier process of the same number.
  expect(await readdir(folder)).toEqual([".tendril-notes", running, "file"].sort());
});

test("many writes at once in one folder do not disturb one another", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `file-${String(i).padStart(2, "0")}`);
  await Promise.all(names.map((name) => atomicWrite(join(folder, name), name.repeat(1000))));
  expect(await readdir(folder)).toEqual(names);
  for (const name of names) expect(await readFile(join(folder, name), "utf8")).toBe(name.repeat(1000));
});

test("many writes at once to one file leave one of them whole", async () => {
  const path = join(folder, "file");
  const texts = Array.from({ length: 20 }, (_, i) => `${i} `.repeat(10_000));
  await Promise.all(texts.map((text) => atomicWrite(path, text)));
  expect(texts).toContain(await readFile(path, "utf8"));
  expect(await readdir(folder)).toEqual(["file"]);
});
