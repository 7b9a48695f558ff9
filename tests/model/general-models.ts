/** General models of 32 cells with random weights and biases, so that every path carries something. */
import { Rng } from "../../src/core/index.ts";
import { initialValues, parametersOf, splitFlat } from "../../src/engine/index.ts";
import { describeGeneralLoss, type GeneralShape, type Model } from "../../src/model/index.ts";
import { projectionShapes } from "../../src/model/pretrained.ts";

export const LOSS = { beta0: 0.3, betaKl: 0.02, betaMean: 1, betaBest: 1, draws: 2 };

export const PLAIN: GeneralShape = { size: 32, widths: [4, 6, 8, 10, 12], features: 0, latent: 3 };
export const WITH_FEATURES: GeneralShape = { ...PLAIN, features: 5 };

export function randomModel(seed: number, shape: GeneralShape): Model {
  const rng = Rng.seeded(seed);
  const specs = parametersOf(describeGeneralLoss(1, shape, LOSS));
  const flat = initialValues(specs, rng.at("weights"));
  // Biases start at 0, and would stay out of every test.
  const noise = rng.at("noise").normals(flat.length);
  const weights = splitFlat(
    specs,
    flat.map((value, i) => value + 0.05 * noise[i]),
  );
  if (shape.features > 0)
    for (const { name, shape: dims } of projectionShapes(shape.features))
      weights.set(name, rng.at(name).normals(dims.reduce((size, dim) => size * dim, 1)));
  return {
    card: {
      format: 1,
      name: `random-${seed}`,
      kind: "general",
      parameters: [...weights.values()].reduce((total, { length }) => total + length, 0),
      seed,
      steps: 6,
      dataSha256: "0".repeat(64),
      weightsSha256: "0123456789abcdef".repeat(4),
      config: { model: shape },
      runtime: "none",
    },
    weights,
  };
}
