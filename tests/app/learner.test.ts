import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { WorkerError } from "../../src/app/asker.ts";
import { Learner } from "../../src/app/learner.ts";
import type { Lesson } from "../../src/app/worker-messages.ts";
import type { Image } from "../../src/core/index.ts";

const image: Image = { width: 2, height: 2, data: new Uint8Array(4), maximum: 255 };
const features = { projected: new Float32Array([1, 2, 3]), channels: new Float32Array([1, 2, 3]) };
const LONG = 10_000;

/** The far side of a worker that learns one image. */
class FarSide {
  readonly given: Image[] = [];
  isEnded = false;
  onmessage: (event: { data: Lesson }) => void = () => undefined;
  onerror: (event: { message: string }) => void = () => undefined;
  postMessage = (given: Image) => void this.given.push(given);
  terminate = () => {
    this.isEnded = true;
  };
}

function learning() {
  const workers: FarSide[] = [];
  const learner = new Learner(() => {
    workers.push(new FarSide());
    return workers[workers.length - 1] as unknown as Worker;
  });
  return { learner, workers };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("an image is learned once, by a worker of its own that is ended afterwards", async () => {
  const { learner, workers } = learning();
  const first = learner.learn("a", image);
  await vi.advanceTimersByTimeAsync(LONG);
  expect(workers.map(({ given }) => given)).toEqual([[image]]);
  workers[0].onmessage({ data: { kind: "learned", features } });
  expect(await first).toBe(features);
  expect(workers[0].isEnded).toBe(true);
  expect(await learner.learn("a", image)).toBe(features);
  expect(workers).toHaveLength(1);
});

test("the next image ends learning the one before, whose answer is none", async () => {
  const { learner, workers } = learning();
  const first = learner.learn("a", image);
  await vi.advanceTimersByTimeAsync(LONG);
  const second = learner.learn("b", image);
  expect(await first).toBeNull();
  expect(workers[0].isEnded).toBe(true);
  await vi.advanceTimersByTimeAsync(LONG);
  workers[1].onmessage({ data: { kind: "learned", features } });
  expect(await second).toBe(features);
});

test("for an image that was only leafed past no worker is started", async () => {
  const { learner, workers } = learning();
  const first = learner.learn("a", image);
  await vi.advanceTimersByTimeAsync(100);
  learner.stop();
  expect(await first).toBeNull();
  await vi.advanceTimersByTimeAsync(LONG);
  expect(workers).toEqual([]);
});

test("what went wrong is told in its words, and the same image can be tried again", async () => {
  const { learner, workers } = learning();
  for (const fail of [
    (worker: FarSide) => worker.onmessage({ data: { kind: "failed", code: "model", message: "No encoder." } }),
    (worker: FarSide) => worker.onerror({ message: "No encoder." }),
  ]) {
    const failing = learner.learn("a", image);
    failing.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(LONG);
    fail(workers[workers.length - 1]);
    await expect(failing).rejects.toThrow(WorkerError);
    await expect(failing).rejects.toThrow("No encoder.");
  }
  expect(workers.map(({ isEnded }) => isEnded)).toEqual([true, true]);
});
