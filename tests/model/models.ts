/** The models that the tests of this folder run on: freshly initialised ones, and the shipped one where there is one. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Rng } from "../../src/core/index.ts";
import { initialValues, splitFlat } from "../../src/engine/index.ts";
import { packageFolder } from "../../src/files/index.ts";
import { type Model, paperParameters } from "../../src/model/index.ts";
import { readModelFolder } from "../../src/train/index.ts";

/** The paper's networks with the weights that a training run with this seed starts from. */
export function initialModel(seed: number): Model {
  const specs = paperParameters();
  const flat = initialValues(specs, Rng.seeded(seed));
  return {
    card: {
      format: 1,
      name: `untrained-${seed}`,
      kind: "paper",
      parameters: flat.length,
      seed,
      steps: 1,
      dataSha256: "0".repeat(64),
      weightsSha256: "0123456789abcdef".repeat(4),
      config: {},
      runtime: "none",
    },
    weights: splitFlat(specs, flat),
  };
}

export async function realModels(): Promise<Model[]> {
  const models = [initialModel(1), initialModel(2)];
  const shipped = join(packageFolder(), "models", "paper");
  if (existsSync(shipped)) models.push(await readModelFolder(shipped));
  return models;
}
