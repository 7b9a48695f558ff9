/** What is timed: a training step or an inference of a case, in any of our runtimes. Runs in Node and in the page. */

import { Rng } from "../src/core/index.ts";
import {
  ADAM,
  compileInference,
  compileTraining,
  initialState,
  type Runtime,
  splitFlat,
  Trainer,
} from "../src/engine/index.ts";
import { type Case, paperCase, unetCase } from "./cases.ts";
import { UNET } from "./unet.ts";

export type Task = "step" | "infer";

export interface TimedCase {
  readonly name: string;
  readonly task: Task;
  readonly subject: Case;
  /** Runs in a row before another program has its turn: about half a second. */
  readonly times: number;
}

/** The cases of docs/results/engine.md. */
export function timedCases(): TimedCase[] {
  const unet = unetCase(UNET);
  return [
    { name: "paper, training step, batch 16", task: "step", subject: paperCase(16), times: 10 },
    { name: "paper, training step, batch 64", task: "step", subject: paperCase(64), times: 3 },
    { name: "U-Net, training step, batch 8", task: "step", subject: unet, times: 1 },
    { name: "paper, 8 candidates", task: "infer", subject: paperCase(8), times: 40 },
    { name: "U-Net, 8 candidates", task: "infer", subject: unet, times: 2 },
  ];
}

/** Seconds that each run took, and what it computed: a step's loss, or every SAMPLED-th value of the segmentation. */
export interface Timing {
  readonly seconds: readonly number[];
  readonly values: readonly number[];
}

/** One program that runs one case: ours in some runtime, or PyTorch. */
export interface Contender {
  /** Steps go on from one call to the next. */
  run(times: number): Promise<Timing>;
  close(): Promise<void>;
}

/** Also in peer.py. A prime, so that the values come from all over the image. */
export const SAMPLED = 997;

export function startOurs(runtime: Runtime, { task, subject }: TimedCase): Promise<Contender> {
  return task === "step" ? startSteps(runtime, subject) : startInference(runtime, subject);
}

async function startSteps(runtime: Runtime, { name, describeLoss, weights, batch }: Case): Promise<Contender> {
  const model = compileTraining(name, describeLoss, ADAM);
  const state = { ...initialState(model, Rng.seeded(0)), parameters: weights };
  const trainer = await Trainer.start(runtime, model, state);
  return {
    run: (times) => timed(times, async () => (await trainer.step(batch)).terms.loss),
    close: () => trainer.close(),
  };
}

async function startInference(runtime: Runtime, subject: Case): Promise<Contender> {
  const { name, parameters, weights, describeInference, inputs } = subject;
  const session = await runtime.load(compileInference(name, splitFlat(parameters, weights), describeInference));
  return {
    async run(times) {
      let segmentation = new Float32Array(0);
      const { seconds } = await timed(times, async () => {
        segmentation = Float32Array.from((await session.run(inputs)).segmentation.data);
        return 0;
      });
      return { seconds, values: [...segmentation.filter((_, i) => i % SAMPLED === 0)] };
    },
    close: () => session.close(),
  };
}

async function timed(times: number, run: () => Promise<number>): Promise<Timing> {
  const seconds: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < times; i++) {
    const start = performance.now();
    values.push(await run());
    seconds.push((performance.now() - start) / 1000);
  }
  return { seconds, values };
}
