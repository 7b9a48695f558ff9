/** A few training steps of the paper's model, the same numbers for whichever runtime is given. */
import { Rng } from "../../src/core/index.ts";
import { ADAM, compileTraining, initialState, type Runtime, type Tensors, Trainer } from "../../src/engine/index.ts";
import { describePaperLoss, LATENT_SIZE, PAPER_SIZE } from "../../src/model/index.ts";
import { DISKS, drawBatch, makeDiskSet, PAIRS } from "../../src/synth/index.ts";

export interface PaperSteps {
  readonly batch: number;
  readonly steps: number;
}

/** @returns the loss of each step */
export async function paperLosses(runtime: Runtime, { batch, steps }: PaperSteps): Promise<number[]> {
  const rng = Rng.seeded(7);
  const model = compileTraining("paper", describePaperLoss(batch, { beta0: 1, beta1: 0.01 }), ADAM);
  const trainer = await Trainer.start(runtime, model, initialState(model, rng.at("weights")));
  const inputs = paperBatch(rng, batch);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await trainer.step(inputs)).terms.loss);
  await trainer.close();
  return losses;
}

/** Inputs of `describePaperLoss`: disks and partial segmentations of them, and noise. */
export function paperBatch(rng: Rng, count: number): Tensors {
  const { image, xm, xs, ym, ys } = drawBatch(
    rng.at("batch"),
    makeDiskSet(rng, "train", count, DISKS),
    count,
    PAPER_SIZE,
    PAIRS,
  );
  const plane = (data: Float32Array) => ({ data, shape: [count, 1, PAPER_SIZE, PAPER_SIZE] });
  const noise = rng.at("noise").normals(count * LATENT_SIZE * LATENT_SIZE);
  return {
    image: plane(image),
    xm: plane(xm),
    xs: plane(xs),
    ym: plane(ym),
    ys: plane(ys),
    noise: { data: noise, shape: [count, 1, LATENT_SIZE, LATENT_SIZE] },
  };
}
