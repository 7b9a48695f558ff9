/** From one description of a model to its two graphs: one that trains, one that infers. */
import { constantParameters, FLAT_PARAMETERS, FlatParameters, Graph, type ParameterSpec, type Var } from "./graph.ts";
import { concat, reshape } from "./ops-shape.ts";
import { type OptimiserOptions, optimise, type StateName } from "./optimiser.ts";

/** Describes the forward pass up to the loss: makes its own inputs with `graph.input`. */
export type DescribeLoss = (graph: Graph) => {
  /** Shape []: what is minimised. */
  readonly loss: Var;
  /** Further scalars to report at every step, such as the terms of the loss. */
  readonly terms: Readonly<Record<string, Var>>;
  /** Tensors to hand out at every step, such as what the model predicts. */
  readonly tensors?: Readonly<Record<string, Var>>;
};

export interface TrainingModel {
  /** An ONNX file: batch and state in, new state, `loss`, `learningRate`, `gradientNorm` and the loss's terms out. */
  readonly onnx: Uint8Array;
  readonly parameters: readonly ParameterSpec[];
  /** The state's vectors, in and out under the same name with `new_` before it. */
  readonly state: readonly StateName[];
  readonly terms: readonly string[];
  readonly tensors: readonly string[];
}

export function compileTraining(name: string, describe: DescribeLoss, options: OptimiserOptions): TrainingModel {
  const { graph, source, loss, terms, tensors = {} } = trace(describe);
  const { state, learningRate, gradientNorm } = optimise(graph, flatGradient(graph, source, loss), options);
  const reported = { loss, ...terms, learningRate, gradientNorm };
  const renewed = Object.fromEntries(Object.entries(state).map(([key, value]) => [`new_${key}`, value]));
  return {
    onnx: graph.toOnnx(name, `One training step of ${name}: forward, loss, gradients and optimiser.`, {
      ...reported,
      ...tensors,
      ...renewed,
    }),
    parameters: source.specs,
    state: Object.keys(state) as StateName[],
    terms: Object.keys(reported),
    tensors: Object.keys(tensors),
  };
}

/** Loss, terms and the flat gradient (`gradient`, [P]) without an optimiser: for checks against other programs. */
export function compileGradient(name: string, describe: DescribeLoss) {
  const { graph, source, loss, terms } = trace(describe);
  const gradient = flatGradient(graph, source, loss);
  graph.input(FLAT_PARAMETERS, [source.size]);
  return {
    onnx: graph.toOnnx(name, `Loss and gradient of ${name}.`, { loss, ...terms, gradient }),
    parameters: source.specs as readonly ParameterSpec[],
  };
}

/**
 * @param weights   parameter values by name
 * @param describe  the forward pass: makes its inputs and returns the outputs by name
 * @returns         an ordinary ONNX file with the weights inside
 */
export function compileInference(
  name: string,
  weights: ReadonlyMap<string, Float32Array>,
  describe: (graph: Graph) => Readonly<Record<string, Var>>,
): Uint8Array {
  const graph = new Graph(constantParameters(weights));
  return graph.toOnnx(name, `Inference of ${name}, weights included.`, describe(graph));
}

/** The parameters a description asks for, in order, without building a file. */
export function parametersOf(describe: (graph: Graph) => unknown): readonly ParameterSpec[] {
  const source = new FlatParameters();
  describe(new Graph(source));
  return source.specs;
}

function trace(describe: DescribeLoss) {
  const source = new FlatParameters();
  const graph = new Graph(source);
  return { graph, source, ...describe(graph) };
}

function flatGradient(graph: Graph, source: FlatParameters, loss: Var): Var {
  const gradients = graph.gradients(loss, source.leaves);
  return concat(
    gradients.map((gradient) => reshape(gradient, [gradient.shape.reduce((size, dim) => size * dim, 1)])),
    0,
  );
}
