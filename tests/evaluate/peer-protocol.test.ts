import { encode } from "fast-png";
import { beforeEach, describe, expect, test } from "vitest";
import { type Answer, type Mark, type Method, peerTalk } from "../../src/evaluate/index.ts";
import { count, rectangle } from "./masks.ts";

const GRID = { width: 12, height: 10 };
const STROKE = rectangle(GRID, 3, 3, 4, 1);
const TAKEN = rectangle(GRID, 2, 2, 6, 3);
const DECIDED = rectangle(GRID, 0, 0, 12, 5);
const VALID = rectangle(GRID, 0, 0, 12, 8);
const IMAGE = Uint8Array.from({ length: 120 }, (_, i) => 2 * i);

interface Asked {
  readonly prompts: readonly Mark[];
  readonly current: Answer;
  readonly count: number;
}
let opened: { data: ArrayLike<number>; valid: Uint8Array }[];
let asked: Asked[];
let answers: Answer[];

/** Gives what the test says, and keeps what it was told. */
const method: Method = {
  opening: "stroke",
  pen: "scribble",
  async open({ data }, valid) {
    opened.push({ data: [...data], valid });
    return {
      async candidates(prompts, current, most) {
        asked.push({ prompts, current, count: most });
        return answers.slice(0, most);
      },
    };
  },
};

const raw = (data: Uint8Array, grid = GRID) => ({
  ...grid,
  encoding: "raw",
  data: Buffer.from(data).toString("base64"),
});
const png = (data: Uint8Array) => ({
  ...GRID,
  encoding: "png",
  data: Buffer.from(encode({ ...GRID, data, depth: 8, channels: 1 })).toString("base64"),
});
const maskIn = (array: { data: string }) => new Uint8Array(Buffer.from(array.data, "base64"));
const stroke = {
  kind: "scribble",
  label: 1,
  points: [
    [3, 3],
    [6, 3],
  ],
  thickness: 1,
  pixels: raw(STROKE),
};
const nothing = { m: raw(new Uint8Array(120)), s: raw(new Uint8Array(120)), shown: raw(new Uint8Array(120)) };

let say: (message: unknown) => Promise<{ type: string; [field: string]: unknown }>;

beforeEach(() => {
  opened = [];
  asked = [];
  answers = [{ ...GRID, partialness: DECIDED, segmentation: TAKEN, shown: TAKEN }];
  const talk = peerTalk(method, { name: "ours", count: 4 });
  say = async (message) => JSON.parse(await talk(typeof message === "string" ? message : JSON.stringify(message)));
});

const hello = { type: "hello", id: 1, protocol: 1, k: 8 };
const open = { type: "open", id: 2, image: raw(IMAGE), valid: raw(VALID) };
const predict = { type: "predict", id: 3, action: "stroke", k: 8, prompts: [stroke], current: nothing };

