/** A general model of the smallest kind, untrained, for tests of what is built on it. */
import { Rng } from "../../src/core/index.ts";
import { initialValues, parametersOf, splitFlat } from "../../src/engine/index.ts";
import { describeGeneralLoss, type GeneralShape, type Model } from "../../src/model/index.ts";

const SHAPE: GeneralShape = { size: 32, widths: [4, 4, 4, 4, 4], features: 0, latent: 2 };

/** @param seed  of its weights */
export function untrainedGeneral(seed: number): Model {
  const loss = { beta0: 1, betaKl: 1, betaMean: 1, betaBest: 1, draws: 0 };
  const specs = parametersOf(describeGeneralLoss(1, SHAPE, loss));
  const flat = initialValues(specs, Rng.seeded(seed));
  return {
    card: {
      format: 1,
      name: `untrained-${seed}`,
      kind: "general",
      parameters: flat.length,
      seed,
      steps: 1,
      dataSha256: "0".repeat(64),
      weightsSha256: "0123456789abcdef".repeat(4),
      config: { model: SHAPE },
      runtime: "none",
    },
    weights: splitFlat(specs, flat),
  };
}
