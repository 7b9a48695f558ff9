import { spawn } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { Journal } from "../../src/project/index.ts";
import { buildCommands, finished, startNode } from "../built.ts";
import { folder, HEADER } from "./made.ts";

const WRITER = join(import.meta.dirname, "writer.mjs");
const LARGE = { ...HEADER, width: 1000, height: 1000 };
const KILLS = 15;

beforeAll(buildCommands);

test(`${KILLS} kills while writing lose no action that was confirmed`, async () => {
  const path = join(await folder(), "labels", "scan.journal");
  const rng = Rng.seeded(1);
  let confirmed = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startNode([WRITER, path, JSON.stringify(LARGE)]);
    const end = finished(child);
    child.stdout?.once("data", () => setTimeout(() => child.kill("SIGKILL"), rng.between(0, 60)));
    const { stdout, stderr } = await end;
    expect(stderr).toBe("");
    const said = stdout.match(/saved (\d+)\n(?=[^\n]*$)/)!;
    expect(Number(said[1])).toBeGreaterThan(confirmed);
    confirmed = Number(said[1]);
    const { actions } = await Journal.open(path, LARGE);
    // One more may be on disk than was said, when the kill came in between.
    expect(actions.length - confirmed).toBeGreaterThanOrEqual(0);
    expect(actions.length - confirmed).toBeLessThanOrEqual(1);
    expect(actions.every((action, i) => action.kind === "brush" && action.delta[0] === i)).toBe(true);
    confirmed = actions.length;
  }
});

test.skipIf(process.platform === "win32")(
  "a limit on the file's size stops the writer with a sentence, and later it goes on",
  async () => {
    const path = join(await folder(), "labels", "scan.journal");
    // In blocks of 512 or 1024 bytes, as the shell has it.
    const limited = spawn("bash", [
      "-c",
      'ulimit -f 4; exec "$@"',
      "-",
      process.execPath,
      WRITER,
      path,
      JSON.stringify(LARGE),
    ]);
    const { code, stdout, stderr } = await finished(limited);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^FileError EFBIG: Can't write .*scan\.journal: .*\n$/);
    const saved = stdout.trim().split("\n").length;
    expect((await Journal.open(path, LARGE)).actions.length).toBe(saved);
    const child = startNode([WRITER, path, JSON.stringify(LARGE)], {
      env: { ...process.env, ACTIONS: `${saved + 20}` },
    });
    expect(await finished(child)).toMatchObject({ code: 0, stderr: "" });
    expect((await Journal.open(path, LARGE)).actions.length).toBe(saved + 20);
  },
);

test("a file in the place of the labels folder gives a clear sentence, and once it is gone the append works", async () => {
  const place = await folder();
  const path = join(place, "labels", "scan.journal");
  const journal = await Journal.open(path, HEADER);
  await writeFile(join(place, "labels"), "a file");
  const action = { kind: "undo", at: 1 };
  await expect(journal.append(0, [action])).rejects.toThrow(
    /Can't (read|write) .*scan\.journal: a part of its path is a file/,
  );
  await rm(join(place, "labels"));
  await mkdir(join(place, "labels"));
  expect(await journal.append(0, [action])).toBe(1);
  await journal.close();
});
