import { appendFile, mkdir, open, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileError } from "../../src/files/index.ts";
import {
  type Action,
  ActionError,
  Journal,
  type JournalFile,
  type JournalHeader,
  journalLine,
  type OpenFile,
  parseJournal,
  replay,
} from "../../src/project/index.ts";
import { folder, HEADER, session } from "./made.ts";

const journalIn = async () => join(await folder(), "labels", "scan.journal");

async function written(path: string, actions: readonly Action[], header: JournalHeader = HEADER): Promise<Journal> {
  const journal = await Journal.open(path, header);
  await journal.append(journal.actions.length, actions);
  await journal.close();
  return journal;
}

const bytesOf = (actions: readonly Action[]) => Buffer.concat([HEADER, ...actions].map(journalLine));

test("a line is its length, its CRC-32 and its text, as the documentation says", () => {
  // The checksum is Python's: zlib.crc32(b'{"kind":"undo","at":5}').
  expect(journalLine({ kind: "undo", at: 5 }).toString()).toBe('22 6daa700b {"kind":"undo","at":5}\n');
});

test("opening an image without a journal writes nothing; the first action makes folder, header and line", async () => {
  const path = await journalIn();
  const journal = await Journal.open(path, HEADER);
  await expect(stat(path)).rejects.toThrow(/ENOENT/);
  const { actions } = session(1, 1);
  expect(await journal.append(0, actions)).toBe(1);
  await journal.close();
  expect(await readFile(path)).toEqual(bytesOf(actions));
});

test("replaying what was written gives the mask bit for bit, however the actions were grouped", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1000),
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 1, max: 7 }),
      async (seed, n, group) => {
        const path = await journalIn();
        const { actions, history } = session(seed, n);
        const journal = await Journal.open(path, HEADER);
        for (let i = 0; i < n; i += group) await journal.append(i, actions.slice(i, i + group));
        await journal.close();
        const again = await Journal.open(path, HEADER);
        expect(again.actions).toEqual(actions);
        expect(again.cut).toBe(0);
        const replayed = replay(again.actions, HEADER);
        expect(replayed.annotation.data).toEqual(history.annotation.data);
        expect(replayed.undone.length).toBe(history.undone.length);
      },
    ),
    { numRuns: 20 },
  );
});

test("a journal from before candidates had a step is read, replayed bit for bit, and goes on with steps", async () => {
  const path = await journalIn();
  await mkdir(join(path, ".."));
  // Lines as an earlier version wrote them.
  const before = [
    '131 7470599a {"tendril":1,"image":"scan.png","width":40,"height":30,"sha256":"abababababababababababababababababababababababababababababababab"}',
    '153 c6923854 {"kind":"take","candidate":{"model":"paper-3f9a01c2","seed":1000,"place":2,"offered":4,"support":0.28125},"delta":[41,3,0,3,81,2,0,1],"at":1700000000000}',
    '34 93ebcdea {"kind":"undo","at":1700000001000}',
  ];
  await writeFile(path, before.map((line) => `${line}\n`).join(""));
  const journal = await Journal.open(path, HEADER);
  expect(journal.actions).toHaveLength(2);
  const replayed = replay(journal.actions.slice(0, 1), HEADER).annotation.data;
  expect([...replayed.entries()].filter(([, value]) => value !== 0)).toEqual([
    [41, 3],
    [42, 3],
    [43, 3],
    [81, 1],
    [82, 1],
  ]);
  expect(replay(journal.actions, HEADER).undone).toHaveLength(1);
  const candidate = {
    model: "general",
    seed: 1,
    place: 1,
    offered: 2,
    support: 0.5,
    step: 0.25,
    features: true,
    keeps: true as const,
  };
  const next: Action = { kind: "take", candidate, delta: [0, 2, 0, 3], at: 1 };
  await journal.append(2, [next]);
  await journal.close();
  expect((await Journal.open(path, HEADER)).actions[2]).toEqual(next);
});

