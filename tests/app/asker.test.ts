import { expect, test } from "vitest";
import { Asker, WorkerError } from "../../src/app/asker.ts";
import type { Answer, ModelFacts, Order } from "../../src/app/worker-messages.ts";
import type { Image } from "../../src/core/index.ts";

const image: Image = { width: 2, height: 2, data: new Uint8Array(4), maximum: 255 };
const MODEL: ModelFacts = { name: "general-1", kind: "general", answers: 24, canLearn: true };

/** The far side of a worker: keeps what it is told until the test lets it answer. */
class FarSide {
  readonly orders: Order[] = [];
  onmessage: (event: { data: Answer }) => void = () => undefined;
  onerror: (event: { message: string }) => void = () => undefined;

  postMessage(order: Order): void {
    this.orders.push(order);
  }

  answer(order: Order): void {
    const { ticket } = order;
    this.onmessage({ data: { kind: "proposed", ticket, model: MODEL, features: true, candidates: [] } });
  }
}

function asking() {
  const far = new FarSide();
  const asker = new Asker(far as unknown as Worker);
  // The image is there already: what is told after that is what the tests are about.
  asker.use(image, null);
  far.orders.length = 0;
  return { far, asker };
}

const question = (seed: number) => ({ image, annotation: new Uint8Array(4), count: 4, seed, step: 0.5 });
const soon = () => new Promise((resolve) => setTimeout(resolve));

test("of several questions only the newest is answered, and those in between are never asked", async () => {
  const { far, asker } = asking();
  const answers = [asker.ask(question(1)), asker.ask(question(2)), asker.ask(question(3))];
  await soon();
  // The first two were replaced before they could be sent.
  expect(far.orders).toMatchObject([{ seed: 3 }]);
  const later = asker.ask(question(4));
  await soon();
  expect(far.orders).toHaveLength(1);
  far.answer(far.orders[0]);
  await soon();
  expect(far.orders).toMatchObject([{ seed: 3 }, { seed: 4 }]);
  far.answer(far.orders[1]);
  expect(await Promise.all(answers)).toEqual([null, null, null]);
  expect(await later).toMatchObject({ seed: 4, step: 0.5, features: true, model: MODEL });
});

test("an answer that nobody waits for any more is dropped", async () => {
  const { far, asker } = asking();
  const answer = asker.ask(question(1));
  await soon();
  asker.drop();
  far.answer(far.orders[0]);
  expect(await answer).toBeNull();
});

test("what the worker could not do is told in its words, and a worker that stops tells everybody", async () => {
  const { far, asker } = asking();
  const failing = asker.ask(question(1));
  await soon();
  far.onmessage({ data: { kind: "failed", ticket: far.orders[0].ticket, code: "model", message: "No model." } });
  await expect(failing).rejects.toThrow(WorkerError);
  await expect(failing).rejects.toThrow("No model.");
  const hanging = asker.ask(question(2));
  await soon();
  far.onerror({ message: "out of memory" });
  await expect(hanging).rejects.toThrow("The page's worker stopped: out of memory.");
});

test("the annotation is copied: drawing on does not change what was asked", async () => {
  const { far, asker } = asking();
  const annotation = new Uint8Array(4);
  void asker.ask({ ...question(1), annotation });
  await soon();
  annotation[0] = 1;
  expect(far.orders[0]).toMatchObject({ annotation: new Uint8Array(4) });
});

test("features are handed on without an answer, and the model is told of when it is loaded", async () => {
  const { far, asker } = asking();
  const features = { projected: new Float32Array(8), channels: new Float32Array(2) };
  asker.use(image, features);
  const model = asker.load();
  await soon();
  expect(far.orders).toMatchObject([{ kind: "features", features }, { kind: "load" }]);
  far.onmessage({ data: { kind: "loaded", ticket: far.orders[1].ticket, model: MODEL } });
  expect(await model).toEqual(MODEL);
});

test("an image is sent before the first question on it, and not again", async () => {
  const { far, asker } = asking();
  const other: Image = { ...image, data: new Uint8Array(4) };
  for (const seed of [1, 2]) {
    const answer = asker.ask({ ...question(seed), image: other });
    await soon();
    far.answer(far.orders[far.orders.length - 1]);
    await answer;
  }
  expect(far.orders).toMatchObject([{ kind: "image", image: other }, { seed: 1 }, { seed: 2 }]);
});
