/** Reading within limits, and never outside the folder that is open. */
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FileError, foldersIn, inside, readLimited, readText } from "../../src/files/index.ts";

let place: string;
let root: string;

beforeAll(async () => {
  place = await realpath(await mkdtemp(join(tmpdir(), "tendril-read-")));
  root = join(place, "root");
  await mkdir(join(root, "sub", "deep"), { recursive: true });
  await mkdir(join(place, "root-neighbour"));
  await writeFile(join(place, "secret"), "secret");
  await writeFile(join(place, "root-neighbour", "secret"), "secret");
  await writeFile(join(root, "scan.png"), "image");
  await writeFile(join(root, "sub", "scan.png"), "image");
  await writeFile(join(root, "..scan.png"), "image");
  await writeFile(join(root, "..."), "image");
  const links: [string, string][] = [
    ["to-secret", join(place, "secret")],
    ["to-secret-up", join("..", "secret")],
    ["to-parent", ".."],
    ["to-system", "/"],
    ["to-neighbour", join(place, "root-neighbour")],
    ["to-link", "to-parent"],
    ["to-absent", join(place, "absent")],
    ["to-itself", "to-itself"],
    ["to-scan", join("sub", "scan.png")],
    ["to-sub", "sub"],
    ["sub/up", ".."],
    ["sub/out", join("..", "..")],
  ];
  for (const [name, target] of links) await symlink(target, join(root, name));
  await symlink(root, join(place, "link-to-root"));
});
afterAll(() => rm(place, { recursive: true }));

async function refusal(work: Promise<unknown>): Promise<FileError> {
  const error = await work.then(
    () => null,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(FileError);
  return error as FileError;
}

/** Ways out of the root: each must be refused as outside, or as a name that does not exist inside. */
const HOSTILE = [
  "..",
  "../",
  "../secret",
  "../../secret",
  "../root-neighbour",
  "../root-neighbour/secret",
  "sub/../../secret",
  "sub/deep/../../../secret",
  "./../secret",
  ".//..//secret",
  "sub/./../../root-neighbour/secret",
  "/etc/passwd",
  "//etc/passwd",
  "/",
  "/proc/self/environ",
  "/dev/zero",
  "../".repeat(64),
  `${"../".repeat(64)}etc/passwd`,
  `${"sub/../".repeat(32)}../secret`,
  "absent/../../secret",
  "../absent",
  "to-secret",
  "to-secret-up",
  "to-parent",
  "to-parent/secret",
  "to-parent/root-neighbour/secret",
  "to-system",
  "to-system/etc/passwd",
  "to-neighbour/secret",
  "to-link/secret",
  "to-absent",
  "to-itself",
  "sub/out/secret",
  "sub/up/to-secret",
  "sub/up/../../secret",
  "to-sub/out/root-neighbour/secret",
  "scan.png/../../secret",
  "..\\secret",
  "sub\\..\\..\\secret",
  "C:\\Windows\\win.ini",
  "\\\\server\\share\\file",
  "file:///etc/passwd",
  "%2e%2e/secret",
  "..%2fsecret",
  "%2e%2e%2fsecret",
  "..%252fsecret",
  "..%c0%afsecret",
  "\u2025/secret",
  "\uff0e\uff0e/secret",
  "..\u2215secret",
  "....//secret",
  ".. /secret",
  "~/secret",
  "~root",
  "$HOME/secret",
  "CON",
  "NUL.png",
  "scan.png\0",
  "../secret\0.png",
  "\0",
  "scan.png:stream",
  " scan.png",
  `${"n".repeat(300)}.png`,
  `${"deep/".repeat(2000)}scan.png`,
];

test("nothing outside the root is reached by a hostile path", async () => {
  expect(new Set(HOSTILE).size).toBe(HOSTILE.length);
  for (const path of HOSTILE) {
    const { code } = await refusal(inside(root, path));
    expect(["outside", "ENOENT", "ENOTDIR", "ELOOP", "ENAMETOOLONG"], path.slice(0, 60)).toContain(code);
  }
});

test("whether something outside exists can't be told from the answer", async () => {
  const [there, not] = [await refusal(inside(root, "../secret")), await refusal(inside(root, "../absent"))];
  expect([there.code, not.code]).toEqual(["outside", "outside"]);
  expect(there.message.replace("secret", "absent")).toBe(not.message);
});

test("what lies inside is found, through links and detours as well", async () => {
  const scan = join(root, "scan.png");
  const deep = join(root, "sub", "scan.png");
  for (const path of ["scan.png", "./scan.png", "sub/../scan.png", "sub/up/scan.png", "to-sub/up/scan.png", scan])
    expect(await inside(root, path)).toBe(scan);
  for (const path of ["sub/scan.png", "to-scan", "to-sub/scan.png", "sub//scan.png"])
    expect(await inside(root, path)).toBe(deep);
  // Two dots at the start of a name are part of the name.
  expect(await inside(root, "..scan.png")).toBe(join(root, "..scan.png"));
  expect(await inside(root, "...")).toBe(join(root, "..."));
  for (const path of [".", "", "sub/..", "sub/up", root]) expect(await inside(root, path)).toBe(root);
});

test("a root that is reached through a link works with relative and absolute paths", async () => {
  const link = join(place, "link-to-root");
  expect(await inside(link, "scan.png")).toBe(join(root, "scan.png"));
  expect(await inside(link, join(link, "scan.png"))).toBe(join(root, "scan.png"));
  expect(await inside(link, join(root, "scan.png"))).toBe(join(root, "scan.png"));
  expect((await refusal(inside(link, join(place, "secret")))).code).toBe("outside");
});

describe("a limited read", () => {
  test("gives every byte of a file that is exactly as large as allowed, and refuses one byte more", async () => {
    const path = join(place, "large");
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    await writeFile(path, bytes);
    expect(await readLimited(path, 100_000)).toEqual(bytes);
    const { code, message } = await refusal(readLimited(path, 99_999));
    expect(code).toBe("too-large");
    expect(message).toBe(`Can't read ${path}: it holds 100000 bytes, and 99999 is the limit. Is it the right file?`);
  });

  test("gives an empty file as empty", async () => {
    await writeFile(join(place, "empty"), "");
    expect(await readText(join(place, "empty"), 10)).toBe("");
  });

  test("says what is wrong with a folder, an absent file and a path through a file", async () => {
    const messages = [root, join(root, "absent"), join(root, "scan.png", "below")].map(async (path) => {
      const { message } = await refusal(readText(path, 10));
      return message.replace(path, "PATH");
    });
    expect(await Promise.all(messages)).toEqual([
      "Can't read PATH: it is a folder. Name a file.",
      "Can't read PATH: it does not exist. Check the spelling and the folder.",
      "Can't read PATH: a part of its path is a file, not a folder. Choose another place.",
    ]);
  });

  test.runIf(process.platform !== "win32")("refuses a device without end and a pipe without a writer", async () => {
    const pipe = join(place, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of ["/dev/zero", pipe]) {
      const { code, message } = await refusal(readLimited(path, 1000));
      expect(code).toBe("not-a-file");
      expect(message).toBe(`Can't read ${path}: it is a device, pipe or socket. Name a file.`);
    }
  });
});

test("folders are those that are there and those that links lead to; a link to a file, to nothing or to itself is none", async () => {
  const found = (await foldersIn(root)).sort();
  expect(found).toEqual(["sub", "to-link", "to-neighbour", "to-parent", "to-sub", "to-system"]);
});
