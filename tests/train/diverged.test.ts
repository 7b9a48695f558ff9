/** NaN, infinity and huge numbers, put in anywhere: the run stops in that step and keeps its last good checkpoint. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Rng } from "../../src/core/index.ts";
import { ADAM, compileTraining, initialState, type Runtime, type Tensors, Trainer } from "../../src/engine/index.ts";
import { nodeRuntime } from "../../src/engine/runtime-node.ts";
import { readLimited } from "../../src/files/index.ts";
import { describePaperLoss, readSafetensors } from "../../src/model/index.ts";
import { DISKS, drawBatch, makeDiskSet, PAIRS } from "../../src/synth/index.ts";
import { batchTensors, DivergedError, parseConfig, train } from "../../src/train/index.ts";
import { placeForRuns, resultOf, TINY } from "./tiny.ts";

const HEALTHY = nodeRuntime({ threads: 1 });
/** The first step that goes wrong; the checkpoint before it is of step 4. */
const BAD_STEP = 7;

let place: string;
let straight: string;
beforeAll(async () => {
  place = await placeForRuns();
  straight = join(place, "straight");
  await train(TINY, { folder: straight, runtime: HEALTHY, resume: false });
});
afterAll(() => rm(place, { recursive: true }));

/** The real runtime, under the same name, with one number of the inputs or results of step BAD_STEP replaced. */
function failing(when: "in" | "out", name: string, value: number): Runtime {
  return {
    name: HEALTHY.name,
    async load(model) {
      const session = await HEALTHY.load(model);
      let step = 0;
      const spoil = (tensors: Tensors): Tensors => {
        const { data, shape } = tensors[name];
        const spoiled = data.slice();
        spoiled[data.length >> 1] = value;
        return { ...tensors, [name]: { data: spoiled, shape } };
      };
      return {
        async run(inputs) {
          step++;
          const bad = step === BAD_STEP;
          const results = await session.run(bad && when === "in" ? spoil(inputs) : inputs);
          return bad && when === "out" ? spoil(results) : results;
        },
        close: () => session.close(),
      };
    },
  };
}

const CASES: [what: string, when: "in" | "out", name: string, value: number][] = [
  ["NaN in the image", "in", "image", Number.NaN],
  ["infinity in the image", "in", "image", Number.POSITIVE_INFINITY],
  ["1e38 in the target", "in", "ys", 1e38],
  ["NaN in the partialness mask", "in", "xm", Number.NaN],
  ["infinity in the noise", "in", "noise", Number.NEGATIVE_INFINITY],
  ["a weight that is NaN", "in", "parameters", Number.NaN],
  ["a weight of 1e38", "in", "parameters", 1e38],
  ["a moment that is infinite", "in", "moment1", Number.POSITIVE_INFINITY],
  ["a loss that is NaN", "out", "loss", Number.NaN],
  ["a term of the loss that is infinite", "out", "divergence", Number.POSITIVE_INFINITY],
  ["a gradient that is infinite", "out", "gradientNorm", Number.POSITIVE_INFINITY],
  ["a loss of 1e38", "out", "loss", 1e38],
  ["a new weight that is NaN beside a finite loss", "out", "new_parameters", Number.NaN],
  ["a new weight that is infinite beside a finite loss", "out", "new_parameters", Number.NEGATIVE_INFINITY],
  ["a new moment that is infinite beside a finite loss", "out", "new_moment2", Number.POSITIVE_INFINITY],
  ["a new average that is NaN beside a finite loss", "out", "new_average", Number.NaN],
];

test.each(CASES)("%s stops the run in that step, and it goes on from before it", async (what, when, name, value) => {
  const folder = join(place, what);
  const run = train(TINY, { folder, runtime: failing(when, name, value), resume: false });
  const error = await run.catch((cause: unknown) => cause);
  expect(error).toBeInstanceOf(DivergedError);
  const rng = Rng.seeded(TINY.seed);
  const set = makeDiskSet(Rng.seeded(TINY.data.seed), "train", TINY.data.images, TINY.data.disks);
  const { indices } = drawBatch(rng.at("batches").at(BAD_STEP - 1), set, TINY.batch, 32, TINY.data.pairs);
  const { message } = error as DivergedError;
  expect(message).toMatch(
    /^Training stopped at step 7: (.* is (NaN|-?Infinity|9\.99.*e\+37)|a weight is not a finite number any more)\. /,
  );
  expect(message).toContain(`The batch holds the training images ${indices.join(", ")}.`);
  expect(message).toContain("The checkpoint of step 4 is whole.");

  expect(await readdir(join(folder, "checkpoints"))).toEqual(["step-00000004"]);
  const bytes = await readLimited(join(folder, "checkpoints", "step-00000004", "state.safetensors"), 2 ** 30);
  for (const { data } of readSafetensors(bytes, "state").values()) expect(data.every(Number.isFinite)).toBe(true);
  expect(await readdir(folder)).not.toContain("model");

  await train(TINY, { folder, runtime: HEALTHY, resume: true });
  expect(await resultOf(folder)).toEqual(await resultOf(straight));
});

test("before the first checkpoint the message says that there is none", async () => {
  const config = { ...TINY, checkpointEvery: 10 };
  const run = train(config, {
    folder: join(place, "early"),
    runtime: failing("out", "loss", Number.NaN),
    resume: false,
  });
  await expect(run).rejects.toThrow("loss is NaN.");
  await expect(
    train(config, { folder: join(place, "early"), runtime: failing("out", "loss", Number.NaN), resume: true }),
  ).rejects.toThrow("There is no checkpoint yet.");
});

test("an update that is 0 / 0 does not become the trainer's state, though the loss is finite", async () => {
  // An epsilon below float32's range, and a weight without gradient: the direction is 0 / 0.
  const model = compileTraining("paper", describePaperLoss(1, { beta0: 1, beta1: 0 }), { ...ADAM, epsilon: 1e-60 });
  const before = initialState(model, Rng.seeded(1));
  const trainer = await Trainer.start(HEALTHY, model, before);
  const set = makeDiskSet(Rng.seeded(1), "train", 1, DISKS);
  const { terms, finite } = await trainer.step(
    batchTensors(drawBatch(Rng.seeded(2), set, 1, 32, PAIRS), Rng.seeded(3)),
  );
  expect(Object.values(terms).every(Number.isFinite)).toBe(true);
  expect(finite).toBe(false);
  expect(trainer.state).toBe(before);
  await trainer.close();
});

test("such an epsilon is refused in a configuration", () => {
  const config = { ...TINY, optimiser: { ...TINY.optimiser, epsilon: 1e-60 } };
  expect(() => parseConfig(JSON.stringify(config), "tiny.json")).toThrow(/^tiny\.json: optimiser\.epsilon: /);
});