test("every prefix of a journal opens with the whole lines in it, says what is cut, and goes on", async () => {
  const { actions } = session(3, 6);
  const whole = bytesOf(actions);
  const ends = [0, HEADER, ...actions].map((_, i, all) => bytesLength(all.slice(1, i + 1)));
  const path = await journalIn();
  await mkdir(join(path, ".."));
  for (let length = 0; length <= whole.length; length++) {
    const lines = ends.filter((end) => end <= length).length - 1;
    const content = parseJournal(whole.subarray(0, length), HEADER, "scan.journal");
    expect(content).toEqual({
      actions: actions.slice(0, Math.max(0, lines - 1)),
      end: ends[lines],
      cut: length - ends[lines],
    });
    // Each seventh is also gone on with on disk, which is slower.
    if (length % 7 !== 0) continue;
    await writeFile(path, whole.subarray(0, length));
    const journal = await Journal.open(path, HEADER);
    await journal.append(journal.actions.length, actions.slice(journal.actions.length));
    await journal.close();
    expect(await readFile(path)).toEqual(whole);
  }

  function bytesLength(values: unknown[]): number {
    return values.reduce<number>((total, value) => total + journalLine(value as Action).length, 0);
  }
});

test("a change too many for the memory is refused and not written, and so is a journal of too many", async () => {
  const path = await journalIn();
  const numbersIn = (action: Action) => ("delta" in action ? action.delta.length : 0);
  const { actions: some } = session(5, 12);
  const last = some.findLastIndex((action) => numbersIn(action) > 0);
  const actions = some.slice(0, last + 1);
  const mostNumbers = actions.slice(0, last).reduce((sum, action) => sum + numbersIn(action), 0);
  const journal = await Journal.open(path, HEADER, { mostNumbers });
  expect(await journal.append(0, actions.slice(0, last))).toBe(last);
  const before = await readFile(path);
  const sentence = /^scan\.journal has reached its limit of [\d,.]+ runs of pixels\. Export the mask/;
  await expect(journal.append(last, actions.slice(last))).rejects.toThrow(sentence);
  await expect(journal.append(last, actions.slice(last))).rejects.toMatchObject({ code: "full" });
  expect(await readFile(path)).toEqual(before);
  expect(await journal.append(last, [{ kind: "undo", at: 9 }])).toBe(last + 1);
  await journal.close();
  const whole = bytesOf(actions);
  expect(parseJournal(whole, HEADER, "scan.journal", mostNumbers + numbersIn(actions[last])).actions).toEqual(actions);
  expect(() => parseJournal(whole, HEADER, "scan.journal", mostNumbers)).toThrow(
    /^scan\.journal holds more changes than there is memory for: line \d+ is one too many\. The file was left/,
  );
});

test("zeros and broken lines that a power cut leaves are cut, and whole lines after them are set aside", async () => {
  const { actions } = session(5, 5);
  const path = await journalIn();
  await written(path, actions.slice(0, 3));
  const good = (await readFile(path)).length;
  const tail = Buffer.concat([Buffer.alloc(100), Buffer.from("\n"), journalLine(actions[3])]);
  await appendFile(path, tail);
  const journal = await Journal.open(path, HEADER);
  expect(journal).toMatchObject({ cut: tail.length, actions: actions.slice(0, 3) });
  expect((await readFile(path)).length).toBe(good + tail.length);
  await journal.append(3, actions.slice(3));
  await journal.close();
  expect(await readFile(path)).toEqual(bytesOf(actions));
  expect(await readFile(`${path}.cut-${good}`)).toEqual(tail);
});

