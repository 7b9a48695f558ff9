/** `tendril speak` as a process: a whole case with an untrained general model, and what goes wrong at the start. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeModelFolder } from "../../src/train/index.ts";
import { finished, root, startNode, tendril } from "../built.ts";
import { untrainedGeneral } from "../evaluate/general-model.ts";
import { imageOf, rectangle } from "../evaluate/masks.ts";

const GRID = { width: 32, height: 32 };
const VALID = rectangle(GRID, 4, 0, 24, 32);
const STROKE = rectangle(GRID, 10, 14, 9, 1);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tendril-speak-"));
  const { card, weights } = untrainedGeneral(2);
  const { format: _, weightsSha256: __, parameters: ___, ...facts } = card;
  await writeModelFolder(join(folder, "model"), weights, facts);
});
afterAll(() => rm(folder, { recursive: true }));

const raw = (data: ArrayLike<number>) => ({
  ...GRID,
  encoding: "raw",
  data: Buffer.from(Uint8Array.from(data)).toString("base64"),
});
const maskIn = ({ data }: { data: string }) => new Uint8Array(Buffer.from(data, "base64"));
const nothing = raw(new Uint8Array(1024));

const messages = [
  { type: "hello", id: 1, protocol: 1, k: 3 },
  { type: "open", id: 2, image: raw(imageOf(STROKE, GRID).data), valid: raw(VALID) },
  { type: "nonsense", id: 3 },
  {
    ...{ type: "predict", id: 4, action: "stroke", k: 3 },
    prompts: [
      {
        kind: "scribble",
        label: 1,
        points: [
          [10, 14],
          [18, 14],
        ],
        thickness: 1,
        pixels: raw(STROKE),
      },
    ],
    current: { m: nothing, s: nothing, shown: nothing },
  },
  { type: "close", id: 5 },
];

test("each line gets one reply, and the process ends with its input", async () => {
  const args = ["speak", "--model", join(folder, "model"), "--threads", "1", "-k", "2"];
  const child = startNode([join(root, "bin/tendril.mjs"), ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const replies: { type: string; id: number; [field: string]: unknown }[] = [];
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  for (const message of messages) {
    child.stdin!.write(`${JSON.stringify(message)}\n`);
    replies.push(JSON.parse((await lines.next()).value));
  }
  child.stdin!.end();
  expect(replies.map(({ type, id }) => [type, id])).toEqual([
    ["hello", 1],
    ["opened", 2],
    ["error", 3],
    ["candidates", 4],
    ["closed", 5],
  ]);
  expect(replies[0].name).toMatch(/^untrained-2-[0-9a-f]{8}$/);
  const { candidates, show } = replies[3] as unknown as {
    candidates: { m: { data: string }; shown: { data: string } }[];
    show: number;
  };
  expect(show).toBe(0);
  expect(candidates.length).toBeGreaterThan(0);
  expect(candidates.length).toBeLessThanOrEqual(2);
  for (const { m, shown } of candidates) {
    expect(maskIn(m).every((value, i) => value <= VALID[i])).toBe(true);
    expect(STROKE.every((value, i) => value <= maskIn(shown)[i])).toBe(true);
  }
  const { code, stderr } = await finished(child);
  expect([code, stderr]).toEqual([0, ""]);
});

test("a model that is not there and a step that makes no sense are refused in a sentence", async () => {
  const missing = await tendril(["speak", "--model", join(folder, "gone")]);
  expect(missing).toMatchObject({ code: 1, stdout: "" });
  expect(missing.stderr).toMatch(/^error Can't read .*model\.json: it does not exist\..*\n$/);
  for (const step of ["0", "1.5", "0.5,,1", "half"]) {
    const { code, stderr } = await tendril(["speak", "--step", step]);
    expect(code).toBe(2);
    expect(stderr).toContain("Give numbers above 0 and at most 1, separated by commas, such as 0.25,0.5,1.");
  }
});
