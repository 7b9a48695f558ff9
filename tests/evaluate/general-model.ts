/** A general model of the smallest kind, untrained, for tests of what is built on it. */
import { Rng } from "../../src/core/index.ts";
import { initialValues, parametersOf, splitFlat } from "../../src/engine/index.ts";
import { describeGeneralLoss, type GeneralShape, type Model } from "../../src/model/index.ts";
import { projectionShapes } from "../../src/model/pretrained.ts";

const SHAPE: GeneralShape = { size: 32, widths: [4, 4, 4, 4, 4], features: 0, latent: 2 };

/** @param seed  of its weights @param features  how many it can use; 0 for a model without */
export function untrainedGeneral(seed: number, features = 0): Model {
  const shape = { ...SHAPE, features };
  const loss = { beta0: 1, betaKl: 1, betaMean: 1, betaBest: 1, draws: 0 };
  const projection = features > 0 ? projectionShapes(features) : [];
  const specs = [
    ...parametersOf(describeGeneralLoss(1, shape, loss)),
    ...projection.map((spec) => ({ ...spec, init: { kind: "uniform", bound: 0.5 } as const })),
  ];
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
      config: { model: shape },
      runtime: "none",
    },
    weights: splitFlat(specs, flat),
  };
}