describe("a journal that cannot be used is refused and left byte for byte", () => {
  const { actions } = session(6, 3);
  const line = (value: unknown) => journalLine(value as Action);
  const other = { ...HEADER, sha256: "cd".repeat(32) };
  const stroke = { points: [[0, 0]], width: 1 };
  const lie = { kind: "brush", mark: "inside", stroke, delta: [0, 2000, 0, 1], at: 1 };
  test.each([
    [
      "other bytes of the image",
      Buffer.concat([line(other), line(actions[0])]),
      "other-image",
      /belongs to another image/,
    ],
    ["another size", line({ ...HEADER, width: 41 }), "other-image", /41 x 30/],
    ["some other program's file", Buffer.from("entry 1: patient 7\n"), "not-a-journal", /is not a journal of Tendril/],
    ["other bytes without an end of line", Buffer.from("12 34"), "not-a-journal", /Move it to another folder/],
    ["a newer version's", line({ ...HEADER, tendril: 2 }), "not-a-journal", /reads version 1/],
    ["an unknown action", Buffer.concat([bytesOf(actions), line({ kind: "rotate", at: 1 })]), "bad-line", /Line 5 of/],
    ["a delta beyond the image", Buffer.concat([bytesOf([]), line(lie)]), "bad-line", /reaches pixel 2000 of 40 x 30/],
    ["a delta that does not fit", bytesOf([actions[0], actions[0]]), "bad-line", /Change 2 does not fit/],
  ])("%s", async (_, bytes, code, message) => {
    const path = await journalIn();
    await mkdir(join(path, ".."));
    await writeFile(path, bytes);
    const error = await Journal.open(path, HEADER).catch((error: unknown) => error);
    expect(error).toMatchObject({ name: "JournalError", code, message: expect.stringMatching(message) });
    expect(error).toMatchObject({ message: expect.stringMatching(/left as it is/) });
    expect(await readFile(path)).toEqual(bytes);
  });
});

test("a batch with one bad action is refused as a whole, and the good ones are kept when sent again", async () => {
  const path = await journalIn();
  const { actions } = session(8, 6);
  const journal = await Journal.open(path, HEADER);
  await journal.append(0, actions.slice(0, 2));
  const stroke = { points: [[0, 0]], width: 1 };
  const misfit = { kind: "brush", mark: "inside", stroke, delta: [0, 1200, 1, 7], at: 1 };
  const candidate = { model: "general", seed: 1, place: 1, offered: 2, support: 0.5 };
  const take = { kind: "take", candidate, delta: [0, 1, 0, 3], at: 1 };
  const badTakes = [
    // A candidate changes nothing that was drawn by hand, leaves no mark of a hand, and makes nothing undecided again.
    { ...take, delta: [0, 1, 7, 1] },
    { ...take, delta: [0, 1, 0, 7] },
    { ...take, delta: [0, 1, 3, 0] },
    { ...take, candidate: { ...candidate, step: 0 } },
    { ...take, candidate: { ...candidate, step: 1.5 } },
  ];
  for (const bad of [misfit, { kind: "dance" }, null, { ...misfit, delta: [0, 1, 0, 2] }, ...badTakes])
    await expect(journal.append(2, [...actions.slice(2, 4), bad])).rejects.toThrow(ActionError);
  expect(await journal.append(2, actions.slice(2))).toBe(6);
  await journal.close();
  expect(await readFile(path)).toEqual(bytesOf(actions));
});

