/**
 * A compute graph with static shapes that can be differentiated and written as ONNX.
 *
 * Operators (`ops-*.ts`) are functions from `Var` to `Var`. Each emits ONNX nodes and, where a parameter lies upstream,
 * records how a gradient flows back; `gradients` walks the record in reverse. A model is described once, as a function of
 * a `Graph`; whether its parameters are slices of one flat training vector or constants is the graph's `ParameterSource`.
 */
import { InternalError, type Rng, ShapeError } from "../core/index.ts";
import { type Attribute, encodeModel, type NodeSpec, type TensorSpec, type ValueSpec } from "./onnx.ts";

export type Shape = readonly number[];

/** A float32 tensor in a graph; its shape is known when the graph is built. */
export interface Var {
  readonly graph: Graph;
  readonly name: string;
  readonly shape: Shape;
  /** Whether a parameter lies upstream, so that a gradient has somewhere to go. */
  readonly needsGradient: boolean;
}

/** How a parameter starts: uniform in [-bound, bound], or one constant. */
export type Init =
  | { readonly kind: "uniform"; readonly bound: number }
  | { readonly kind: "constant"; readonly value: number };

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly init: Init;
}

/** Where a graph's parameters come from. */
export interface ParameterSource {
  parameter(graph: Graph, spec: ParameterSpec): Var;
}

/** Given the gradient of the loss by the output, the gradients by each input; null where none is needed. */
type Backward = (dOutput: Var) => readonly (Var | null)[];

interface Recorded {
  readonly output: Var;
  readonly inputs: readonly Var[];
  readonly backward: Backward;
}

export class Graph {
  private readonly source: ParameterSource;
  private readonly nodes: NodeSpec[] = [];
  private readonly constants = new Map<string, TensorSpec>();
  private readonly constantNames = new Map<string, string>();
  private readonly graphInputs: ValueSpec[] = [];
  private readonly tape: Recorded[] = [];
  private counter = 0;

  constructor(source: ParameterSource) {
    this.source = source;
  }

  /** A tensor that is supplied at every run. */
  input(name: string, shape: Shape): Var {
    this.graphInputs.push({ name, shape });
    return this.variable(name, shape, false);
  }

  /** A learned tensor; `name` must be unique in the model, as in "decoder.conv1.weight". */
  parameter(name: string, shape: Shape, init: Init): Var {
    return this.source.parameter(this, { name, shape, init });
  }

  constant(data: Float32Array, shape: Shape): Var {
    if (data.length !== sizeOf(shape)) throw new ShapeError(`A constant of ${data.length} values is not [${shape}].`);
    return this.variable(this.intern(data, shape), shape, false);
  }

  scalar(value: number): Var {
    return this.constant(Float32Array.of(value), []);
  }

  /** The name of a constant int64 vector, for operators that take axes, sizes or pads as input. */
  integers(values: readonly number[]): string {
    return this.intern(BigInt64Array.from(values, BigInt), [values.length]);
  }

  /** Adds one ONNX node with one float output. `inputs` are variables or names of constants. */
  emit(
    op: string,
    inputs: readonly (Var | string)[],
    shape: Shape,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): Var {
    const output = `t${this.counter++}`;
    const names = inputs.map((input) => (typeof input === "string" ? input : input.name));
    this.nodes.push({ op, inputs: names, output, attributes });
    return this.variable(output, shape, false);
  }

  /** Makes `output`, just emitted from `inputs`, differentiable. */
  differentiable(output: Var, inputs: readonly Var[], backward: Backward): Var {
    if (!inputs.some((input) => input.needsGradient)) return output;
    const tracked = this.variable(output.name, output.shape, true);
    this.tape.push({ output: tracked, inputs, backward });
    return tracked;
  }

  /** A leaf with respect to which gradients can be taken. */
  leaf(value: Var): Var {
    return this.variable(value.name, value.shape, true);
  }

  /**
   * Reverse-mode gradients of a scalar.
   *
   * @param loss    shape []
   * @param leaves  variables made by `leaf`
   * @returns       one gradient a leaf, of the leaf's shape; zeros where the loss does not depend on it
   */
  gradients(loss: Var, leaves: readonly Var[]): Var[] {
    if (loss.shape.length > 0) throw new ShapeError(`Only a scalar has gradients, but the loss is [${loss.shape}].`);
    const collected = new Map<string, Var>([[loss.name, this.scalar(1)]]);
    for (let i = this.tape.length - 1; i >= 0; i--) {
      const { output, inputs, backward } = this.tape[i];
      const dOutput = collected.get(output.name);
      if (!dOutput) continue;
      backward(dOutput).forEach((gradient, k) => {
        if (!gradient || !inputs[k].needsGradient) return;
        this.requireShape(gradient, inputs[k]);
        const { name, shape } = inputs[k];
        const sofar = collected.get(name);
        collected.set(name, sofar ? this.emit("Add", [sofar, gradient], shape) : gradient);
      });
    }
    return leaves.map(
      ({ name, shape }) => collected.get(name) ?? this.constant(new Float32Array(sizeOf(shape)), shape),
    );
  }

