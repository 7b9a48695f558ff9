import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkerError } from "../../src/app/asker.ts";
import { Reader } from "../../src/app/reader.ts";
import type { FileToRead, Reading } from "../../src/app/worker-messages.ts";

const IMAGE: Reading = {
  kind: "image",
  image: { width: 1, height: 1, data: new Uint8Array(1), maximum: 255 },
  levels: [],
  target: { name: "a.png", size: [1, 1, 1], toWorld: null },
};
const VOLUME = { kind: "volume", volume: {}, scale: {} } as unknown as Reading;
const PAST_PATIENCE = 200_000;

/** The far side of a worker that reads files. */
class FarSide {
  readonly given: string[] = [];
  isEnded = false;
  onmessage: (event: { data: Reading }) => void = () => undefined;
  onerror: (event: { message: string; preventDefault(): void }) => void = () => undefined;
  onmessageerror: () => void = () => undefined;
  postMessage = ({ name }: FileToRead) => void this.given.push(name);
  terminate = () => {
    this.isEnded = true;
  };
}

function reading() {
  const workers: FarSide[] = [];
  const reader = new Reader(() => {
    workers.push(new FarSide());
    return workers[workers.length - 1] as unknown as Worker;
  });
  return {
    reader,
    workers,
    read: (name: string) => reader.read({ name, files: [{ name, size: 4 }], part: 0, bytes: new Uint8Array(4) }),
  };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("one worker reads image after image; the one that has read a volume is ended", async () => {
  const { workers, read } = reading();
  for (const name of ["a.png", "b.png"]) {
    const answer = read(name);
    workers[0].onmessage({ data: IMAGE });
    expect(await answer).toBe(IMAGE);
  }
  expect(workers.map(({ given }) => given)).toEqual([["a.png", "b.png"]]);
  const volume = read("c.nii");
  workers[0].onmessage({ data: VOLUME });
  expect(await volume).toBe(VOLUME);
  expect(workers[0].isEnded).toBe(true);
});

test("a file that ends its worker is named with the reason, and the next file gets another worker", async () => {
  const { workers, read } = reading();
  const died = read("a.nii");
  workers[0].onerror({ message: "out of memory", preventDefault: () => undefined });
  await expect(died).rejects.toThrow(WorkerError);
  await expect(died).rejects.toThrow(/^a\.nii could not be read: it stopped the reader of files \(out of memory\)/);
  const lost = read("b.nii");
  workers[1].onmessageerror();
  await expect(lost).rejects.toThrow(/^b\.nii could not be read: what was read could not be handed over/);
  const next = read("c.png");
  workers[2].onmessage({ data: IMAGE });
  expect(await next).toBe(IMAGE);
  expect(workers.map(({ isEnded }) => isEnded)).toEqual([true, true, false]);
});

test("a worker that dies without a word is given up after a while", async () => {
  const { workers, read } = reading();
  const silent = read("a.nii");
  const refused = expect(silent).rejects.toThrow("a.nii could not be read: it took more than 120 seconds");
  await vi.advanceTimersByTimeAsync(PAST_PATIENCE);
  await refused;
  expect(workers[0].isEnded).toBe(true);
});

test("a file that is refused is told in the reader's words", async () => {
  const { workers, read } = reading();
  const refused = read("a.nii");
  workers[0].onmessage({ data: { kind: "failed", code: "cut-short", message: "a.nii is cut short." } });
  await expect(refused).rejects.toThrow("a.nii is cut short.");
});

test("another file ends reading the one before, whose answer is none", async () => {
  const { workers, read } = reading();
  const first = read("a.nii");
  const second = read("b.png");
  expect(await first).toBeNull();
  expect(workers[0].isEnded).toBe(true);
  workers[1].onmessage({ data: IMAGE });
  expect(await second).toBe(IMAGE);
});