test("whoever counts wrongly is told so, and two appends at once are written one after the other", async () => {
  const path = await journalIn();
  const { actions } = session(9, 4);
  const journal = await Journal.open(path, HEADER);
  await expect(journal.append(3, actions)).rejects.toMatchObject({ code: "conflict" });
  const both = await Promise.allSettled([
    journal.append(0, actions.slice(0, 2)),
    journal.append(0, actions.slice(0, 2)),
  ]);
  expect(both.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
  expect(await journal.append(2, actions.slice(2))).toBe(4);
  expect(await journal.append(4, [])).toBe(4);
  await journal.close();
});

test("a journal that another program appended to, moved or replaced is not written to", async () => {
  const { actions } = session(10, 3);
  const changes: ((path: string) => Promise<unknown>)[] = [
    (path) => written(path, [{ kind: "undo", at: 1 }]),
    (path) => rename(path, `${path}.old`),
    async (path) => {
      await rename(path, `${path}.old`);
      await writeFile(path, await readFile(`${path}.old`));
    },
  ];
  for (const change of changes) {
    const path = await journalIn();
    const journal = await Journal.open(path, HEADER);
    await journal.append(0, actions.slice(0, 2));
    await change(path);
    const before = await readFile(path).catch(() => null);
    await expect(journal.append(2, actions.slice(2))).rejects.toMatchObject({ code: "changed-on-disk" });
    expect(await readFile(path).catch(() => null)).toEqual(before);
    await journal.close();
  }
});

test("two windows that begin the same journal do not overwrite each other", async () => {
  const path = await journalIn();
  const { actions } = session(11, 2);
  const first = await Journal.open(path, HEADER);
  const second = await Journal.open(path, HEADER);
  await first.append(0, actions);
  await first.close();
  await expect(second.append(0, actions)).rejects.toMatchObject({ code: "changed-on-disk" });
  expect((await Journal.open(path, HEADER)).actions).toEqual(actions);
});

describe("a disk that fails at any call loses nothing that was saved, and the same append works later", () => {
  const CODES = ["ENOSPC", "EIO", "EACCES", "EPERM", "EBUSY", "EMFILE", "EROFS", "EDQUOT"];
  const { actions } = session(12, 8);

  test.each(CODES)("%s", async (code) => {
    for (let failing = 1; failing < 60; failing++) {
      const path = await journalIn();
      const disk = failingDisk(failing, code);
      const journal = await Journal.open(path, HEADER, { openFile: disk.open });
      let refused = 0;
      for (let i = 0; i < actions.length; ) {
        try {
          i = await journal.append(i, [actions[i]]);
        } catch (error) {
          refused++;
          expect(error).toBeInstanceOf(FileError);
          expect(error).toMatchObject({ code, message: expect.stringMatching(/^Can't write .*scan\.journal: /) });
          // A kill right now must not lose what was confirmed before.
          expect((await Journal.open(path, HEADER)).actions.slice(0, i)).toEqual(actions.slice(0, i));
        }
      }
      await journal.close();
      expect(await readFile(path)).toEqual(bytesOf(actions));
      expect(await readdir(join(path, ".."))).toEqual(["scan.journal"]);
      if (refused === 0) return expect(failing).toBeGreaterThan(20);
    }
    throw new Error("the failing call was never reached");
  });

  test("a short write is gone on with", async () => {
    const path = await journalIn();
    const journal = await Journal.open(path, HEADER, {
      openFile: async (path, flags) => {
        const file = await open(path, flags);
        return {
          ...bound(file),
          write: ((buffer: Buffer, offset: number, length: number, position: number) =>
            file.write(buffer, offset, Math.min(length, 10), position)) as JournalFile["write"],
        };
      },
    });
    await journal.append(0, actions);
    await journal.close();
    expect(await readFile(path)).toEqual(bytesOf(actions));
  });

  /** The n-th call on an open journal fails; a write has then written a part. */
  function failingDisk(n: number, code: string): { open: OpenFile } {
    let calls = 0;
    const failure = () => Object.assign(new Error(`${code}: injected`), { code, syscall: "write" });
    const due = () => ++calls === n;
    return {
      async open(path, flags) {
        if (due()) throw failure();
        const file = await open(path, flags);
        const failing = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => {
          return async (...args: A) => {
            if (due()) throw failure();
            return call(...args);
          };
        };
        const real = bound(file);
        return {
          stat: failing(real.stat as () => ReturnType<JournalFile["stat"]>) as JournalFile["stat"],
          sync: failing(real.sync),
          truncate: failing(real.truncate),
          close: real.close,
          write: (async (buffer: Buffer, offset: number, length: number, position: number) => {
            if (!due()) return file.write(buffer, offset, length, position);
            await file.write(buffer, offset, Math.floor(length / 2), position);
            throw failure();
          }) as JournalFile["write"],
        };
      },
    };
  }

  function bound(file: Awaited<ReturnType<typeof open>>): JournalFile {
    return {
      stat: file.stat.bind(file) as JournalFile["stat"],
      sync: file.sync.bind(file),
      truncate: file.truncate.bind(file),
      write: file.write.bind(file) as JournalFile["write"],
      close: file.close.bind(file),
    };
  }
});
