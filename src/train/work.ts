/** What a training run trains and on what: the part of a run that differs between the paper's model and the general one. */
import type { Tensors, TrainingModel } from "../engine/index.ts";

export interface TrainingBatch {
  readonly tensors: Tensors;
  /** What the batch holds, for naming a bad one. */
  readonly names: readonly (string | number)[];
}

export interface TrainingWork {
  readonly model: TrainingModel;
  /** SHA-256 of the training data. */
  readonly dataSha256: string;
  /** Steps after which nothing is under way: a run stops and is taken up again only at multiples of it. */
  readonly cycle: number;
  batch(step: number): Promise<TrainingBatch>;
  /** Hands back the training graph's tensors of `step`. */
  answered(step: number, tensors: Tensors): void;
  /** What the model's file holds, from the trained weights. */
  published(weights: ReadonlyMap<string, Float32Array>): ReadonlyMap<string, Float32Array>;
  close(): Promise<void>;
}
