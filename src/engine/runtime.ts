/** What runs a graph: the same interface over ONNX Runtime in Node and in the browser. */
import { ShapeError, TendrilError } from "../core/index.ts";
import type { Shape } from "./graph.ts";

export interface HostTensor {
  readonly data: Float32Array;
  readonly shape: Shape;
}

export type Tensors = Readonly<Record<string, HostTensor>>;

/** A graph that has been loaded. Runs must not overlap. */
export interface Session {
  /** @throws {ShapeError} when an input is missing or has another shape than the model's */
  run(inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

/** `cpu` everywhere; `webgpu` where there is a GPU (or a software Vulkan). In the browser `cpu` is WebAssembly. */
export type Device = "cpu" | "webgpu";

export interface Runtime {
  /** For reports: "onnxruntime-node 1.30.0, cpu, 2 threads". */
  readonly name: string;
  /** @throws {EngineError} when the runtime refuses the model */
  load(model: Uint8Array): Promise<Session>;
}

export interface RuntimeOptions {
  readonly device?: Device;
  /** CPU threads; more are not always faster on a busy machine. 0 leaves the choice to the runtime. */
  readonly threads?: number;
}

/** The runtime refused a model or could not run it. */
export class EngineError extends TendrilError {
  constructor(message: string, options?: ErrorOptions) {
    super("engine", message, options);
  }
}

/** What both ONNX Runtime packages have in common, as far as we use it. */
interface OrtTensor {
  readonly data: unknown;
  readonly dims: readonly number[];
  dispose(): void;
}

export interface OrtSession {
  readonly inputMetadata: readonly { readonly name: string; readonly shape?: readonly (number | string)[] }[];
  run(feeds: Record<string, OrtTensor>): Promise<Readonly<Record<string, OrtTensor>>>;
  release(): Promise<void>;
}

/** Wraps a session of either package. `makeTensor` is that package's tensor constructor. */
export function wrapSession(session: OrtSession, makeTensor: (data: Float32Array, shape: Shape) => OrtTensor): Session {
  return {
    async run(inputs) {
      for (const { name, shape } of session.inputMetadata) requireShape(name, inputs[name]?.shape, shape);
      const feeds: Record<string, OrtTensor> = {};
      for (const [name, { data, shape }] of Object.entries(inputs)) feeds[name] = makeTensor(unshared(data), shape);
      const results = await session.run(feeds).catch((cause: unknown) => {
        throw new EngineError(`The engine could not run the model: ${firstLine(cause)}`, { cause });
      });
      const out: Record<string, HostTensor> = {};
      for (const [name, tensor] of Object.entries(results)) {
        if (!(tensor.data instanceof Float32Array)) throw new EngineError(`The model's output ${name} is not float32.`);
        out[name] = { data: tensor.data, shape: [...tensor.dims] };
      }
      return out;
    },
    close: () => session.release(),
  };
}

/** The runtimes refuse memory that threads share. */
function unshared(data: Float32Array): Float32Array {
  return data.buffer instanceof ArrayBuffer ? data : data.slice();
}

/** The runtime would name an index and leave out the rest. */
function requireShape(name: string, given: Shape | undefined, expected: readonly (number | string)[] = []): void {
  if (!given) throw new ShapeError(`The model takes an input ${name} of [${expected}], but none was given.`);
  // A side that has a name instead of a number is free.
  const fits =
    given.length === expected.length && expected.every((side, i) => typeof side === "string" || side === given[i]);
  if (!fits) throw new ShapeError(`The input ${name} is [${given}], but the model takes [${expected}].`);
}

export function refusedModel(cause: unknown): EngineError {
  return new EngineError(`The engine refused the model: ${firstLine(cause)}`, { cause });
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
}