describe("a talk", () => {
  test("goes from hello to closed, each reply with its message's id", async () => {
    expect(await say(hello)).toEqual({
      ...{ type: "hello", id: 1, protocol: 1, name: "ours" },
      ...{ stroke: "scribble", opening: ["positive"], encoding: "raw" },
    });
    expect(await say(open)).toEqual({ type: "opened", id: 2 });
    const reply = await say(predict);
    expect(reply).toMatchObject({ type: "candidates", id: 3, show: 0 });
    const [candidate] = reply.candidates as { m: { data: string }; s: { data: string }; shown: { data: string } }[];
    expect([maskIn(candidate.m), maskIn(candidate.s), maskIn(candidate.shown)]).toEqual([DECIDED, TAKEN, TAKEN]);
    expect(await say({ type: "close", id: 9 })).toEqual({ type: "closed", id: 9 });
    expect(opened[0].valid).toEqual(VALID);
    expect(opened[0].data).toEqual([...IMAGE]);
    expect(asked[0].prompts).toMatchObject([{ kind: "scribble", label: 1, pixels: STROKE }]);
  });

  test("reads PNG as it reads raw, and takes any value but 0 as on", async () => {
    await say({ ...open, image: png(IMAGE), valid: png(VALID.map((value) => 255 * value)) });
    expect(opened[0]).toMatchObject({ data: [...IMAGE], valid: VALID });
    const pixels = png(STROKE.map((value) => 7 * value));
    await say({ ...predict, prompts: [{ ...stroke, pixels }] });
    expect(asked[0].prompts[0].pixels).toEqual(STROKE);
  });

  test("all of the image is valid where nothing else is said", async () => {
    await say({ ...open, valid: undefined });
    expect(count(opened[0].valid)).toBe(120);
  });

  test("s counts only where m is on, and what is shown is what was sent", async () => {
    await say(open);
    const everywhere = raw(new Uint8Array(120).fill(1));
    await say({ ...predict, current: { m: raw(DECIDED), s: everywhere, shown: raw(TAKEN) } });
    await say({ ...predict, current: { m: raw(DECIDED), s: everywhere } });
    expect(asked[0].current).toMatchObject({ partialness: DECIDED, segmentation: DECIDED, shown: TAKEN });
    expect(asked[1].current.shown).toEqual(DECIDED);
  });

  test("the first candidate is shown after a stroke, none after a pick and none where there is none", async () => {
    await say(open);
    expect((await say({ ...predict, action: "pick" })).show).toBeNull();
    answers = [];
    expect(await say(predict)).toMatchObject({ candidates: [], show: null });
  });

  test("gives no more candidates than were allowed, or asked for", async () => {
    await say({ ...hello, k: 3 });
    await say(open);
    await say(predict);
    await say({ ...predict, k: undefined });
    await say({ ...predict, k: 2 });
    expect(asked.map(({ count: most }) => most)).toEqual([4, 3, 2]);
  });

  test("a prompt keeps its kind", async () => {
    await say(open);
    await say({ ...predict, prompts: ["brush", "box", "click"].map((kind) => ({ ...stroke, kind })) });
    expect(asked[0].prompts.map(({ kind }) => kind)).toEqual(["brush", "box", "click"]);
  });
});

const wrong: [string, unknown, number | null, RegExp][] = [
  ["no JSON", "hello?", null, /^The message is not JSON: [^?]+\.$/],
  ["a number", "7", null, /expected object/],
  ["an unknown type", { type: "predicts", id: 4 }, 4, /^type: /],
  ["another version", { ...hello, protocol: 2 }, 1, /^protocol: .*version is 1/],
  ["no id", { type: "close" }, null, /^id: /],
  ["an action that is none", { ...predict, action: "erase" }, 3, /^action: /],
  ["no prompt", { ...predict, prompts: [] }, 3, /^prompts: /],
  ["a label of 2", { ...predict, prompts: [{ ...stroke, label: 2 }] }, 3, /^prompts\.0\.label: /],
  ["no candidate wanted", { ...predict, k: 0 }, 3, /^k: /],
  [
    "a mask of another size",
    { ...predict, prompts: [{ ...stroke, pixels: raw(STROKE, { width: 10, height: 12 }) }] },
    3,
    /^prompts\[0\]\.pixels is 10x12, but the image is 12x10\.$/,
  ],
  [
    "a mask that is too short",
    { ...predict, current: { ...nothing, m: { ...nothing.m, data: "AAAA" } } },
    3,
    /^current\.m holds 3 bytes; 12x10 needs 120\.$/,
  ],
  [
    "a mask that is no PNG",
    { ...predict, current: { ...nothing, s: { ...nothing.s, encoding: "png" } } },
    3,
    /current\.s is no image/,
  ],
];

describe("what is wrong is answered, and the talk goes on:", () => {
  test.each(wrong)("%s", async (_, message, id, why) => {
    await say(open);
    const reply = await say(message);
    expect(reply).toMatchObject({ type: "error", id });
    expect(reply.message).toMatch(why);
    expect(await say(predict)).toMatchObject({ type: "candidates" });
  });

  test("predict and close without an image", async () => {
    expect(await say(predict)).toEqual({ type: "error", id: 3, message: "predict without an image: send open first." });
    expect(await say({ type: "close", id: 5 })).toMatchObject({ type: "error", id: 5 });
    await say(open);
    expect(await say({ ...open, image: raw(IMAGE.subarray(1)) })).toMatchObject({ type: "error" });
    // What could not be opened is not open, nor is what was before.
    expect(await say(predict)).toMatchObject({ type: "error" });
  });
});
