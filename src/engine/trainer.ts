/** Runs training steps: holds the optimiser's state between them. */

import { type Rng, ShapeError } from "../core/index.ts";
import type { TrainingModel } from "./compile.ts";
import { initialValues, sizeOf } from "./graph.ts";
import type { StateName } from "./optimiser.ts";
import type { Runtime, Session, Tensors } from "./runtime.ts";

/** Parameters, moments, average and step counter: all that an optimiser needs to go on exactly. */
export type TrainingState = Readonly<Partial<Record<StateName, Float32Array>>> & { readonly parameters: Float32Array };

export function initialState(model: TrainingModel, rng: Rng): TrainingState {
  return stateOf(model, initialValues(model.parameters, rng));
}

/** The state before the first step of an optimiser that begins with these parameters, the flat vector. */
export function stateOf(model: TrainingModel, parameters: Float32Array): TrainingState {
  const vectors = model.state.map((name) => {
    if (name === "step") return [name, new Float32Array(1)] as const;
    if (name === "parameters" || name === "average") return [name, parameters.slice()] as const;
    return [name, new Float32Array(parameters.length)] as const;
  });
  return { ...Object.fromEntries(vectors), parameters };
}

interface StepResult {
  readonly terms: Record<string, number>;
  readonly tensors: Tensors;
  readonly finite: boolean;
}

export class Trainer {
  private readonly model: TrainingModel;
  private readonly session: Session;
  private current: TrainingState;

  private constructor(model: TrainingModel, session: Session, state: TrainingState) {
    this.model = model;
    this.session = session;
    this.current = state;
  }

  /** @throws {ShapeError} when `state` belongs to another model */
  static async start(runtime: Runtime, model: TrainingModel, state: TrainingState): Promise<Trainer> {
    const size = model.parameters.reduce((total, { shape }) => total + sizeOf(shape), 0);
    for (const name of model.state) {
      const expected = name === "step" ? 1 : size;
      if (state[name]?.length !== expected)
        throw new ShapeError(
          `The training state's ${name} holds ${state[name]?.length ?? 0} values; the model needs ${expected}.`,
        );
    }
    return new Trainer(model, await runtime.load(model.onnx), state);
  }

  get state(): TrainingState {
    return this.current;
  }

  /**
   * One step. The state advances only when every reported number and every number of the new state is sound (see `isSound`), so a
   * bad batch leaves the last good state.
   *
   * @param batch  the description's own inputs, by name
   * @returns      loss, its terms, learning rate and gradient norm, by name; the description's tensors; whether the state has advanced
   */
  async step(batch: Tensors): Promise<StepResult> {
    const inputs: Record<string, Tensors[string]> = { ...batch };
    for (const name of this.model.state)
      inputs[name] = { data: this.current[name]!, shape: [this.current[name]!.length] };
    const outputs = await this.session.run(inputs);
    const terms = Object.fromEntries(this.model.terms.map((name) => [name, outputs[name].data[0]]));
    const renewed = this.model.state.map((name) => [name, outputs[`new_${name}`].data] as const);
    // A finite loss does not vouch for the update: 0 / 0 in it would show one step, and maybe one checkpoint, too late.
    const finite = Object.values(terms).every(isSound) && renewed.every(([, data]) => areSound(data));
    if (finite) this.current = Object.fromEntries(renewed) as unknown as TrainingState;
    const tensors = Object.fromEntries(this.model.tensors.map((name) => [name, outputs[name]]));
    return { terms, tensors, finite };
  }

  close(): Promise<void> {
    return this.session.close();
  }
}

/** Finite, and its square as well in float32: beyond 1.8e19 a weight saturates whatever it meets, and no gradient leads back. */
export function isSound(value: number): boolean {
  return Number.isFinite(Math.fround(value * value));
}

/** 0 times a number is 0, and NaN when the number is not finite: four times as fast as asking each. */
function areSound(data: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += 0 * Math.fround(data[i] * data[i]);
  return sum === 0;
}