  /**
   * The graph as an ONNX file that computes `outputs`; what they do not depend on is left out.
   *
   * @param name  of the graph inside the file
   * @param doc   one sentence for whoever opens it
   */
  toOnnx(name: string, doc: string, outputs: Readonly<Record<string, Var>>): Uint8Array {
    const needed = new Set(Object.values(outputs).map((output) => output.name));
    const kept: NodeSpec[] = [];
    for (let i = this.nodes.length - 1; i >= 0; i--) {
      const node = this.nodes[i];
      if (!needed.has(node.output)) continue;
      kept.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    kept.reverse();
    const named = Object.entries(outputs).map(([as, { name: from, shape }]) => ({ as, from, shape }));
    const renames = named.map(({ as, from }) => ({ op: "Identity", inputs: [from], output: as, attributes: {} }));
    return encodeModel({
      name,
      doc,
      nodes: [...kept, ...renames],
      initializers: [...this.constants.values()].filter((tensor) => needed.has(tensor.name)),
      inputs: this.graphInputs.filter((input) => needed.has(input.name)),
      outputs: named.map(({ as, shape }) => ({ name: as, shape })),
    });
  }

  private variable(name: string, shape: Shape, needsGradient: boolean): Var {
    return { graph: this, name, shape, needsGradient };
  }

  /** Equal constants are stored once: a training graph asks for the same zeros and axes hundreds of times. */
  private intern(data: Float32Array | BigInt64Array, shape: Shape): string {
    const key = data.length <= 16 ? `${data.constructor.name}[${shape}]${data.join()}` : undefined;
    const known = key === undefined ? undefined : this.constantNames.get(key);
    if (known) return known;
    const name = `c${this.constants.size}`;
    this.constants.set(name, { name, shape, data });
    if (key !== undefined) this.constantNames.set(key, name);
    return name;
  }

  private requireShape(gradient: Var, of: Var): void {
    if (gradient.shape.join() !== of.shape.join())
      throw new InternalError(`The gradient of ${of.name} [${of.shape}] has shape [${gradient.shape}].`);
  }
}

export function sizeOf(shape: Shape): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** Parameters as constants, from a map of name to values: for an inference graph. */
export function constantParameters(weights: ReadonlyMap<string, Float32Array>): ParameterSource {
  return {
    parameter(graph, { name, shape }) {
      const data = weights.get(name);
      if (!data) throw new ShapeError(`The weights hold no ${name}: they belong to another model.`);
      if (data.length !== sizeOf(shape))
        throw new ShapeError(`${name} holds ${data.length} values but the model needs [${shape}].`);
      return graph.constant(data, shape);
    },
  };
}

/** Parameters as slices of one flat vector, supplied at every run: for a training graph. */
export class FlatParameters implements ParameterSource {
  readonly specs: ParameterSpec[] = [];
  readonly leaves: Var[] = [];
  private offset = 0;

  /** Number of values in the flat vector so far. */
  get size(): number {
    return this.offset;
  }

  parameter(graph: Graph, spec: ParameterSpec): Var {
    if (this.specs.some((other) => other.name === spec.name))
      throw new InternalError(`Two parameters are called ${spec.name}.`);
    const end = this.offset + sizeOf(spec.shape);
    const span = [graph.integers([this.offset]), graph.integers([end]), graph.integers([0])];
    const values = graph.emit("Slice", [FLAT_PARAMETERS, ...span], [end - this.offset]);
    const shaped = graph.emit("Reshape", [values, graph.integers(spec.shape)], spec.shape);
    const leaf = graph.leaf(shaped);
    this.specs.push(spec);
    this.leaves.push(leaf);
    this.offset = end;
    return leaf;
  }
}

/** The name of the flat parameter vector among a training graph's inputs. */
export const FLAT_PARAMETERS = "parameters";

/** Starting values for `specs`, one after another; each parameter has a generator of its own name. */
export function initialValues(specs: readonly ParameterSpec[], rng: Rng): Float32Array {
  const flat = new Float32Array(specs.reduce((total, { shape }) => total + sizeOf(shape), 0));
  let at = 0;
  for (const { name, shape, init } of specs) {
    const own = rng.at(name);
    const end = at + sizeOf(shape);
    if (init.kind === "constant") flat.fill(init.value, at, end);
    else for (let i = at; i < end; i++) flat[i] = own.between(-init.bound, init.bound);
    at = end;
  }
  return flat;
}

/** The flat vector of named parameters. @throws {ShapeError} when one is missing or of another size */
export function joinFlat(specs: readonly ParameterSpec[], values: ReadonlyMap<string, Float32Array>): Float32Array {
  const flat = new Float32Array(specs.reduce((total, { shape }) => total + sizeOf(shape), 0));
  let at = 0;
  for (const { name, shape } of specs) {
    const value = values.get(name);
    if (value?.length !== sizeOf(shape))
      throw new ShapeError(`${name} has ${value?.length ?? "no"} values and should have [${shape}].`);
    flat.set(value, at);
    at += value.length;
  }
  return flat;
}

/** Cuts a flat vector into named parameters (views, not copies). */
export function splitFlat(specs: readonly ParameterSpec[], flat: Float32Array): Map<string, Float32Array> {
  const out = new Map<string, Float32Array>();
  let at = 0;
  for (const { name, shape } of specs) {
    out.set(name, flat.subarray(at, at + sizeOf(shape)));
    at += sizeOf(shape);
  }
  return out;
}
