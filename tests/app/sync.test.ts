import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../../src/app/api.ts";
import { type SaveStatus, Sync } from "../../src/app/sync.ts";
import type { Action } from "../../src/project/annotation.ts";

/** A journal in memory with the server's rules; `fault` makes the next requests fail before or after they are kept. */
function server() {
  const journal: Action[] = [];
  const kept: { after: number; actions: readonly Action[] }[] = [];
  const statuses: SaveStatus[] = [];
  const state = { fault: "none" as "none" | "before" | "after", isWriter: true, requests: 0 };
  return {
    journal,
    kept,
    statuses,
    state,
    last: () => statuses[statuses.length - 1],
    ports: {
      async append(after: number, actions: readonly Action[]) {
        state.requests++;
        await Promise.resolve();
        if (state.fault === "before") throw new ApiError(0, "unreachable", "Lost the server at 127.0.0.1:8000.");
        if (after !== journal.length || !state.isWriter) throw new ApiError(409, "conflict", "Not the writer.");
        journal.push(...actions);
        if (state.fault === "after") throw new ApiError(0, "unreachable", "Lost the server at 127.0.0.1:8000.");
        return journal.length;
      },
      async reopen() {
        return { writer: state.isWriter, actions: [...journal] };
      },
      keep: (after: number, actions: readonly Action[]) => void kept.push({ after, actions: [...actions] }),
      report: (status: SaveStatus) => void statuses.push(status),
    },
  };
}

const action = (at: number): Action => ({ kind: "undo", at });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("an action is saved only when the server has answered", async () => {
  const { ports, statuses, journal } = server();
  new Sync(0, ports).push(action(1));
  expect(statuses.map(({ kind }) => kind)).toEqual(["saving"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(journal).toEqual([action(1)]);
  expect(statuses.map(({ kind }) => kind)).toEqual(["saving", "saved"]);
});

test("actions that come while a request is under way follow it at once, in order", async () => {
  const { ports, journal, state, last } = server();
  const sync = new Sync(0, ports);
  for (let at = 1; at <= 5; at++) sync.push(action(at));
  await vi.advanceTimersByTimeAsync(1);
  expect(journal.map(({ at }) => at)).toEqual([1, 2, 3, 4, 5]);
  expect(state.requests).toBe(2);
  expect(last().kind).toBe("saved");
});

test("while the server is away everything is kept and said to be not saved; when it is back all is sent", async () => {
  const { ports, journal, state, kept, last } = server();
  const sync = new Sync(0, ports);
  state.fault = "before";
  sync.push(action(1));
  await vi.advanceTimersByTimeAsync(1);
  sync.push(action(2));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(last()).toMatchObject({ kind: "not-saved", why: "Lost the server at 127.0.0.1:8000." });
  expect(kept[kept.length - 1]).toEqual({ after: 0, actions: [action(1), action(2)] });
  expect(sync.unsaved).toBe(2);
  state.fault = "none";
  await vi.advanceTimersByTimeAsync(6000);
  expect(journal.map(({ at }) => at)).toEqual([1, 2]);
  expect(last().kind).toBe("saved");
  expect(kept[kept.length - 1].actions).toEqual([]);
});

test("an answer that was lost does not save an action twice", async () => {
  const { ports, journal, state, last } = server();
  const sync = new Sync(0, ports);
  state.fault = "after";
  sync.push(action(1));
  await vi.advanceTimersByTimeAsync(1);
  state.fault = "none";
  sync.push(action(2));
  await vi.advanceTimersByTimeAsync(6000);
  expect(journal.map(({ at }) => at)).toEqual([1, 2]);
  expect(last().kind).toBe("saved");
});

test("a page that is no longer the writer says that it only looks", async () => {
  const { ports, state, last, kept } = server();
  const sync = new Sync(0, ports);
  state.isWriter = false;
  sync.push(action(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(last().kind).toBe("read-only");
  expect(kept[0].actions).toEqual([action(1)]);
});

test("a journal that went on without the page is a conflict, and nothing is sent over it", async () => {
  const { ports, journal, last } = server();
  const sync = new Sync(0, ports);
  journal.push(action(77));
  sync.push(action(1));
  await vi.advanceTimersByTimeAsync(1);
  expect(last().kind).toBe("conflict");
  expect(journal).toEqual([action(77)]);
});

test("a page at rest lets the server hear from it well within ten seconds", async () => {
  const { ports, state } = server();
  new Sync(0, ports);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(state.requests).toBeGreaterThanOrEqual(2);
});

test("closing sends what is waiting and then is silent", async () => {
  const { ports, journal, state } = server();
  const sync = new Sync(0, ports);
  sync.push(action(1));
  sync.push(action(2));
  const closed = sync.close();
  await vi.advanceTimersByTimeAsync(50);
  await closed;
  expect(journal).toHaveLength(2);
  const { requests } = state;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(state.requests).toBe(requests);
});
