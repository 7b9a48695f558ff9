/** A few training steps of the paper's model, the same numbers for whichever runtime is given. */
import { paperCase } from "../../bench/cases.ts";
import { Rng } from "../../src/core/index.ts";
import { ADAM, compileTraining, initialState, type Runtime, Trainer } from "../../src/engine/index.ts";

export interface PaperSteps {
  /** Samples in the batch. */
  readonly count: number;
  readonly steps: number;
}

/** @returns the loss of each step */
export async function paperLosses(runtime: Runtime, { count, steps }: PaperSteps): Promise<number[]> {
  const { describeLoss, batch } = paperCase(count);
  const model = compileTraining("paper", describeLoss, ADAM);
  const trainer = await Trainer.start(runtime, model, initialState(model, Rng.seeded(7)));
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await trainer.step(batch)).terms.loss);
  await trainer.close();
  return losses;
}
