/** The general model's two networks, loaded: one question about a window, and its answers. */
import type { HostTensor, Runtime, Session } from "../engine/index.ts";
import { compare, type ImageMaps, type Marks, PLANES } from "./comparison.ts";
import { candidatesOnnx, trunkOnnx } from "./general.ts";
import { type Model, shapeOf } from "./model-file.ts";
import type { GeneralShape } from "./trunk.ts";
import type { CellProbabilities } from "./window.ts";

/** What the networks are asked about a window. */
export interface Question {
  readonly maps: ImageMaps;
  readonly marks: Marks;
  /** How much of what is left is to be added, (0, 1]; 1 is all of it. */
  readonly step: number;
  /** [F, S/2, S/2] on the window, or null for none */
  readonly features: Float32Array | null;
}

export interface GeneralNetworks {
  readonly shape: GeneralShape;
  /**
   * Probabilities on the window's cells for z = 0, then for each latent; that of inside is for the whole window, segmented or not.
   *
   * @param latents  [draws, latent]
   */
  answer(question: Question, latents: Float32Array): Promise<CellProbabilities[]>;
  close(): Promise<void>;
}

/** @param draws  how many latents every question comes with */
export async function loadNetworks(model: Model, runtime: Runtime, draws: number): Promise<GeneralNetworks> {
  const shape = shapeOf(model.card, model.card.name);
  const count = 1 + draws;
  const trunk = await runtime.load(trunkOnnx(model.weights, shape));
  const decoder = await runtime.load(candidatesOnnx(model.weights, shape, count));
  return {
    shape,
    answer: (question, latents) => answer({ trunk, decoder, shape, count }, question, latents),
    async close() {
      await trunk.close();
      await decoder.close();
    },
  };
}

interface Sessions {
  readonly trunk: Session;
  readonly decoder: Session;
  readonly shape: GeneralShape;
  readonly count: number;
}

async function answer(
  { trunk, decoder, shape, count }: Sessions,
  { maps, marks, step, features }: Question,
  latents: Float32Array,
): Promise<CellProbabilities[]> {
  const { size, latent } = shape;
  const area = size * size;
  const planes = new Float32Array(PLANES.length * area);
  compare(maps, marks, step, planes);
  const tensor = (data: Float32Array, channels: number, side = size): HostTensor => ({
    data,
    shape: [1, channels, side, side],
  });
  const seen = await trunk.run({
    planes: tensor(planes, PLANES.length),
    ...(shape.features > 0
      ? { features: tensor(features ?? new Float32Array((shape.features * area) / 4), shape.features, size / 2) }
      : {}),
  });
  const z = new Float32Array(count * latent);
  z.set(latents, latent);
  const { partialness, segmentation } = await decoder.run({
    ...seen,
    inside: tensor(new Float32Array(marks.inside), 1),
    outside: tensor(new Float32Array(marks.outside), 1),
    z: { data: z, shape: [count, latent] },
  });
  return Array.from({ length: count }, (_, k) => ({
    partialness: partialness.data.subarray(k * area, (k + 1) * area),
    segmentation: segmentation.data.subarray(k * area, (k + 1) * area),
  }));
}
